//! Answers that CORS forgot, and caches.

use super::*;

pub const MUTANTS: &[Mutant] = &[
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
