//! Mutants that allow the wrong origins, or in the wrong words.

use super::*;

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
    // The origins that are allowed
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
];
