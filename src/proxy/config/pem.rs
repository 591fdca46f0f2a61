//! Certificates and keys in PEM files, with errors that say what the file holds and what to write.
//!
//! An error is a sentence about the file ("it is encrypted; …"), so that whoever reports it names the file. For the
//! gateway, which reads the files of its listener in the same way.

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{CertificateError, Error, InconsistentKeys, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The names of the sections that begin in a text, wherever in a line. What is behind a `#` is a comment.
fn labels(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split("-----BEGIN ").skip(1))
        .filter_map(|rest| Some(rest.split_once("-----")?.0))
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
            format!("it ends before the line -----END {label}-----; write the whole file again")
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
mod tests {
    use super::*;
    use rcgen::{
        BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair,
        PKCS_ECDSA_P256_SHA256, date_time_ymd, generate_simple_self_signed,
    };

    /// A certificate and its key.
    fn made() -> (String, String) {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn section(label: &str, content: &str) -> String {
        format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
    }

    fn file(content: impl AsRef<[u8]>) -> tempfile::TempPath {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, content).unwrap();
        file.into_temp_path()
    }

    #[test]
    fn every_certificate_of_a_file_is_read_or_told_of() {
        let ((one, _), (two, _)) = (made(), made());
        let commented = format!("#{}", two.trim_end().replace('\n', "\n# "));
        for (name, text, wanted) in [
            ("a chain", format!("{one}{two}"), Ok(2)),
            (
                "lines of Windows",
                format!("{one}{two}").replace('\n', "\r\n"),
                Ok(2),
            ),
            ("a byte order mark", format!("\u{feff}{one}{two}"), Ok(2)),
            (
                "a comment in a certificate's form",
                format!("{one}{commented}\n"),
                Ok(1),
            ),
            (
                "no newline between two",
                format!("{}{two}", one.trim_end()),
                Err("only 1 of 2"),
            ),
            (
                "a byte order mark inside",
                format!("{one}\u{feff}{two}"),
                Err("only 1 of 2"),
            ),
            (
                "indented",
                one.replace("-----B", " -----B"),
                Err("only 0 of 1"),
            ),
            (
                "OpenSSL's trust",
                format!("{one}{}", two.replace(" CERT", " TRUSTED CERT")),
                Err("TRUSTED"),
            ),
            (
                "an old name",
                one.replace(" CERT", " X509 CERT"),
                Err("X509 CERTIFICATE"),
            ),
            (
                "half a file",
                one[..one.len() / 2].to_owned(),
                Err("-----END CERTIFICATE-----"),
            ),
            (
                "not base64",
                section("CERTIFICATE", "???"),
                Err("not base64"),
            ),
            ("nothing", String::new(), Err("-----BEGIN CERTIFICATE-----")),
            ("PKCS #7", section("PKCS7", "MAAA"), Err("openssl pkcs7")),
            ("UTF-16", "-\0-\0-\0".to_owned(), Err("UTF-16")),
        ] {
            let found = certificates(&file(text)).map(|found| found.len());
            match (&found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(*found, wanted, "{name}"),
                (Err(error), Err(words)) => assert!(error.contains(words), "{name}: {error}"),
                _ => panic!("{name}: {found:?}"),
            }
        }
        let der = certificates(&file(b"\x30\x82\x01\x00")).unwrap_err();
        assert!(der.contains("DER"), "{der}");
    }

    #[test]
    fn a_chain_has_no_certificate_that_a_peer_cannot_read() {
        let ((one, _), cut) = (made(), section("CERTIFICATE", "MIIBAAAA"));
        assert_eq!(chain(&file(format!("{one}{one}"))).unwrap().len(), 2);
        for (text, words) in [
            (format!("{one}{cut}{one}"), "certificate 2 of it is broken"),
            (format!("{cut}{one}"), "certificate 1 of it is broken"),
        ] {
            let error = chain(&file(text)).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn a_certificate_out_of_date_is_found_wherever_in_a_chain_it_is() {
        let valid = |from, to| {
            let mut wanted = CertificateParams::new(["localhost".to_owned()]).unwrap();
            (wanted.not_before, wanted.not_after) =
                (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
            let made = wanted.self_signed(&KeyPair::generate().unwrap()).unwrap();
            made.der().clone()
        };
        let year = |year| SystemTime::from(date_time_ymd(year, 1, 1));
        let broken = CertificateDer::from(vec![0]);
        for (name, chain, wanted) in [
            ("good", vec![valid(2000, 2030)], None),
            (
                "expired",
                vec![valid(2000, 2020)],
                Some((1, OutOfDate::Since(year(2020)))),
            ),
            (
                "not yet valid",
                vec![valid(2026, 2030)],
                Some((1, OutOfDate::Until(year(2026)))),
            ),
            (
                "of an authority",
                vec![valid(2000, 2030), valid(2000, 2010)],
                Some((2, OutOfDate::Since(year(2010)))),
            ),
            (
                "behind one that is broken",
                vec![broken, valid(2000, 2010)],
                Some((2, OutOfDate::Since(year(2010)))),
            ),
            ("for good", vec![valid(2000, 9999)], None),
            ("contradicting", vec![valid(2030, 2000)], None),
        ] {
            assert_eq!(out_of_date(&chain, year(2025)), wanted, "{name}");
        }
        let of_another_use = {
            let mut wanted = CertificateParams::new(["localhost".to_owned()]).unwrap();
            wanted.not_after = date_time_ymd(2020, 1, 1);
            wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let made = wanted.self_signed(&KeyPair::generate().unwrap()).unwrap();
            made.der().clone()
        };
        let wanted = Some((1, OutOfDate::Since(year(2020))));
        assert_eq!(out_of_date(&[of_another_use], year(2025)), wanted);
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told_by_its_reason() {
        let provider = rustls::crypto::ring::default_provider();
        let enciphered = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAAA";
        let (certificate, key) = made();
        for (name, text, words) in [
            ("good, behind a mark", format!("\u{feff}{key}"), ""),
            (
                "PKCS #8",
                section("ENCRYPTED PRIVATE KEY", "MAAA"),
                "openssl pkey -in",
            ),
            (
                "PKCS #1",
                section("RSA PRIVATE KEY", enciphered),
                "is encrypted",
            ),
            (
                "of another kind",
                section("PRIVATE KEY", "MAAA"),
                "ECDSA on P-256",
            ),
            (
                "a certificate",
                certificate,
                "no private key in PEM, but a CERTIFICATE",
            ),
        ] {
            let error = private_key(&file(text), &provider)
                .err()
                .unwrap_or_default();
            assert!(error.contains(words), "{name}: {error}");
            assert_eq!(error.is_empty(), words.is_empty(), "{name}: {error}");
        }
    }

    #[test]
    fn a_pair_that_does_not_belong_together_is_told_from_one_in_the_wrong_order() {
        let provider = rustls::crypto::ring::default_provider();
        let ((one, key), (two, _)) = (made(), made());
        let stranger = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        for (text, key, words) in [
            (format!("{one}{two}"), key.clone(), ""),
            (
                format!("{two}{one}"),
                key,
                "of certificate 2 of C; put this certificate first",
            ),
            (
                format!("{one}{two}"),
                stranger.serialize_pem(),
                "not that of the first certificate",
            ),
        ] {
            let chain = chain(&file(text)).unwrap();
            let (_, key) = private_key(&file(key), &provider).unwrap();
            let files = [Path::new("C"), Path::new("K")];
            let error = certified(chain, &key, files).err().unwrap_or_default();
            assert!(error.contains(words), "{error}");
            assert_eq!(error.is_empty(), words.is_empty(), "{error}");
        }
    }
}
