//! Credentials and preflights.

use super::*;

pub const MUTANTS: &[Mutant] = &[
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
];
