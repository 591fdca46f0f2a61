//! Scenarios: pages that use the servers, and the results that must come of it.

use std::pin::Pin;
use std::time::Duration;

use same_origin::browser::{
    Credentials::Include, Expectation, Fetch, Outcome, Page, Request, Web, cors_conformance, must,
    must_not,
};

const ITEMS: &str = "https://api.example.com/items";

/// Fails with what went wrong, to be read.
type Verdict = Result<(), String>;

pub struct Scenario {
    pub name: &'static str,
    pub run: fn(Web) -> Pin<Box<dyn Future<Output = Verdict>>>,
}

/// A scenario that is a table of expectations.
macro_rules! table {
    ($name:literal, |$web:ident| [$($row:expr),* $(,)?]) => {
        Scenario { name: $name, run: |$web| Box::pin(conforms(vec![$($row),*])) }
    };
}

/// A scenario with a course of its own.
macro_rules! story {
    ($name:literal, $run:path) => {
        Scenario {
            name: $name,
            run: |web| Box::pin($run(web)),
        }
    };
}

pub const SCENARIOS: &[Scenario] = &[
    table!("the app reads", |web| [must(
        read(&app(&web)).credentials(Include)
    )]),
    table!("the app reads without credentials", |web| [must(read(
        &app(&web)
    ))]),
    table!("the admin page reads too", |web| [must(
        read(&admin(&web)).credentials(Include)
    )]),
    table!("the app sees the exposed header", |web| [
        must(read(&app(&web)).credentials(Include)).exposing(["x-total"]),
        must(read(&app(&web))).exposing(["x-total"]),
    ]),
    table!("the app writes", |web| [
        must(write(&app(&web)).credentials(Include)),
        must(write(&app(&web)))
    ]),
    table!("the app sends a token", |web| [must(with_token(&app(
        &web
    )))]),
    table!("the app deletes", |web| [must(
        app(&web).fetch(Request::delete(ITEMS)).credentials(Include)
    )]),
    table!("the app reads only the head", |web| [must(
        app(&web).fetch(Request::head(ITEMS))
    )]),
    table!("the app reads errors", |web| [
        must(app(&web).fetch("https://api.example.com/private")).status(401),
        must(app(&web).fetch("https://api.example.com/nothing")).status(404),
    ]),
    table!("the app asks for options", |web| [must(
        app(&web).fetch(Request::options(ITEMS))
    )
    .status(200)]),
    table!("the app follows a redirect to a file", |web| [must(
        app(&web)
            .fetch("https://api.example.com/file")
            .credentials(Include)
    ),]),
    table!("a stranger reads nothing", |web| [
        must_not(read(&web.page("https://stranger.example"))),
        must_not(read(&web.page("https://stranger.example")).credentials(Include)),
        must_not(write(&web.page("https://stranger.example"))),
    ]),
    table!("a sandboxed frame reads nothing", |web| [
        must_not(read(&app(&web).sandboxed())),
        must_not(read(&app(&web).data()).credentials(Include)),
    ]),
    table!("pages with a similar name read nothing", |web| [
        must_not(read(&web.page("https://app.example.com.evil.net"))),
        must_not(read(&web.page("https://evilapp.example.com"))),
        must_not(read(&web.page("https://appxexample.com"))),
        must_not(read(&web.page("https://x.app.example.com"))),
    ]),
    table!("other ports and schemes read nothing", |web| [
        must_not(read(&web.page("https://app.example.com:8443"))),
        must_not(read(&web.page("http://app.example.com"))),
    ]),
    table!("caches keep pages apart", |web| [
        must(read(&app(&web)).credentials(Include)),
        must(read(&admin(&web)).credentials(Include)),
    ]),
    story!("an image first, then the app reads", image_first),
    story!("two pages share a browser's cache", shared_cache),
    story!("a preflight is remembered", remembered),
    story!("a shop of another site stays logged in", logged_in),
];

fn app(web: &Web) -> Page {
    web.page("https://app.example.com")
}

fn admin(web: &Web) -> Page {
    web.page("https://admin.example.com")
}

fn read(page: &Page) -> Fetch {
    page.fetch(ITEMS)
}

fn write(page: &Page) -> Fetch {
    page.fetch(
        Request::put(ITEMS)
            .header("content-type", "application/json")
            .body("{}"),
    )
}

fn with_token(page: &Page) -> Fetch {
    page.fetch(Request::get(ITEMS).header("authorization", "Bearer x"))
}

async fn conforms(expectations: Vec<Expectation>) -> Verdict {
    let report = cors_conformance(expectations).await;
    if report.passed() {
        Ok(())
    } else {
        Err(report.to_string())
    }
}

fn readable(outcome: &Outcome) -> Verdict {
    outcome
        .response()
        .map(|_| ())
        .map_err(|error| error.to_string())
}

async fn image_first(web: Web) -> Verdict {
    let app = app(&web);
    app.image(ITEMS).send().await;
    readable(&read(&app).send().await)
}

async fn shared_cache(web: Web) -> Verdict {
    readable(&read(&app(&web)).credentials(Include).send().await)?;
    readable(&read(&admin(&web)).credentials(Include).send().await)
}

async fn remembered(web: Web) -> Verdict {
    let write = || write(&app(&web)).credentials(Include).send();
    readable(&write().await)?;
    web.advance(Duration::from_secs(60));
    match write().await.trace().preflights() {
        0 => Ok(()),
        _ => Err("preflighted again after a minute".into()),
    }
}

async fn logged_in(web: Web) -> Verdict {
    let shop = web.page("https://shop.example.org");
    let fetch = |request: Request| shop.fetch(request).credentials(Include).send();
    readable(&fetch(Request::post("https://api.example.com/login")).await)?;
    match fetch("https://api.example.com/me".into()).await.response() {
        Ok(response) if response.ok() => Ok(()),
        Ok(response) => Err(format!("{} after the login", response.status())),
        Err(error) => Err(error.to_string()),
    }
}
