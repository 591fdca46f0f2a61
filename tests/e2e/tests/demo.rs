//! The demo in a real browser: all of its comparisons run, and the page shows what is true.

use std::process::ExitCode;
use std::time::Duration;

use fantoccini::Locator;
use same_origin::browser::Engine;
use serde_json::Value;

#[path = "../support/browsers/mod.rs"]
mod browsers;
#[path = "../../../examples/gateway/tests/gateway/support/process.rs"]
mod process;
#[path = "../support/program.rs"]
mod program;

use browsers::chromium::Chromium;
use process::Process;
use program::after_build;

fn main() -> ExitCode {
    browsers::run(vec![
        browsers::trial(
            Engine::Chromium,
            "every_card_is_done_and_true",
            after_build(every_card_is_done_and_true),
        ),
        browsers::trial(
            Engine::Chromium,
            "a_phone_shows_all_of_it",
            after_build(a_phone_shows_all_of_it),
        ),
    ])
}

/// Opens the demo and waits until it has run; gives its results.
async fn open(browser: &Chromium, url: &str) -> Value {
    browser.page.goto(url).await.unwrap();
    finished(browser).await;
    let results = browser.page.find(Locator::Css("#results")).await.unwrap();
    serde_json::from_str(&results.html(true).await.unwrap()).unwrap()
}

async fn finished(browser: &Chromium) {
    let wait = browser.page.wait().at_most(Duration::from_secs(60));
    let done = wait.for_element(Locator::Css("html[data-state=done]"));
    if done.await.is_err() {
        let verdict = text(browser, "#verdict").await;
        panic!("{verdict}\n{}", browser.console().await.join("\n"));
    }
}

async fn text(browser: &Chromium, selector: &str) -> String {
    let found = browser.page.find(Locator::Css(selector)).await.unwrap();
    found.text().await.unwrap()
}

async fn attribute(browser: &Chromium, selector: &str, name: &str) -> String {
    let found = browser.page.find(Locator::Css(selector)).await.unwrap();
    found.attr(name).await.unwrap().unwrap_or_default()
}

async fn every_card_is_done_and_true() {
    let gateway = Process::start(&program::gateway(), &["--listen", "127.0.0.1:0"]);
    let browser = Chromium::start(["--window-size=1280,900".to_owned()]).await;
    let results = open(&browser, &format!("{}/?rtt=20", gateway.origin)).await;

    // Requests and preflights of the four calls, and how many of the 15 settings let the page read.
    for (setup, requests, preflights, combinations) in [
        ("three-omit", "8", "3", "6"),
        ("three-include", "6", "1", "1"),
        ("two-omit", "5", "0", "6"),
        ("two-include", "5", "0", "3"),
        ("one-omit", "5", "0", "15"),
        ("one-include", "5", "0", "15"),
    ] {
        let panel = format!("#setup-{setup}");
        for (name, value) in [
            ("data-state", "done"),
            ("data-requests", requests),
            ("data-preflights", preflights),
            ("data-readable", "4"),
            ("data-combinations", combinations),
        ] {
            assert_eq!(
                attribute(&browser, &panel, name).await,
                value,
                "{setup} {name}"
            );
        }
    }
    for (card, tag, readable, status) in [
        ("kinds", "kind-public-three", true, 200),
        ("kinds", "kind-public-one", true, 200),
        ("kinds", "kind-authorization-three", true, 200),
        ("kinds", "kind-authorization-one", true, 200),
        ("kinds", "kind-signed-three", true, 200),
        ("kinds", "kind-signed-one", true, 200),
        ("tokens", "jwt-good", true, 200),
        ("tokens", "jwt-expired", true, 401),
        ("tokens", "jwt-first", false, 0),
    ] {
        assert_eq!(
            attribute(&browser, &format!("#{card}"), "data-state").await,
            "done"
        );
        let call = call(&results[card], tag);
        assert_eq!(call["readable"], readable, "{call}");
        assert_eq!(call["status"].as_u64().unwrap_or(0), status, "{call}");
    }

    origins_are_what_the_standard_says(&results);
    preflights_are_where_the_page_says(&results);
    reasons_are_the_servers(&results);
    only_intended_refusals(&browser.console().await);

    // The numbers are those of the run, and the page can be asked why.
    let verdict = text(&browser, "#verdict").await;
    // As `Math.round` does it; `{:.0}` would round 564.5 down.
    let ms = (results["setups"]["one-omit"]["ms"].as_f64().unwrap() + 0.5).floor();
    assert!(verdict.contains(&format!("{ms} ms")), "{verdict}");
    let cell = "#setup-three-omit .cell[data-api=any][data-bucket=page]";
    browser
        .page
        .find(Locator::Css(cell))
        .await
        .unwrap()
        .click()
        .await
        .unwrap();
    let why = text(&browser, "#setup-three-omit .why").await;
    assert!(
        why.contains("Access-Control-Allow-Origin for null"),
        "{why}"
    );
}

