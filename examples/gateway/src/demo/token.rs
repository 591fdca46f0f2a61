//! The session of the demo: a JSON Web Token, carried by `Authorization: Bearer` or by a cookie.
//!
//! Of the whole standard (RFC 7519) the demo needs one algorithm and two claims, on the HMAC that signs its
//! URLs. A library for tokens brings RSA and elliptic curves; an application needs one, as the example
//! `jwt_api` shows.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use hmac::{Hmac, Mac};
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Secret, unix_time};

/// The cookie that holds the session. A cookie knows no port, so its name says whose it is.
pub const SESSION: &str = "same_origin_demo";

/// The only header that is issued and accepted, so that no token chooses its own algorithm (RFC 8725 3.1).
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

#[derive(Debug, Serialize, Deserialize)]
pub struct Claims {
    pub sub: String,
    pub exp: u64,
}

/// Issues tokens and judges them.
pub struct Tokens {
    key: Hmac<Sha256>,
}

impl Tokens {
    pub fn new(secret: &Secret) -> Self {
        let key = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self { key }
    }

    pub fn issue(&self, subject: &str, expires: u64) -> serde_json::Result<String> {
        let claims = Claims {
            sub: subject.to_owned(),
            exp: expires,
        };
        let claims = serde_json::to_vec(&claims)?;
        let signed = format!("{}.{}", BASE64.encode(HEADER), BASE64.encode(claims));
        let signature = self.mac(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }

    /// The sender of a request, by its `Authorization` or else by its cookie.
    ///
    /// The error is what a `WWW-Authenticate` field says (RFC 6750 3.1).
    pub fn judge(&self, headers: &HeaderMap) -> Result<Claims, &'static str> {
        let token = bearer(headers)
            .or_else(|| cookie(headers))
            .ok_or("no token")?;
        let claims = self.verify(token).ok_or("the token is not valid")?;
        // One process issues and judges: there is no clock that could differ.
        match claims.exp < unix_time() {
            true => Err("the token has expired"),
            false => Ok(claims),
        }
    }

    /// The claims of a token that this process has issued.
    fn verify(&self, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64.decode(signature).ok()?;
        // Before anything else is read, and in the same time whatever the signature is.
        self.mac(signed).verify_slice(&signature).ok()?;
        let (header, claims) = signed.split_once('.')?;
        if BASE64.decode(header).ok()? != HEADER.as_bytes() {
            return None;
        }
        serde_json::from_slice(&BASE64.decode(claims).ok()?).ok()
    }

    fn mac(&self, signed: &str) -> Hmac<Sha256> {
        self.key.clone().chain_update(signed)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == SESSION).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(tokens: &Tokens, token: &str) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {token}");
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        tokens.judge(&headers).map(|claims| claims.sub)
    }

    #[test]
    fn only_what_was_issued_is_believed_and_only_until_it_expires() {
        let (tokens, others) = (Tokens::new(&[1; 32]), Tokens::new(&[2; 32]));
        let good = tokens.issue("visitor", unix_time() + 60).unwrap();
        let expired = tokens.issue("visitor", 1).unwrap();
        let forged = others.issue("visitor", unix_time() + 60).unwrap();
        let (claims, signature) = good.rsplit_once('.').unwrap();
        let unsigned = format!("{}.e30.", BASE64.encode(r#"{"alg":"none"}"#));
        for (name, token, verdict) in [
            ("good", &good, Ok("visitor".to_owned())),
            ("expired", &expired, Err("the token has expired")),
            ("forged", &forged, Err("the token is not valid")),
            ("unsigned", &unsigned, Err("the token is not valid")),
            ("cut", &claims.to_owned(), Err("the token is not valid")),
            (
                "changed",
                &format!("{claims}A.{signature}"),
                Err("the token is not valid"),
            ),
            ("empty", &String::new(), Err("the token is not valid")),
        ] {
            assert_eq!(judge(&tokens, token), verdict, "{name}");
        }
    }
}
