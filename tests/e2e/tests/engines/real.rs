//! Scenarios in real browsers.

use std::time::Duration;

use fantoccini::Client;
use serde_json::{Value, json};

use crate::browsers::Browser;
use crate::support::instructed::{CLEARING, at};
use crate::support::scenario::Scenario;
use crate::support::step::{NO_SCENARIO, Seen, result};
use crate::support::tables::Table;
use crate::support::world::World;

/// The page's script; the servers of a page's origin send it.
pub const PAGE: &str = concat!(
    "<!doctype html><link rel=icon href='data:,'><body><script>",
    include_str!("page.js"),
    "</script>"
);

/// The time in which a window has gone elsewhere.
const LEAVING: Duration = Duration::from_millis(600);

/// A browser's outcome of a scenario, in the same words as the simulated one's.
pub async fn run(browser: &Browser, world: &World, scenario: &Scenario) -> String {
    let page = browser.page();
    browser.forget(&CLEARING).await;
    for (url, cookie) in &scenario.cookies {
        let line = format!("set-cookie: {cookie}");
        let setting = at(url, "cookie").headers(&[&line]).url(scenario.id);
        page.goto(setting.as_str()).await.expect("a page");
    }
    page.goto(scenario.page).await.expect("the page");
    browser.console().await;
    world.arrived();
    let mut lines = String::new();
    for (step, script) in scenario.steps.iter().zip(scenario.script()) {
        let seen = perform(page, &[script], scenario.frame_name()).await;
        if step.leaves() {
            tokio::time::sleep(LEAVING).await;
        }
        let console = browser.console().await;
        scenario.report(&mut lines, &world.arrived(), read(&seen[0], &console));
        if step.leaves() {
            page.goto(scenario.page).await.expect("the page");
            world.arrived();
        }
    }
    lines
}

/// A table, filled by a browser.
pub async fn table(browser: &Browser, world: &World, table: &dyn Table) -> String {
    let page = browser.page();
    browser.forget(&CLEARING).await;
    for (url, _) in table.cookies() {
        page.goto(&url).await.expect("a page");
    }
    page.goto(table.page()).await.expect("the page");
    world.arrived();
    let steps: Vec<_> = table
        .steps()
        .iter()
        .map(|step| step.json(NO_SCENARIO))
        .collect();
    let seen = perform(page, &steps, None).await;
    let status = |seen: &Value| {
        seen["status"]
            .as_u64()
            .and_then(|status| status.try_into().ok())
    };
    let seen: Vec<_> = seen.iter().map(status).collect();
    table.render(&seen, &world.arrived())
}

pub async fn perform(page: &Client, steps: &[Value], frame: Option<&str>) -> Vec<Value> {
    let script = "const [steps, frame, done] = arguments; run(steps, frame).then(done)";
    let seen = page
        .execute_async(script, vec![json!(steps), json!(frame)])
        .await;
    let seen = seen.expect("the page's script runs");
    seen.as_array().cloned().expect("one result for each step")
}
/// The outcome as script saw it, or the console's words instead.
fn read(seen: &Value, console: &[String]) -> Seen {
    let text = |key: &str| seen[key].as_str().unwrap_or_default().to_owned();
    if seen.is_null() {
        return Seen::Nothing;
    }
    if seen["error"].is_string() {
        return Seen::Failure(failure(&text("error"), console));
    }
    let headers = seen["headers"].as_array().cloned().unwrap_or_default();
    let pair = |line: Value| Some((line[0].as_str()?.to_owned(), line[1].as_str()?.to_owned()));
    let url = if seen["redirected"] == true {
        text("url")
    } else {
        String::new()
    };
    let status = seen["status"].as_u64().unwrap_or_default();
    Seen::Result(result(
        status,
        &text("type"),
        &url,
        headers.into_iter().filter_map(pair),
        &text("text"),
    ))
}

/// The console's words of a step that failed.
pub fn console_of(seen: &Value, console: &[String]) -> String {
    failure(seen["error"].as_str().unwrap_or_default(), console)
}

/// The sentence about CORS, or the first there is; a `TypeError` thrown by script has none.
fn failure(error: &str, console: &[String]) -> String {
    // `https://app.test/ 0:0 Access to fetch at …`, or `javascript 3:4 "Access to …"`.
    let mut messages = console
        .iter()
        .map(|line| line.splitn(3, ' ').nth(2).unwrap_or(line).trim_matches('"'));
    let told = messages
        .clone()
        .find(|message| !message.starts_with("Failed to load resource"));
    match told.or_else(|| messages.next()) {
        Some(message) => message.trim_end().replace("\\\"", "\""),
        None => error.to_owned(),
    }
}
