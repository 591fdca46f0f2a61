//! Messages after which nobody can tell where the next one begins: nothing more is read of their connection.

use crate::client::{exchange, upstream};
use crate::gateway;

const NEXT: &str = "GET /next HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
const CHUNKED: &str = "POST /first HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn nothing_is_read_behind_what_may_hide_a_request() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    ));
    let chunked = |rest: &str| format!("{CHUNKED}{rest}");
    for (name, first, answers) in [
        ("chunks", chunked("1\r\nx\r\n0\r\n\r\n"), 2),
        ("no chunk", chunked("0\r\n\r\n"), 2),
        ("trailers", chunked("0\r\nx-sum: 1\r\n\r\n"), 1),
        // Behind these hyper loses what comes up to the next empty line.
        ("an empty line that ends with LF", chunked("0\r\n\n"), 1),
        ("behind a chunk", chunked("1\r\nx\r\n0\r\n\n"), 1),
        ("behind a field", chunked("0\r\nx-sum: 1\n\n"), 1),
        (
            "a CONNECT",
            "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n".to_owned(),
            1,
        ),
        (
            "a CONNECT to a path",
            "CONNECT /x HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            1,
        ),
        (
            "a CONNECT of HTTP/1.0",
            "CONNECT a:443 HTTP/1.0\r\nhost: a:443\r\nconnection: keep-alive\r\n\r\n".to_owned(),
            1,
        ),
        (
            "a GET",
            "GET /first HTTP/1.1\r\nhost: a\r\n\r\n".to_owned(),
            2,
        ),
    ] {
        let answer = exchange(&gateway, format!("{first}{NEXT}{NEXT}")).await;
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(
            answer.matches("HTTP/1.").count(),
            answers,
            "{name}: {answer}"
        );
        let has_next = answer.contains("up GET /next");
        assert_eq!(has_next, answers == 2, "{name}: {answer}");
    }
}

/// The gateway's own answers, which need nothing of the body: hyper reads it all the same, and its trailers.
#[tokio::test]
async fn nothing_is_read_behind_a_body_that_nobody_wanted() {
    let gateway = gateway::with(
        "[guard]\nhosts = ['a']\n[[routes]]\nprefix = '/api'\nupstream = 'http://127.0.0.1:9'\n[[routes]]\nprefix = '/files'\ndir = '.'\n",
    );
    for (path, host) in [
        ("/nowhere", "a"),
        ("/api/%2e%2e/x", "a"),
        ("/api/dead", "a"),
        ("/api/x", "foreign"),
        ("/files/none", "a"),
    ] {
        for rest in ["0\r\n\n", "0\r\nx-sum: 1\n\n", "3\r\nabc\r\n0\r\n\n"] {
            let head = CHUNKED
                .replace("/first", path)
                .replace("host: a", &format!("host: {host}"));
            let hidden = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";
            let answer = exchange(&gateway, format!("{head}{rest}{hidden}{NEXT}")).await;
            let answer = String::from_utf8_lossy(&answer);
            assert_eq!(
                answer.matches("HTTP/1.").count(),
                1,
                "{path} {rest:?}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn trailers_without_a_field_are_malformed() {
    let upstream = upstream("up").await;
    let gateway = gateway::with(&format!(
        "[[routes]]\nprefix = '/'\nupstream = 'http://{upstream}'\n"
    ));
    // The upstream reads all of it before it answers.
    let first = CHUNKED.replace("POST /first", "POST /whole");
    let answer = exchange(&gateway, format!("{first}0\r\n\n{NEXT}")).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
