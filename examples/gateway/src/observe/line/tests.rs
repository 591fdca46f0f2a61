//! Tests of the lines of the access log, in both forms.

use http::Response;
use same_origin::proxy::ClientAddr;

use super::*;

fn line(target: &str, shows_queries: bool) -> Line {
    let arrival = Arrival {
        client: ClientAddr::new([192, 0, 2, 1].into()),
        id: Some(HeaderValue::from_static("00ff")),
        security: None,
        is_secure: false,
    };
    let request = Request::get(target).header(ORIGIN, "https://evil.example");
    let request = request.body(()).unwrap();
    let mut line = Line::of(&arrival, &request, shows_queries, true);
    line.time = SystemTime::UNIX_EPOCH;
    let mut response = Response::new(());
    // An upstream's own word, and not ours.
    response
        .headers_mut()
        .insert(&PROXY_STATUS, "a; error=dns_error".parse().unwrap());
    response.extensions_mut().insert(Outcome::Hit);
    response.extensions_mut().insert(cors::Refusal::Origin);
    line.answered(&response.into_parts().0, Duration::from_micros(1_500));
    line
}

fn shown(text: Vec<u8>) -> String {
    String::from_utf8(text).unwrap()
}

#[test]
fn text_is_one_line_without_a_query() {
    let mut text = Vec::new();
    let line = line("/api/x%22?X-Amz-Signature=00ff", false);
    line.text(&mut text, "/api", 12, Duration::from_millis(2));
    assert_eq!(
        shown(text),
        "1970-01-01T00:00:00.000Z 192.0.2.1 \"GET /api/x%22 HTTP/1.1\" 200 12 2.000ms route=\"/api\" head=1.500ms \
         cors=\"refused: the origin is not allowed\" cache=hit id=00ff\n"
    );
}

/// A line is of words that blanks part: without one of them the next would be taken for it.
#[test]
fn a_target_without_a_path_is_its_host() {
    for (target, start) in [
        ("a.example:443", "\"GET a.example:443 HTTP/1.1\" 200 "),
        (
            "user:secret@a.example:443",
            "\"GET a.example:443 HTTP/1.1\" 200 ",
        ),
        ("*", "\"GET * HTTP/1.1\" 200 "),
    ] {
        let mut text = Vec::new();
        line(target, true).text(&mut text, "none", 0, Duration::ZERO);
        let text = shown(text);
        let line = text.split_once("192.0.2.1 ").unwrap().1;
        assert!(line.starts_with(start), "{target}: {line}");
    }
}

#[test]
fn a_body_that_failed_is_told() {
    let mut line = line("/", false);
    line.cut_off(&std::io::Error::other("disk"));
    let mut text = Vec::new();
    line.text(&mut text, "/", 1, Duration::ZERO);
    assert!(shown(text).ends_with(" cut=proxy_internal_error id=00ff\n"));
}

#[test]
fn times_are_those_of_the_exporter_of_dates() {
    for millis in [0, 7, 83, 1_999, 1_790_000_000_123, 2_000] {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let mut text = Vec::new();
        write_time(&mut text, at);
        assert_eq!(shown(text), time(at).to_string());
    }
    for (micros, text) in [
        (0, "0.000ms"),
        (1_500, "1.500ms"),
        (12_034_005, "12034.005ms"),
    ] {
        let mut found = Vec::new();
        write_millis(&mut found, Duration::from_micros(micros));
        assert_eq!(shown(found), text);
    }
}

#[test]
fn nobody_writes_a_second_line() {
    let mut text = Vec::new();
    escape(&mut text, "a\n\"b\\\u{1b}\u{202e}é");
    assert_eq!(shown(text), "a\\n\\\"b\\\\\\u{1b}\\u{202e}é");
}

#[test]
fn queries_are_shown_where_asked_for_without_signatures() {
    let mut json = Vec::new();
    let line = line("/api/x?a=b&X-Amz-Signature=00ff", true);
    line.json(&mut json, "/api", 12, Duration::from_millis(2));
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["path"], "/api/x?a=b&X-Amz-Signature=***");
    assert_eq!(json["status"], 200);
    assert_eq!(json["duration_ms"], 2.0);
    assert_eq!(json["cache"], "hit");
    assert_eq!(json["cors"], "refused: the origin is not allowed");
    assert_eq!(json["id"], "00ff");
    assert_eq!(json.get("guard"), None);
}

/// Without a policy the fields are the upstream's, whoever reads them.
#[test]
fn a_verdict_is_that_of_a_policy() {
    for (has_cors, allowed) in [(false, false), (true, true)] {
        let mut line = line("/x", false);
        line.is_judged = has_cors;
        let mut response = Response::new(());
        let any = HeaderValue::from_static("*");
        response
            .headers_mut()
            .insert("access-control-allow-origin", any);
        line.answered(&response.into_parts().0, Duration::ZERO);
        let mut text = Vec::new();
        line.text(&mut text, "/", 0, Duration::ZERO);
        assert_eq!(shown(text).contains("cors="), allowed);
    }
}

#[test]
fn an_answer_is_whole_if_no_content_is_to_follow() {
    struct Case {
        name: &'static str,
        method: Method,
        status: Option<u16>,
        length: Option<&'static str>,
        drain_is_over: bool,
        cut: Option<&'static str>,
    }
    let case = |name, method, status, length, cut| Case {
        name,
        method,
        status,
        length,
        drain_is_over: false,
        cut,
    };
    let left = Some("connection_terminated");
    for case in [
        case("all of its length", Method::GET, Some(200), Some("3"), None),
        case(
            "less than its length",
            Method::GET,
            Some(200),
            Some("4"),
            left,
        ),
        case("of any length", Method::GET, Some(200), None, left),
        case("no number", Method::GET, Some(200), Some("x"), left),
        case("a head", Method::HEAD, Some(200), Some("4"), None),
        case("a tunnel", Method::CONNECT, Some(200), None, None),
        case("a switch", Method::GET, Some(101), None, None),
        case("nothing", Method::PUT, Some(204), None, None),
        case("not modified", Method::GET, Some(304), Some("4"), None),
        case("no head", Method::GET, None, None, None),
        Case {
            drain_is_over: true,
            ..case(
                "no head, at the end",
                Method::GET,
                None,
                None,
                Some("drain"),
            )
        },
        Case {
            drain_is_over: true,
            ..case(
                "a part, at the end",
                Method::GET,
                Some(200),
                Some("4"),
                Some("drain"),
            )
        },
        Case {
            drain_is_over: true,
            ..case("all, at the end", Method::GET, Some(200), Some("3"), None)
        },
    ] {
        let mut line = line("/", false);
        line.method = case.method;
        line.answer = None;
        if let Some(status) = case.status {
            let mut response = Response::builder().status(status);
            if let Some(length) = case.length {
                response = response.header(CONTENT_LENGTH, length);
            }
            let response = response.body(()).unwrap();
            line.answered(&response.into_parts().0, Duration::ZERO);
        }
        line.given_up(3, case.drain_is_over);
        assert_eq!(line.cut, case.cut, "{}", case.name);
    }
    let mut failed = line("/", false);
    failed.cut_off(&std::io::Error::other("disk"));
    failed.given_up(3, true);
    assert_eq!(failed.cut, Some("proxy_internal_error"));
}