/// No window is as narrow as a phone, but a frame can be.
async fn a_phone_shows_all_of_it() {
    let gateway = Process::start(&program::gateway(), &["--listen", "127.0.0.1:0"]);
    let browser = Chromium::start([]).await;
    let page = &browser.page;
    page.goto(&format!("{}/runner.html", gateway.origin))
        .await
        .unwrap();
    let frame = "document.body.append(Object.assign(document.createElement('iframe'),
        { src: '/?rtt=0', width: 360, height: 800 }))";
    page.execute(frame, Vec::new()).await.unwrap();
    let frame = page.find(Locator::Css("iframe")).await.unwrap();
    frame.enter_frame().await.unwrap();
    finished(&browser).await;
    let root = "const root = document.documentElement; return [root.clientWidth, root.scrollWidth]";
    let root = page.execute(root, Vec::new()).await.unwrap();
    let [shown, needed] = [0, 1].map(|at| root[at].as_u64().unwrap());
    assert!(shown <= 360, "{root}");
    assert_eq!(needed, shown);
}

fn call<'a>(calls: &'a Value, tag: &str) -> &'a Value {
    let mut calls = calls.as_array().unwrap().iter();
    calls.find(|call| call["tag"] == tag).unwrap()
}

/// The browser's requests, preflights first where there are any: `server method origin`.
fn sent(call: &Value) -> Vec<String> {
    let exchanges = call["exchanges"].as_array().unwrap().iter();
    let visible = exchanges.filter(|exchange| exchange["forwarded"] == false);
    let text = |exchange: &Value, key: &str| exchange[key].as_str().unwrap_or("none").to_owned();
    visible
        .map(|exchange| {
            ["server", "method", "origin"]
                .map(|key| text(exchange, key))
                .join(" ")
        })
        .collect()
}

/// Fetch #http-redirect-fetch: a redirect from another origin to a third one makes the origin opaque.
fn origins_are_what_the_standard_says(results: &Value) {
    for (setup, api, bucket) in [
        ("three-omit", "http://127.0.0.1", "null"),
        ("three-include", "http://127.0.0.1", "null"),
        ("two-omit", "none", "http://127.0.0.1"),
        ("two-include", "none", "http://127.0.0.1"),
        ("one-omit", "none", "none"),
        ("one-include", "none", "none"),
    ] {
        let download = call(&results["setups"][setup]["calls"], &format!("{setup}-file"));
        let exchanges = download["exchanges"].as_array().unwrap();
        for (server, origin) in [("api", api), ("bucket", bucket)] {
            let seen = exchanges
                .iter()
                .filter(|exchange| exchange["server"] == server);
            let seen: Vec<_> = seen
                .map(|exchange| exchange["origin"].as_str().unwrap_or("none"))
                .collect();
            assert!(
                !seen.is_empty() && seen.iter().all(|seen| seen.starts_with(origin)),
                "{setup}: {server} saw {seen:?}"
            );
        }
    }
}

fn preflights_are_where_the_page_says(results: &Value) {
    for (tag, methods) in [
        ("kind-public-three", &["api GET"][..]),
        ("kind-public-one", &["gateway GET"]),
        ("kind-authorization-three", &["api OPTIONS", "api GET"]),
        ("kind-authorization-one", &["gateway GET"]),
        ("kind-signed-three", &["api OPTIONS", "api GET"]),
        ("kind-signed-one", &["gateway GET"]),
    ] {
        let sent = sent(call(&results["kinds"], tag));
        let same = sent
            .iter()
            .zip(methods)
            .all(|(sent, method)| sent.starts_with(method));
        assert!(same && sent.len() == methods.len(), "{tag}: {sent:?}");
    }
    // A preflight is never asked for a token where CORS is in front.
    let expired = call(&results["tokens"], "jwt-expired");
    let statuses: Vec<_> = expired["exchanges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64())
        .collect();
    assert_eq!(statuses, [Some(204), Some(401)]);
}

/// Each refusal has a reason in words, and each answer that was read has none.
fn reasons_are_the_servers(results: &Value) {
    for setup in results["setups"].as_object().unwrap().values() {
        for cell in setup["cells"].as_array().unwrap() {
            let refused = cell["readable"] == false;
            assert_eq!(cell["reason"].is_string(), refused, "{}", cell["tag"]);
        }
    }
    let reason = |setup: &str, cell: &str| {
        let cell = call(
            &results["setups"][setup]["cells"],
            &format!("{setup}-{cell}"),
        );
        cell["reason"].as_str().unwrap_or_default().to_owned()
    };
    for (setup, cell, words) in [
        (
            "three-omit",
            "none-any",
            "The API’s answer has no Access-Control-Allow-Origin",
        ),
        (
            "three-omit",
            "any-page",
            "has no Access-Control-Allow-Origin for null",
        ),
        ("three-include", "any-any", "The API’s answer allows *"),
        ("three-include", "page-any", "The bucket’s answer allows *"),
        (
            "three-include",
            "page-null",
            "without Access-Control-Allow-Credentials",
        ),
        ("two-include", "none-any", "The bucket’s answer allows *"),
    ] {
        let reason = reason(setup, cell);
        assert!(reason.contains(words), "{setup} {cell}: {reason}");
    }
}

/// The console names the refusals that the page provokes and the 401 that it reads, and nothing else.
fn only_intended_refusals(console: &[String]) {
    let provoked = ["-none-", "-any-", "-page-", "call=jwt-first"];
    let intended = |line: &&String| {
        let refused = line.contains("blocked by CORS policy") || line.contains("net::ERR_FAILED");
        refused && provoked.iter().any(|tag| line.contains(tag))
            || line.contains("call=jwt-expired") && line.contains("401")
    };
    let others: Vec<_> = console.iter().filter(|line| !intended(line)).collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(
        console
            .iter()
            .any(|line| line.contains("blocked by CORS policy"))
    );
}
