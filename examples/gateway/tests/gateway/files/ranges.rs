//! Parts of files (RFC 9110 14).

use crate::client::{get, send_from};
use crate::gateway;
use crate::process::Process;

const TEN: &str = "0123456789";

/// Files of no, ten and a hundred bytes.
fn serve() -> (tempfile::TempDir, Process) {
    let site = tempfile::tempdir().unwrap();
    for (name, times) in [("0", 0), ("10", 1), ("100", 10)] {
        std::fs::write(site.path().join(name), TEN.repeat(times)).unwrap();
    }
    let dir = site.path();
    let gateway = gateway::with(&format!("[[routes]]\nprefix = '/'\ndir = {dir:?}\n"));
    (site, gateway)
}

#[tokio::test]
async fn a_range_is_answered_refused_or_ignored() {
    let (_site, gateway) = serve();
    let whole = ("", 200);
    for (path, range, (content_range, status), body) in [
        ("/10", "bytes=0-1", ("bytes 0-1/10", 206), "01"),
        ("/10", "bytes=8-", ("bytes 8-9/10", 206), "89"),
        ("/10", "bytes=8-99", ("bytes 8-9/10", 206), "89"),
        ("/10", "bytes=-2", ("bytes 8-9/10", 206), "89"),
        ("/10", "bytes=-10", ("bytes 0-9/10", 206), TEN),
        // 14.1.2: a suffix that is longer than the file is the file.
        ("/10", "bytes=-11", whole, TEN),
        ("/10", "bytes=-99999999999999999999", whole, TEN),
        ("/10", "bytes=-0", ("bytes */10", 416), ""),
        ("/10", "bytes=10-", ("bytes */10", 416), ""),
        (
            "/10",
            "bytes=99999999999999999999-",
            ("bytes */10", 416),
            "",
        ),
        // 14.1: units are case-insensitive; 5.6.1.2: empty elements are none; digits are digits.
        ("/10", "Bytes=0-1", ("bytes 0-1/10", 206), "01"),
        ("/10", "BYTES=00-01", ("bytes 0-1/10", 206), "01"),
        ("/10", "bytes=, 0-1 ,", ("bytes 0-1/10", 206), "01"),
        // 14.2: unknown units and texts that are not ranges are ignored, and several may be.
        ("/10", "items=0-1", whole, TEN),
        ("/10", "bytes=0-1,4-5", whole, TEN),
        ("/10", "bytes=0-1,0-1", whole, TEN),
        ("/10", "bytes=2-1", whole, TEN),
        ("/10", "bytes=", whole, TEN),
        ("/10", "bytes=-", whole, TEN),
        ("/10", "bytes=a-b", whole, TEN),
        ("/10", "bytes=+1-2", whole, TEN),
        ("/10", "bytes=1", whole, TEN),
        ("/10", "bytes", whole, TEN),
        ("/100", "bytes=95-200", ("bytes 95-99/100", 206), "56789"),
        ("/100", "bytes=-3", ("bytes 97-99/100", 206), "789"),
        // There is no first byte to begin at; any suffix is all there is.
        ("/0", "bytes=0-", whole, ""),
        ("/0", "bytes=0-0", whole, ""),
        ("/0", "bytes=-1", whole, ""),
        ("/0", "bytes=1-", ("bytes */0", 416), ""),
    ] {
        let url = format!("{}{path}", gateway.origin);
        let answer = send_from("GET", "https://a.example", url, &[("range", range)]).await;
        assert_eq!(answer.status, status, "{path} {range}");
        assert_eq!(answer.body, body, "{path} {range}");
        let field = answer.field("content-range");
        assert_eq!(field, content_range, "{path} {range}");
        let length = body.len().to_string();
        assert_eq!(answer.field("content-length"), length, "{path} {range}");
    }
}

#[tokio::test]
async fn two_ranges_on_two_lines_are_several_too() {
    let (_site, gateway) = serve();
    let fields = [("range", "bytes=0-1"), ("range", "bytes=4-5")];
    let url = format!("{}/10", gateway.origin);
    let answer = send_from("GET", "https://a.example", url, &fields).await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (200, TEN));
}

/// 14.2: of methods, `Range` is for GET alone.
#[tokio::test]
async fn a_head_has_no_ranges() {
    let (_site, gateway) = serve();
    for range in ["bytes=0-1", "bytes=10-", "bytes=0-1,4-5"] {
        let url = format!("{}/10", gateway.origin);
        let answer = send_from("HEAD", "https://a.example", url, &[("range", range)]).await;
        assert_eq!(answer.status, 200, "{range}");
        assert_eq!(answer.field("content-range"), "", "{range}");
        assert_eq!(answer.field("content-length"), "10", "{range}");
    }
}

/// 13.1.5: a part of another file is of no use, also where all of this one is asked for.
#[tokio::test]
async fn a_suffix_is_of_the_file_that_the_client_has() {
    let (_site, gateway) = serve();
    let url = || format!("{}/10", gateway.origin);
    let tag = get(url()).await.field("etag").to_owned();
    for (range, validator, status) in [
        ("bytes=-2", &*tag, 206),
        ("bytes=-2", "\"0-0\"", 200),
        ("bytes=-11", &*tag, 200),
        ("bytes=-0", &*tag, 416),
        ("bytes=-0", "\"0-0\"", 200),
    ] {
        let fields = [("range", range), ("if-range", validator)];
        let answer = send_from("GET", "https://a.example", url(), &fields).await;
        assert_eq!(answer.status, status, "{range} {validator}");
    }
}

/// 13.1.5: a date is that of every form, and the rest of the plain one is none of a compressed one.
#[tokio::test]
async fn by_a_date_a_part_is_not_put_behind_a_compressed_beginning() {
    let (site, gateway) = serve();
    for name in ["text.js", "packed.bin", "image.png"] {
        std::fs::write(site.path().join(name), "x".repeat(1000)).unwrap();
    }
    std::fs::write(site.path().join("packed.bin.gz"), "from the disk").unwrap();
    for (path, coding, status) in [
        ("/text.js", "gzip", 200),
        ("/text.js", "identity", 206),
        ("/packed.bin", "gzip", 200),
        ("/packed.bin", "br", 206),
        ("/image.png", "gzip", 206),
    ] {
        let ask = async |range: &[(&str, &str)]| {
            let url = format!("{}{path}", gateway.origin);
            let fields = [&[("accept-encoding", coding)][..], range].concat();
            send_from("GET", "https://a.example", url, &fields).await
        };
        let first = ask(&[]).await;
        let date = first.field("last-modified");
        let rest = ask(&[("range", "bytes=4-"), ("if-range", date)]).await;
        assert_eq!(rest.status, status, "{path} {coding}");
        // Also where the plain one has no such part, as the compressed one may have.
        let behind = ask(&[("range", "bytes=2000-"), ("if-range", date)]).await;
        let whole = if status == 206 { 416 } else { 200 };
        assert_eq!(behind.status, whole, "{path} {coding}");
        let same = rest.field("content-encoding") == first.field("content-encoding");
        assert!(same, "{path} {coding}");
        // The tag of one form says which one it is.
        let plain = ask(&[("range", "bytes=4-")]).await;
        let tagged = [("range", "bytes=4-"), ("if-range", plain.field("etag"))];
        assert_eq!(ask(&tagged).await.status, 206, "{path} {coding}");
    }
}
