//! Tests of certificates and keys in files: what is read, and what an error says and does not say.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    PKCS_ECDSA_P256_SHA256, date_time_ymd, generate_simple_self_signed,
};

use super::*;

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
fn no_error_tells_a_key_whose_line_breaks_are_lost() {
    let provider = rustls::crypto::ring::default_provider();
    let (_, key) = made();
    let secret = key.lines().nth(1).unwrap();
    for (name, text) in [
        ("none", key.replace('\n', "")),
        ("spaces", key.replace('\n', " ")),
        ("behind its END", key.replacen("KEY-----\n", "KEY-----", 1)),
        (
            "of another kind",
            key.replace('\n', "").replace("PRIVATE", "SECRET"),
        ),
        (
            "a dash less",
            key.replace('\n', "").replace("KEY-----", "KEY----"),
        ),
        (
            "not first in its line",
            format!(
                "key: {}",
                key.replace('\n', "").replace("KEY-----", "KEY----")
            ),
        ),
    ] {
        let file = file(text);
        for error in [
            private_key(&file, &provider).err(),
            certificates(&file).err(),
        ] {
            let error = error.unwrap_or_default();
            assert!(!error.is_empty(), "{name}");
            assert!(!error.contains(secret), "{name}: {error}");
        }
    }
    let error = private_key(&file(key.replace('\n', "")), &provider).err();
    assert!(error.unwrap_or_default().contains("line breaks are lost"));
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
