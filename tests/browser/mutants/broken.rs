//! The ways to be wrong. Most of them were shipped by somebody.

use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS as CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS as HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS as METHODS, ACCESS_CONTROL_ALLOW_ORIGIN as ALLOW,
    ACCESS_CONTROL_EXPOSE_HEADERS as EXPOSE, ACCESS_CONTROL_MAX_AGE as MAX_AGE, COOKIE, HeaderName,
    HeaderValue, LOCATION, SET_COOKIE, VARY,
};
use http::{Method, StatusCode};

use super::server::{Asked, Mutation, bare};

pub struct Mutant {
    pub name: &'static str,
    pub found_by: &'static str,
    /// What the report of the scenario says of it.
    pub says: &'static str,
    pub mutate: Mutation,
}

const fn mutant(
    name: &'static str,
    found_by: &'static str,
    says: &'static str,
    mutate: Mutation,
) -> Mutant {
    Mutant {
        name,
        found_by,
        says,
        mutate,
    }
}

const NO_ORIGIN: &str = "No 'Access-Control-Allow-Origin' header is present";
const NO_METHOD: &str = "is not allowed by Access-Control-Allow-Methods";
const NO_HEADER: &str = "is not allowed by Access-Control-Allow-Headers";

pub const MUTANTS: &[Mutant] = &[
    // Allow-Origin
    mutant("no CORS at all", "the app reads", NO_ORIGIN, |_, answer| {
        strip(answer)
    }),
    mutant(
        "* with credentials",
        "the app reads",
        "must not be the wildcard '*'",
        |_, answer| set(answer, ALLOW, "*"),
    ),
    mutant(
        "Allow-Origin doubled by a proxy",
        "the app reads",
        "multiple values",
        |_, answer| {
            let value = answer.headers().get(ALLOW).cloned();
            value.map(|value| answer.headers_mut().append(ALLOW, value));
        },
    ),
    mutant(
        "all allowed origins in one value",
        "the app reads",
        "multiple values",
        |_, answer| {
            replace(
                answer,
                ALLOW,
                "https://app.example.com, https://admin.example.com",
            );
        },
    ),
    mutant(
        "always the first origin",
        "the admin page reads too",
        "not equal to the supplied origin",
        |_, answer| {
            replace(answer, ALLOW, "https://app.example.com");
        },
    ),
    mutant(
        "Allow-Origin with a trailing slash",
        "the app reads",
        "not equal to the supplied origin",
        |asked, answer| {
            replace(answer, ALLOW, &format!("{}/", asked.origin));
        },
    ),
    mutant(
        "Allow-Origin without the scheme",
        "the app reads",
        "invalid value",
        |_, answer| {
            replace(answer, ALLOW, "app.example.com");
        },
    ),
    mutant(
        "a pattern as Allow-Origin",
        "the app reads",
        "not equal to the supplied origin",
        |_, answer| {
            replace(answer, ALLOW, "https://*.example.com");
        },
    ),
    mutant(
        "Allow-Origin is the server's own",
        "the app reads",
        "not equal to the supplied origin",
        |_, answer| {
            replace(answer, ALLOW, "https://api.example.com");
        },
    ),
    // Who is allowed
    mutant(
        "any origin is reflected",
        "a stranger reads nothing",
        "readable",
        admit,
    ),
    mutant(
        "null is reflected",
        "a sandboxed frame reads nothing",
        "readable",
        |asked, answer| {
            admit_if(asked, answer, asked.origin == "null");
        },
    ),
    mutant(
        "origins match by prefix",
        "pages with a similar name read nothing",
        "readable",
        |asked, answer| {
            admit_if(
                asked,
                answer,
                asked.origin.starts_with("https://app.example.com"),
            );
        },
    ),
    mutant(
        "origins match by suffix",
        "pages with a similar name read nothing",
        "readable",
        |asked, answer| {
            admit_if(asked, answer, asked.origin.ends_with("app.example.com"));
        },
    ),
    mutant(
        "a dot that means anything",
        "pages with a similar name read nothing",
        "readable",
        |asked, answer| {
            let rest = asked.origin.strip_prefix("https://app");
            admit_if(
                asked,
                answer,
                rest.is_some_and(|rest| rest.get(1..) == Some("example.com")),
            );
        },
    ),
    mutant(
        "the port is ignored",
        "other ports and schemes read nothing",
        "readable",
        |asked, answer| {
            admit_if(
                asked,
                answer,
                asked.origin.starts_with("https://app.example.com:"),
            );
        },
    ),
    mutant(
        "the scheme is ignored",
        "other ports and schemes read nothing",
        "readable",
        |asked, answer| {
            admit_if(asked, answer, asked.origin == "http://app.example.com");
        },
    ),
    // Credentials
    mutant(
        "no Allow-Credentials",
        "the app reads",
        "is '' which must be 'true'",
        |_, answer| remove(answer, CREDENTIALS),
    ),
    mutant(
        "Allow-Credentials: True",
        "the app reads",
        "is 'True' which must be 'true'",
        |_, answer| {
            replace(answer, CREDENTIALS, "True");
        },
    ),
    mutant(
        "no Allow-Credentials on preflights",
        "the app writes",
        "is '' which must be 'true'",
        |asked, answer| {
            if asked.preflight {
                remove(answer, CREDENTIALS);
            }
        },
    ),
    mutant(
        "a session cookie without SameSite=None",
        "a shop of another site stays logged in",
        "401 after the login",
        |_, answer| {
            replace(answer, SET_COOKIE, "sid=1; Secure; HttpOnly; Path=/");
        },
    ),
    mutant(
        "CORS headers only for those who have a cookie",
        "the app reads without credentials",
        NO_ORIGIN,
        |asked, answer| {
            if !asked.preflight && !asked.headers.contains_key(COOKIE) {
                strip(answer);
            }
        },
    ),
    // Preflights
    mutant(
        "301 on preflights",
        "the app writes",
        "Redirect is not allowed for a preflight",
        |asked, answer| {
            if asked.preflight {
                *answer.status_mut() = StatusCode::MOVED_PERMANENTLY;
                set(answer, LOCATION, "https://api.example.com/items/");
            }
        },
    ),
    mutant(
        "authentication before CORS",
        "the app writes",
        NO_ORIGIN,
        |asked, answer| {
            if asked.preflight && !asked.headers.contains_key(COOKIE) {
                *answer = bare(401);
            }
        },
    ),
    mutant(
        "405 on preflights, with CORS headers",
        "the app writes",
        "does not have HTTP ok status",
        |asked, answer| {
            if asked.preflight {
                *answer.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            }
        },
    ),
    mutant(
        "404 on preflights",
        "the app deletes",
        NO_ORIGIN,
        |asked, answer| {
            if asked.preflight {
                *answer = bare(404);
            }
        },
    ),
    mutant(
        "CORS headers on preflights only",
        "the app writes",
        NO_ORIGIN,
        |asked, answer| {
            if !asked.preflight {
                strip(answer);
            }
        },
    ),
    mutant(
        "no Allow-Methods",
        "the app deletes",
        NO_METHOD,
        |_, answer| remove(answer, METHODS),
    ),
    mutant(
        "Allow-Methods in lower case",
        "the app writes",
        NO_METHOD,
        |_, answer| replace(answer, METHODS, "put, delete"),
    ),
    mutant(
        "Allow-Methods: * with credentials",
        "the app writes",
        NO_METHOD,
        |_, answer| replace(answer, METHODS, "*"),
    ),
    mutant(
        "Allow-Methods parted by semicolons",
        "the app writes",
        "Cannot parse Access-Control-Allow-Methods",
        |_, answer| {
            replace(answer, METHODS, "GET; PUT");
        },
    ),
    mutant(
        "no Allow-Headers",
        "the app writes",
        NO_HEADER,
        |_, answer| remove(answer, HEADERS),
    ),
    mutant(
        "Allow-Headers: * for a token",
        "the app sends a token",
        NO_HEADER,
        |_, answer| replace(answer, HEADERS, "*"),
    ),
    mutant(
        "Allow-Headers parted by spaces",
        "the app writes",
        "Cannot parse Access-Control-Allow-Headers",
        |_, answer| {
            replace(answer, HEADERS, "authorization content-type");
        },
    ),
    mutant(
        "every OPTIONS is taken for a preflight",
        "the app asks for options",
        "the status is 204",
        |asked, answer| {
            if asked.method == Method::OPTIONS {
                *answer.status_mut() = StatusCode::NO_CONTENT;
            }
        },
    ),
    mutant(
        "no Max-Age",
        "a preflight is remembered",
        "preflighted again",
        |_, answer| remove(answer, MAX_AGE),
    ),
    mutant(
        "Max-Age in words",
        "a preflight is remembered",
        "preflighted again",
        |_, answer| replace(answer, MAX_AGE, "10 minutes"),
    ),
    // Answers that are forgotten
    mutant(
        "no CORS on errors",
        "the app reads errors",
        NO_ORIGIN,
        |_, answer| {
            if answer.status().is_client_error() {
                strip(answer);
            }
        },
    ),
    mutant(
        "no CORS on HEAD",
        "the app reads only the head",
        NO_ORIGIN,
        |asked, answer| {
            if asked.method == Method::HEAD {
                strip(answer);
            }
        },
    ),
    mutant(
        "nothing is exposed",
        "the app sees the exposed header",
        "script does not see `x-total`",
        |_, answer| remove(answer, EXPOSE),
    ),
    mutant(
        "Expose-Headers: * with credentials",
        "the app sees the exposed header",
        "script does not see `x-total`",
        |_, answer| {
            replace(answer, EXPOSE, "*");
        },
    ),
    mutant(
        "Expose-Headers that is no list",
        "the app sees the exposed header",
        "script does not see `x-total`",
        |_, answer| {
            replace(answer, EXPOSE, "x-total x-page");
        },
    ),
    mutant(
        "no CORS on redirects",
        "the app follows a redirect to a file",
        NO_ORIGIN,
        |_, answer| {
            if answer.status().is_redirection() {
                strip(answer);
            }
        },
    ),
    mutant(
        "a bucket that knows the page only",
        "the app follows a redirect to a file",
        "not equal to the supplied origin",
        |asked, answer| {
            if asked.origin == "null" {
                replace(answer, ALLOW, "https://app.example.com");
            }
        },
    ),
    mutant(
        "a bucket with null and no credentials",
        "the app follows a redirect to a file",
        "is '' which must be 'true'",
        |asked, answer| {
            if asked.origin == "null" {
                remove(answer, CREDENTIALS);
            }
        },
    ),
    mutant(
        "a redirect to plain http",
        "the app follows a redirect to a file",
        "Mixed Content",
        |_, answer| {
            replace(answer, LOCATION, "http://bucket.example.net/file");
        },
    ),
    mutant(
        "a redirect with a password",
        "the app follows a redirect to a file",
        "contains a username and password",
        |_, answer| {
            replace(
                answer,
                LOCATION,
                "https://user:pass@bucket.example.net/file",
            );
        },
    ),
    // Caches
    mutant(
        "no Vary",
        "caches keep pages apart",
        "Vary lacks Origin",
        |_, answer| remove(answer, VARY),
    ),
    mutant(
        "Vary overwritten by compression",
        "caches keep pages apart",
        "Vary lacks Origin",
        |_, answer| {
            set(answer, VARY, "accept-encoding");
        },
    ),
    mutant(
        "no Vary without Origin",
        "an image first, then the app reads",
        NO_ORIGIN,
        |asked, answer| {
            if asked.origin.is_empty() {
                remove(answer, VARY);
            }
        },
    ),
    mutant(
        "no Vary with Origin",
        "two pages share a browser's cache",
        "not equal to the supplied origin",
        |asked, answer| {
            if !asked.origin.is_empty() {
                remove(answer, VARY);
            }
        },
    ),
];

fn set(answer: &mut Response, name: HeaderName, value: &str) {
    answer
        .headers_mut()
        .insert(name, HeaderValue::from_str(value).expect("a value"));
}

/// Another value for a header that is there.
fn replace(answer: &mut Response, name: HeaderName, value: &str) {
    if answer.headers().contains_key(&name) {
        set(answer, name, value);
    }
}

fn remove(answer: &mut Response, name: HeaderName) {
    answer.headers_mut().remove(name);
}

fn strip(answer: &mut Response) {
    for name in [ALLOW, CREDENTIALS, METHODS, HEADERS, EXPOSE, MAX_AGE] {
        remove(answer, name);
    }
}

fn admit(asked: &Asked, answer: &mut Response) {
    set(answer, ALLOW, &asked.origin);
    set(answer, CREDENTIALS, "true");
}

fn admit_if(asked: &Asked, answer: &mut Response, wrongly: bool) {
    if wrongly {
        admit(asked, answer);
    }
}
