//! Certificates and keys in PEM files, with errors that say what the file holds and what to write.
//!
//! An error is a sentence about the file ("it is encrypted; …"), so that whoever reports it names the file. For the
//! gateway, which reads the files of its listener in the same way.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};

/// Labels of certificates. Of these only the first one is read; OpenSSL reads all of them.
const CERTIFICATES: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];

/// The certificates of a file, every one; at least one.
///
/// # Errors
///
/// The file cannot be read, or not every certificate in it.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(file)?;
    let found = CertificateDer::pem_slice_iter(text.as_bytes());
    let found: Vec<_> = found
        .collect::<Result<_, _>>()
        .map_err(|error| broken(&error, &text, file))?;
    let begun: Vec<_> = labels(&text)
        .filter(|label| CERTIFICATES.contains(label))
        .collect();
    if begun.is_empty() {
        return Err(absent("certificate", &text));
    }
    if let Some(other) = begun.iter().find(|label| **label != CERTIFICATES[0]) {
        return Err(format!(
            "it has a section {other}, and only CERTIFICATE is read; convert each: openssl x509 -in OLD -out NEW"
        ));
    }
    // The reader looks at the beginnings of lines only, and passes over whatever is elsewhere.
    if begun.len() != found.len() {
        return Err(format!(
            "only {} of {} certificates in it can be read; put each BEGIN and each END on a line of its own",
            found.len(),
            begun.len()
        ));
    }
    Ok(found)
}

/// The certificates of a file as they are shown to a peer: the first one is that of the key.
///
/// # Errors
///
/// The file cannot be read, or one of its certificates: a peer would refuse the whole chain.
pub fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = certificates(file)?;
    for (number, certificate) in (1..).zip(&chain) {
        // The peer judges the authorities' certificates. They only have to be readable.
        let unread = Error::InvalidCertificate(CertificateError::BadEncoding);
        if RootCertStore::empty().add(certificate.clone()) == Err(unread) {
            return Err(format!(
                "certificate {number} of it is broken; write the chain again, the certificate of the key first"
            ));
        }
    }
    match chain.first().map(ParsedCertificate::try_from) {
        Some(Err(error)) => Err(format!(
            "its first certificate cannot be used ({}); have one made that is X.509 of version 3",
            cause(&error)
        )),
        _ => Ok(chain),
    }
}

/// The reason why a certificate serves nobody at a time, with the end of its validity that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutOfDate {
    /// It has expired.
    Since(SystemTime),
    /// It is not valid yet.
    Until(SystemTime),
}

/// The first certificate of a chain that is out of date, and its number in the chain, counted from 1.
///
/// A certificate that cannot be read is not judged, nor one whose times contradict each other.
#[must_use]
pub fn out_of_date(chain: &[CertificateDer<'_>], now: SystemTime) -> Option<(usize, OutOfDate)> {
    (1..)
        .zip(chain)
        .find_map(|(number, certificate)| Some((number, judged(certificate, now)?)))
}

/// rustls does not tell the dates of a certificate. Whoever verifies one is told of them first (RFC 5280 6.1.3 (a)(2)),
/// before it turns out that no authority is trusted here: a parser of X.509 would be one more dependency.
fn judged(certificate: &CertificateDer<'_>, now: SystemTime) -> Option<OutOfDate> {
    let certificate = ParsedCertificate::try_from(certificate).ok()?;
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap_or_default());
    let nobody = RootCertStore::empty();
    let verified = verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], now, &[]);
    let time = |time: UnixTime| UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    match verified {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            time(not_after).map(OutOfDate::Since)
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => time(not_before).map(OutOfDate::Until),
        Ok(()) | Err(_) => None,
    }
}

/// The first private key of a file, as it is and ready to sign.
///
/// # Errors
///
/// There is none, or none that the provider can sign with.
pub fn private_key(
    file: &Path,
    provider: &CryptoProvider,
) -> Result<(PrivateKeyDer<'static>, Arc<dyn SigningKey>), String> {
    let text = read(file)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes());
    let key = key.map_err(|error| broken(&error, &text, file))?;
    match provider.key_provider.load_private_key(key.clone_key()) {
        Ok(signing) => Ok((key, signing)),
        Err(error) => Err(format!(
            "its key cannot be used ({error}); make one that is RSA of 2048 to 4096 bits, ECDSA on P-256 or P-384, or \
             Ed25519"
        )),
    }
}

