//! Verifies requests that are signed the way of AWS Signature Version 4, for bodiless requests: what
//! an API with IAM authorization does. The signature covers method, path, query and host, so it
//! holds only if a gateway hands all four on as the client meant them.

use hmac::{Hmac, Mac};
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use sha2::{Digest, Sha256};

use super::bucket::{hex, unhex};
use super::unix_time;

/// The scope of the credentials: what AWS calls region and service.
pub const SCOPE: &str = "local/execute-api";
/// Seconds by which the clocks of client and server may differ.
const SKEW: u64 = 300;

/// Temporary credentials, as a token service hands them to a page.
#[derive(serde::Serialize)]
pub struct Credentials {
    pub access_key: String,
    pub secret_key: String,
}

/// Whether a request is signed with these credentials, now.
///
/// The error says what is wrong.
pub fn verify<B>(credentials: &Credentials, request: &Request<B>) -> Result<(), &'static str> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let authorization = header(AUTHORIZATION.as_str()).ok_or("not signed")?;
    let date = header("x-amz-date").ok_or("x-amz-date is missing")?;
    let host = header(HOST.as_str()).ok_or("host is missing")?;
    if unix_time().abs_diff(seconds(date).ok_or("x-amz-date is not a time")?) > SKEW {
        return Err("the signature is of another time");
    }
    let day = date.get(..8).ok_or("x-amz-date is not a time")?;
    let scope = format!("{day}/{SCOPE}/aws4_request");
    let prefix = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature=",
        credentials.access_key
    );
    let signature = authorization
        .strip_prefix(&prefix)
        .ok_or("not signed for this API")?;

    let uri = request.uri();
    let canonical = format!(
        "{}\n{}\n{}\nhost:{host}\nx-amz-date:{date}\n\nhost;x-amz-date\n{}",
        request.method(),
        uri.path(),
        canonical_query(uri.query().unwrap_or_default()),
        hex(&Sha256::digest(b"")),
    );
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let signature = unhex(signature).ok_or("the signature is not hexadecimal")?;
    signing_key(&credentials.secret_key, &scope)
        .chain_update(to_sign)
        .verify_slice(&signature)
        .map_err(|_| "the signature is wrong")
}

/// The key for a scope: each part is the message under the key of the part before.
fn signing_key(secret: &str, scope: &str) -> Hmac<Sha256> {
    let key = mac(format!("AWS4{secret}").as_bytes());
    scope.split('/').fold(key, |key, part| {
        mac(&key.chain_update(part).finalize().into_bytes())
    })
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The parameters in the order of their names; the demo's need no further encoding.
fn canonical_query(query: &str) -> String {
    let mut parameters: Vec<_> = query.split('&').collect();
    parameters.sort_unstable();
    parameters.join("&")
}

/// The Unix time of `20261120T093000Z`.
fn seconds(date: &str) -> Option<u64> {
    if date.len() != 16 || !date.is_ascii() {
        return None;
    }
    let (day, time) = date.split_once('T')?;
    let time = time.strip_suffix('Z')?;
    let text = format!(
        "{}-{}-{}T{}:{}:{}Z",
        day.get(..4)?,
        day.get(4..6)?,
        day.get(6..)?,
        time.get(..2)?,
        time.get(2..4)?,
        time.get(4..)?
    );
    let time = humantime::parse_rfc3339(&text).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_derived_as_documented() {
        // The example of AWS's own documentation. A key cannot be read back, so what is compared is
        // the MAC of nothing.
        let key = signing_key(
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "20150830/us-east-1/iam/aws4_request",
        );
        let known = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9";
        assert!(key.finalize() == mac(&unhex(known).unwrap()).finalize());
    }

    #[test]
    fn dates_are_read() {
        assert_eq!(seconds("19700102T000001Z"), Some(86_401));
        for wrong in [
            "",
            "19700102T000001",
            "1970-01-02T00:00Z",
            "1970é102T00001Z",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
