//! Files in the form that a client can read.

use crate::client::{Answer, exchange, send_from};
use crate::gateway;
use crate::process::Process;

/// A site with text that is worth compressing, text that is not, and a directory.
fn serve() -> (tempfile::TempDir, Process) {
    let site = tempfile::tempdir().unwrap();
    let text = "let x = 1;\n".repeat(500);
    std::fs::write(site.path().join("big.js"), text).unwrap();
    std::fs::write(site.path().join("small.js"), "let x;").unwrap();
    std::fs::create_dir(site.path().join("sub")).unwrap();
    let dir = site.path();
    let gateway = gateway::with(&format!("[[routes]]\nprefix = '/'\ndir = {dir:?}\n"));
    (site, gateway)
}

async fn ask(gateway: &Process, method: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
    let url = format!("{}{path}", gateway.origin);
    send_from(method, "https://a.example", url, fields).await
}

/// RFC 9110 9.3.2, 8.6.
#[tokio::test]
async fn a_head_says_what_a_get_would() {
    let (_site, gateway) = serve();
    let tag = ask(&gateway, "GET", "/big.js", &[]).await;
    let tag = tag.field("etag");
    for (path, fields) in [
        ("/big.js", &[("accept-encoding", "gzip")][..]),
        ("/big.js", &[]),
        ("/big.js", &[("if-none-match", tag)]),
        ("/big.js", &[("accept-encoding", "identity;q=0")]),
        ("/small.js", &[("accept-encoding", "gzip")]),
        ("/sub", &[]),
    ] {
        let head = ask(&gateway, "HEAD", path, fields).await;
        let mut get = ask(&gateway, "GET", path, fields).await;
        // Of that the length is not known before it is compressed.
        get.headers.remove("transfer-encoding");
        let mut same = head.headers.clone();
        for answer in [&mut get.headers, &mut same] {
            answer.remove("date");
            // An empty one may go without saying (8.6).
            if answer
                .get("content-length")
                .is_some_and(|length| length == "0")
            {
                answer.remove("content-length");
            }
        }
        assert_eq!(head.status, get.status, "{path} {fields:?}");
        assert_eq!(same, get.headers, "{path} {fields:?}");
    }
    let host = gateway.address();
    for fields in ["accept-encoding: gzip\r\n", ""] {
        let head =
            format!("HEAD /big.js HTTP/1.1\r\nhost: {host}\r\n{fields}connection: close\r\n\r\n");
        let answer = exchange(&gateway, head).await;
        assert!(answer.ends_with(b"\r\n\r\n"), "{fields}");
    }
}

/// RFC 9110 12.5.3: what is not in a form that the client likes may be sent as it is, and what is sent
/// for other reasons stays what it is.
#[tokio::test]
async fn no_encoding_is_so_unwelcome_that_nothing_is_sent() {
    let (_site, gateway) = serve();
    for refused in ["deflate, *;q=0", "identity;q=0", "*;q=0", "gzip;q=0, *;q=0"] {
        for (method, path, range, status, length) in [
            ("GET", "/big.js", "", 200, 5500),
            ("GET", "/big.js", "bytes=0-1", 206, 2),
            ("GET", "/big.js", "bytes=9999-", 416, 0),
            ("GET", "/missing.js", "", 404, 0),
            ("GET", "/sub", "", 307, 0),
            ("POST", "/big.js", "", 405, 0),
        ] {
            let fields = [("accept-encoding", refused), ("range", range)];
            let count = if range.is_empty() { 1 } else { 2 };
            let answer = ask(&gateway, method, path, &fields[..count]).await;
            assert_eq!(answer.status, status, "{method} {path} {range} {refused}");
            assert_eq!(answer.body.len(), length, "{method} {path} {range}");
            assert_eq!(answer.field("content-encoding"), "", "{path} {refused}");
        }
    }
}