/// A chain with its key. The files that they are from are named in the error.
///
/// # Errors
///
/// The key is not that of the first certificate.
pub fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: &Arc<dyn SigningKey>,
    [cert_file, key_file]: [&Path; 2],
) -> Result<CertifiedKey, String> {
    let is_its = |certificate: &CertificateDer<'static>| {
        let pair = CertifiedKey::new(vec![certificate.clone()], Arc::clone(key));
        match pair.keys_match() {
            // Not every provider tells the public half of a key.
            Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => true,
            Err(_) => false,
        }
    };
    let (cert_file, key_file) = (cert_file.display(), key_file.display());
    match chain.iter().position(is_its) {
        Some(0) => Ok(CertifiedKey::new(chain, Arc::clone(key))),
        Some(later) => Err(format!(
            "the key in {key_file} is that of certificate {} of {cert_file}; put this certificate first, and then those of \
             the authorities",
            later + 1
        )),
        None => Err(format!(
            "the key in {key_file} is not that of the first certificate of {cert_file}; name the two that were made together"
        )),
    }
}

/// The reason why rustls does not take a certificate, without its words on a peer, which there is not.
pub(super) fn cause(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string(),
        Error::InvalidCertificate(cause) => format!("{cause:?}"),
        other => other.to_string(),
    }
}

/// The file as text. Comments may be in any encoding; sections are ASCII.
fn read(file: &Path) -> Result<String, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("it cannot be read ({error})"))?;
    // Editors of Windows begin a file with a mark, which would hide the first line.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// The names of the sections that begin in a text, wherever in a line. A line that begins with `#` is a comment.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split("-----BEGIN ").skip(1))
        .filter_map(|rest| Some(rest.split_once("-----")?.0))
        .filter(|label| is_label(label))
}

/// Whether a text is the name of a section, as all are that are in use (RFC 7468 4). Any other text there, as where
/// line breaks are lost, may be the key itself, and no error tells it.
fn is_label(text: &str) -> bool {
    let of_names =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" #".contains(&byte);
    text.len() <= 40 && text.bytes().all(of_names)
}

/// A section that cannot be read, or a key that is not there.
fn broken(error: &PemError, text: &str, file: &Path) -> String {
    match error {
        // RFC 7468 11, and `Proc-Type: 4,ENCRYPTED` (RFC 1421 4.6.1.1), whose fields are not base64.
        PemError::Base64Decode(_) | PemError::NoItemsFound if text.contains("ENCRYPTED") => {
            let file = file.display();
            format!(
                "its key is encrypted; write it without a passphrase: openssl pkey -in {file} -out NEW"
            )
        }
        PemError::NoItemsFound => absent("private key", text),
        PemError::MissingSectionEnd { end_marker } => {
            let label = String::from_utf8_lossy(end_marker);
            if is_label(&label) {
                format!("it ends before the line -----END {label}-----; write the whole file again")
            } else {
                "its line breaks are lost; put each BEGIN and each END on a line of its own".to_owned()
            }
        }
        PemError::IllegalSectionStart { .. } => {
            "a line of it that starts with -----BEGIN does not end with -----; put each BEGIN on a line of its own"
                .to_owned()
        }
        PemError::Base64Decode(_) => {
            "a section of it is not base64; write the whole file again".to_owned()
        }
        other => format!("it cannot be read ({other})"),
    }
}

/// The error for a file that holds no `thing`: it says what the file holds instead.
fn absent(thing: &str, text: &str) -> String {
    let others: Vec<_> = labels(text).collect();
    if text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
        return format!(
            "it holds no {thing} in PEM: it is DER, PKCS #12 or UTF-16; convert it, as with openssl {} -in OLD -out NEW",
            if thing == "certificate" {
                "x509"
            } else {
                "pkey"
            }
        );
    }
    if others.contains(&"PKCS7") {
        return format!(
            "it holds no {thing} but PKCS #7; convert it: openssl pkcs7 -print_certs -in OLD -out NEW"
        );
    }
    let but = match others.first() {
        Some(label) => format!(", but a {label}"),
        None => String::new(),
    };
    format!(
        "it holds no {thing} in PEM{but}; the line before one is -----BEGIN {}-----",
        thing.to_uppercase()
    )
}

#[cfg(test)]
mod tests;
