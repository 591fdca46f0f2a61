//! `cors/`: values of `Access-Control-Allow-Origin`, and how it fares across redirects.

use super::{API, APP, BUCKET, Case, Expect, case, says, sent};
use crate::support::instructed::{Target, at};
use crate::support::step::fetch;

pub fn cases() -> Vec<Case> {
    let mut cases = values("cors/origin.htm");
    cases.extend(redirects());
    cases.extend(userinfo());
    cases
}

/// Values in which `{page}` stands for the page's origin and `{host}` for its host.
const FAIL: &[&str] = &[
    "https://sub.{host}",
    "//{host}",
    "://{host}",
    "ftp://{host}",
    "https:://{host}",
    "https:/{host}",
    "https:{host}",
    "{host}",
    "{page}?",
    "{page}/",
    "{page} /",
    "{page}#",
    "{page}%23",
    "{page}:443",
    "{page}, *",
    "HTTPS://APP.TEST",
    "HTTPS://{host}",
    "-",
    "**",
    "'*'",
    "\"*\"",
    "* *",
    "* null",
    "*https://*",
    "*{page}",
    "* {page}",
    "*, {page}",
    "null {page}",
    "https://example.net",
    "null",
    "null *",
    "",
    "https://app.test/page/deep",
    "https://app.test/page/",
    "https://api.test",
    "test",
    ".test",
    "*.test",
    "https://test",
    "https://.test",
    "https://*.test",
];

const PASS: &[&str] = &[
    "*",
    "{space}*{space}",
    "{space}*",
    "{page}",
    "{space}{page}",
    "{space}{page}{space}",
];

fn values(file: &'static str) -> Vec<Case> {
    let filled = |value: &str| value.replace("{page}", APP).replace("{host}", "app.test");
    let ask = |value: &str| {
        let line = format!("access-control-allow-origin: {}", filled(value));
        fetch("GET", &says(API, &[&line]))
    };
    let pass = PASS.iter().map(|value| {
        case(file, format!("`{value}` allows"))
            .does(ask(value))
            .expect([Expect::Status(200), sent("origin", APP)])
    });
    let fail = FAIL.iter().map(|value| {
        case(file, format!("`{value}` does not allow"))
            .does(ask(value))
            .expect([Expect::Fails])
    });
    let twice = [
        ("", "*"),
        ("*", ""),
        ("*", "*"),
        ("", "{page}"),
        ("*", "{page}"),
        ("{page}", "{page}"),
    ];
    let twice = twice.map(|(first, second)| {
        let lines = [first, second].map(|value| {
            let value = filled(value);
            format!("access-control-allow-origin: {value}")
        });
        case(
            file,
            format!("`{first}` and `{second}` do not allow together"),
        )
        .does(fetch("GET", &says(API, &[&lines[0], &lines[1]])))
        .expect([Expect::Fails])
    });
    pass.chain(fail).chain(twice).collect()
}

/// The start or end of a redirect, and the value of `Access-Control-Allow-Origin` there.
type Hop = (&'static str, &'static str);

fn redirects() -> Vec<Case> {
    const FILE: &str = "cors/redirect-origin.htm";
    const LOCAL: &str = APP;
    const REMOTE: &str = API;
    const REMOTE2: &str = BUCKET;
    /// Fails, or arrives with this origin.
    type Came = Option<&'static str>;
    let page = Some(APP);
    let null = Some("null");
    let to = |second: &'static str, first: Hop, came: [Came; 4]| -> Vec<(Hop, Hop, Came)> {
        let values = ["*", APP, "null", ""];
        let pairs = values.into_iter().zip(came);
        pairs
            .map(|(value, came)| (first, (second, value), came))
            .collect()
    };
    let direct = [page, page, None, None];
    let tainted = [null, None, null, None];
    let mut rows = Vec::new();
    for value in ["*", APP] {
        rows.extend(to(REMOTE, (LOCAL, value), direct));
        rows.extend(to(LOCAL, (REMOTE, value), tainted));
        rows.extend(to(REMOTE, (REMOTE, value), direct));
        rows.extend(to(REMOTE2, (REMOTE, value), tainted));
    }
    for value in ["null", ""] {
        rows.push(((LOCAL, value), (REMOTE, "*"), page));
        for second in [LOCAL, REMOTE, REMOTE2] {
            rows.push(((REMOTE, value), (second, "*"), None));
        }
    }
    rows.push(((REMOTE, "*"), (REMOTE, API), None));
    rows.push(((REMOTE, "*"), (REMOTE2, API), None));
    rows.push(((REMOTE, API), (REMOTE, "*"), None));
    let answer = |(origin, value): Hop, path: &str| -> Target {
        let line = format!("access-control-allow-origin: {value}");
        let target = at(origin, path);
        match value {
            "" => target,
            _ => target.headers(&[&line]),
        }
    };
    let row = |(first, second, came): (Hop, Hop, Came)| {
        let target = answer(first, "via").redirect(302, &answer(second, "end"));
        let (from, to) = (format!("{first:?}"), format!("{second:?}"));
        case(FILE, format!("{from} to {to}"))
            .does(fetch("GET", &target))
            .expect(match came {
                Some(origin) => vec![Expect::Status(200), sent("origin", origin)],
                None => vec![Expect::Fails],
            })
    };
    rows.into_iter().map(row).collect()
}

fn userinfo() -> Vec<Case> {
    const FILE: &str = "cors/redirect-userinfo.htm";
    let ask = |userinfo: &str| {
        let location =
            format!("location: https://{userinfo}api.test/end?h=access-control-allow-origin:*");
        let target = says(API, &["access-control-allow-origin: *", &location]).status(302);
        case(FILE, format!("a Location with `{userinfo}`")).does(fetch("GET", &target))
    };
    let mut cases: Vec<_> = ["user:pass@", "user:@", "user@", ":pass@"]
        .map(|userinfo| ask(userinfo).expect([Expect::Fails]))
        .into();
    // The URL parser drops these: there is neither a name nor a password.
    for empty in ["@", ":@"] {
        cases.push(ask(empty).expect([Expect::Status(200)]));
    }
    cases
}