#[tokio::test]
async fn the_encoding_that_weighs_more_is_sent() {
    let (_site, gateway) = serve();
    for (accepted, encoding) in [
        ("gzip", "gzip"),
        ("GZIP ; Q=0.5, br", "br"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br;q=0.9", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0.5", "zstd"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity, gzip;q=0.5", ""),
        ("zstd;q=0, *", "br"),
        ("gzip;q=0", ""),
        ("gzip;q=x", ""),
        ("deflate", ""),
    ] {
        let fields = [("accept-encoding", accepted)];
        let answer = ask(&gateway, "GET", "/big.js", &fields).await;
        assert_eq!(answer.field("content-encoding"), encoding, "{accepted}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{accepted}");
    }
}

/// RFC 9110 5.3: a list on two lines is one list.
#[tokio::test]
async fn tags_on_two_lines_are_all_read() {
    let (_site, gateway) = serve();
    let plain = ask(&gateway, "GET", "/big.js", &[]).await;
    let gzip = ("accept-encoding", "gzip");
    let small = ask(&gateway, "GET", "/big.js", &[gzip]).await;
    let (plain, small) = (plain.field("etag"), small.field("etag"));
    for (fields, status, tag) in [
        (
            &[("if-none-match", "\"a\""), ("if-none-match", plain)][..],
            304,
            plain,
        ),
        (
            &[gzip, ("if-none-match", "\"a\""), ("if-none-match", small)],
            304,
            small,
        ),
        (
            &[("if-none-match", "\"a\""), ("if-none-match", "\"b\"")],
            200,
            plain,
        ),
        (&[("if-match", "\"a\""), ("if-match", plain)], 200, plain),
        (&[("if-match", "\"a\""), ("if-match", "\"b\"")], 412, ""),
    ] {
        let answer = ask(&gateway, "GET", "/big.js", fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        assert_eq!(answer.field("etag"), tag, "{fields:?}");
    }
}

/// A file that is compressed on the disk is sent from there, with a tag of its own, and never as a part.
#[tokio::test]
async fn files_that_are_compressed_on_the_disk_are_sent_as_they_are() {
    let (site, gateway) = serve();
    std::fs::write(site.path().join("big.js.br"), "from the disk").unwrap();
    let both = ("accept-encoding", "gzip, br, zstd");
    let stored = ask(&gateway, "GET", "/big.js", &[both]).await;
    assert_eq!(stored.field("content-encoding"), "br");
    assert_eq!(stored.body, "from the disk");
    assert_eq!(stored.field("content-type"), "text/javascript");
    assert_eq!(stored.field("vary"), "accept-encoding");
    let tag = stored.field("etag");
    assert!(tag.starts_with("W/") && tag.ends_with("-br\""), "{tag}");
    let again = ask(&gateway, "GET", "/big.js", &[both, ("if-none-match", tag)]).await;
    assert_eq!((again.status.as_u16(), again.field("etag")), (304, tag));
    let part = ask(&gateway, "GET", "/big.js", &[both, ("range", "bytes=0-2")]).await;
    assert_eq!((part.status.as_u16(), &*part.body), (206, "let"));
    assert_eq!(part.field("content-encoding"), "");
    let plain = ask(&gateway, "GET", "/big.js", &[]).await;
    assert_eq!(plain.body.len(), 5500);
}

/// A compressor that fails leaves a file without content, of which no client can make anything.
#[tokio::test]
async fn an_empty_file_is_the_compressed_form_of_nothing() {
    let (site, gateway) = serve();
    for name in ["big.js.br", "gone.js.br", "empty.js", "own.br"] {
        std::fs::write(site.path().join(name), "").unwrap();
    }
    for (path, coding, status, is_empty) in [
        ("/big.js", "br", 200, false),
        ("/big.js", "identity", 200, false),
        ("/gone.js", "br", 404, true),
        ("/empty.js", "br", 200, true),
        ("/own.br", "br", 200, true),
    ] {
        let answer = ask(&gateway, "GET", path, &[("accept-encoding", coding)]).await;
        let what = format!("{path} {coding}");
        assert_eq!(answer.status, status, "{what}");
        assert_eq!(answer.body.is_empty(), is_empty, "{what}");
        let is_coded = path == "/big.js" && coding == "br";
        assert_eq!(answer.field("content-encoding") == "br", is_coded, "{what}");
    }
}

/// A part is one of the plain form, so a file that is there in one coding only is sent whole.
#[tokio::test]
async fn a_file_without_its_plain_form_is_sent_whole_to_those_who_read_it() {
    let (site, gateway) = serve();
    std::fs::write(site.path().join("only.js.gz"), "from the disk").unwrap();
    let (gzip, range) = (("accept-encoding", "gzip"), ("range", "bytes=0-2"));
    for (fields, status) in [
        (&[gzip][..], 200),
        (&[gzip, range], 200),
        (&[range], 404),
        (&[], 404),
        (&[("accept-encoding", "br"), range], 404),
    ] {
        let answer = ask(&gateway, "GET", "/only.js", fields).await;
        assert_eq!(answer.status, status, "{fields:?}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{fields:?}");
        if status == 200 {
            assert_eq!(answer.body, "from the disk");
        }
    }
}

/// RFC 9110 15.4.5: a 304 has the validators of the 200 that it stands for, in whatever form that is.
#[tokio::test]
async fn a_304_says_of_the_form_what_the_200_would() {
    let (site, gateway) = serve();
    std::fs::write(site.path().join("packed.js"), "let x = 1;\n".repeat(500)).unwrap();
    std::fs::write(site.path().join("packed.js.gz"), "from the disk").unwrap();
    // Longer than what is remembered.
    std::fs::write(site.path().join("long.js"), "let x = 1;\n".repeat(50_000)).unwrap();
    for path in ["/big.js", "/small.js", "/packed.js", "/long.js"] {
        for accepted in ["gzip", "br", "identity"] {
            for method in ["GET", "HEAD"] {
                let what = format!("{method} {path} {accepted}");
                let coding = ("accept-encoding", accepted);
                let whole = ask(&gateway, method, path, &[coding]).await;
                let (tag, modified) = (whole.field("etag"), whole.field("last-modified"));
                let strong = tag.trim_start_matches("W/");
                let listed = format!("\"x\", {strong}");
                for (name, value, status) in [
                    ("if-modified-since", modified, 304),
                    ("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT", 200),
                    ("if-none-match", tag, 304),
                    ("if-none-match", strong, 304),
                    ("if-none-match", &listed, 304),
                    ("if-none-match", "*", 304),
                    ("if-none-match", "\"x\"", 200),
                ] {
                    let answer = ask(&gateway, method, path, &[coding, (name, value)]).await;
                    assert_eq!(answer.status, status, "{what} {name}: {value}");
                    for same in ["etag", "last-modified", "vary"] {
                        let (found, wanted) = (answer.field(same), whole.field(same));
                        assert_eq!(found, wanted, "{what} {name}: {value}");
                    }
                }
            }
        }
    }
}

/// A route says which codings it uses, and whether any.
#[tokio::test]
async fn a_route_chooses_its_codings() {
    let site = tempfile::tempdir().unwrap();
    std::fs::write(site.path().join("a.js"), "let x = 1;\n".repeat(500)).unwrap();
    let dir = site.path();
    for (compress, coding) in [("true", "zstd"), ("false", ""), ("['gzip', 'br']", "gzip")] {
        let gateway = gateway::with(&format!(
            "[[routes]]\nprefix = '/'\ndir = {dir:?}\ncompress = {compress}\n"
        ));
        let all = [("accept-encoding", "gzip, br, zstd")];
        let answer = ask(&gateway, "GET", "/a.js", &all).await;
        assert_eq!(answer.field("content-encoding"), coding, "{compress}");
    }
}

/// BREACH: what an upstream answers is compressed only where it is asked for. Its bytes are then others, and
/// its strong tag is weak.
#[tokio::test]
async fn answers_of_an_upstream_are_compressed_where_it_is_asked_for() {
    let upstream = site_upstream();
    let all = ("accept-encoding", "gzip, br, zstd");
    let plain = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = '{}'\n",
        upstream.1.origin
    ));
    let answer = ask(&plain, "GET", "/big.js", &[all]).await;
    assert_eq!(answer.field("content-encoding"), "");
    assert_eq!(answer.field("vary"), "");
    let strong = answer.field("etag").to_owned();

    let gateway = gateway::with(&format!(
        "[cors]\nallow_origins = ['https://a.example', 'https://b.example']\n\
         [[routes]]\nprefix = '/'\nupstream = '{}'\ncompress = true\n",
        upstream.1.origin
    ));
    for (accepted, coding) in [
        ("gzip, br, zstd", "zstd"),
        ("gzip", "gzip"),
        ("identity", ""),
        ("br;q=0.5, gzip;q=0.4", "br"),
    ] {
        let fields = [("accept-encoding", accepted)];
        let answer = ask(&gateway, "GET", "/big.js", &fields).await;
        assert_eq!(answer.field("content-encoding"), coding, "{accepted}");
        assert_eq!(answer.body.len() < 1000, !coding.is_empty(), "{accepted}");
        let lines = answer.headers.get_all("vary").iter();
        let vary: Vec<_> = lines.map(|line| line.to_str().unwrap()).collect();
        let vary = vary.join(", ").to_ascii_lowercase();
        assert_eq!(vary.matches("accept-encoding").count(), 1, "{vary}");
        assert_eq!(vary.matches("origin").count(), 1, "{vary}");
        let weak = format!("W/{strong}");
        let tag = if coding.is_empty() { &strong } else { &weak };
        assert_eq!(answer.field("etag"), tag, "{accepted}");
        let again = [("accept-encoding", accepted), ("if-none-match", &**tag)];
        let again = ask(&gateway, "GET", "/big.js", &again).await;
        assert_eq!((again.status.as_u16(), again.field("etag")), (304, &**tag));
        let head = ask(&gateway, "HEAD", "/big.js", &fields).await;
        assert_eq!(head.field("content-encoding"), coding, "{accepted}");
    }
    for (path, fields, status) in [
        ("/big.js", &[all, ("range", "bytes=0-1")][..], 206),
        ("/small.js", &[all], 200),
        ("/sub/p.bin", &[all], 200),
        // RFC 9111 5.2.1.6.
        (
            "/big.js",
            &[all, ("cache-control", "max-age=0, no-transform")],
            200,
        ),
    ] {
        let answer = ask(&gateway, "GET", path, fields).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.field("content-encoding"), "", "{path}");
    }
}

/// A gateway of files that does not compress, as the upstream of another one.
fn site_upstream() -> (tempfile::TempDir, Process) {
    let (site, _) = serve();
    std::fs::write(site.path().join("sub/p.bin"), [0; 999]).unwrap();
    let dir = site.path();
    let upstream = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\ndir = {dir:?}\ncompress = false\n\
         remove_response_headers = ['vary']\n"
    ));
    (site, upstream)
}
