//! The gain of one origin: the same calls of a page on three origins and on one, at a distance.

mod relay;
mod setups;

use std::fmt::Write as _;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use setups::Far;
pub use setups::Setup;

use crate::gateway::ORIGIN;
use crate::network::{Sent, requests};

/// The distance of the servers.
pub const ONE_WAY: Duration = Duration::from_millis(100);

/// The headlines of the tables, by which the measured ones are found.
pub const COUNTED: &str = "round trips of a page";
pub const TIMED: &str = "milliseconds of a page";

/// The page's calls, one after the other: each waits for the one before.
const CALLS: [&str; 8] = [
    "who am I: GET",
    "a list: GET",
    "its next page: GET",
    "a new item: POST, JSON",
    "a change: PUT, JSON",
    "a removal: DELETE",
    "a report: GET, 303 to the bucket",
    "an upload: PUT to the bucket",
];

/// The cost of the calls in a setup.
pub struct Waterfall {
    pub setup: Setup,
    /// The first time, and once more.
    pub rounds: [Vec<Cost>; 2],
    /// `OPTIONS` requests that arrived at API and bucket.
    pub options: usize,
}

/// The cost of a call, or of several.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// On the wire: preflights and the hops of redirects are requests.
    pub requests: usize,
    pub preflights: usize,
    pub connections: usize,
    pub milliseconds: f64,
}

impl Cost {
    fn of(sent: &[Sent], milliseconds: f64) -> Self {
        let count = |what: fn(&Sent) -> bool| sent.iter().filter(|sent| what(sent)).count();
        Self {
            requests: sent.len(),
            preflights: count(|sent| sent.is_preflight),
            connections: count(|sent| sent.connected),
            milliseconds,
        }
    }

    pub fn sum(costs: &[Self]) -> Self {
        costs.iter().fold(Self::default(), |sum, cost| Self {
            requests: sum.requests + cost.requests,
            preflights: sum.preflights + cost.preflights,
            connections: sum.connections + cost.connections,
            milliseconds: sum.milliseconds + cost.milliseconds,
        })
    }

    /// Two for a new connection (one for TCP, one for TLS 1.3), and one for each request.
    pub fn round_trips(&self) -> usize {
        2 * self.connections + self.requests
    }

    fn counted(&self) -> String {
        let parts = [
            (self.requests - self.preflights, "request"),
            (self.preflights, "preflight"),
            (self.connections, "connection"),
        ];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<_> = parts
            .map(|(count, name)| format!("{count} {name}{}", if count > 1 { "s" } else { "" }))
            .collect();
        format!("{}: {}", self.round_trips(), parts.join(", "))
    }

    fn timed(&self) -> String {
        format!("{:.0}", self.milliseconds)
    }
}

impl Waterfall {
    /// Loads the page and lets it make its calls twice.
    pub async fn measure(setup: Setup, one_way: Duration) -> Self {
        let far = Far::start(setup, one_way).await;
        far.browser.page.goto(ORIGIN).await.expect("the page");
        requests(&far.browser).await;
        far.log.arrived();
        let steps = steps(setup, &far);
        let mut rounds = [Vec::new(), Vec::new()];
        for round in &mut rounds {
            for step in &steps {
                let milliseconds = perform(&far, step).await;
                round.push(Cost::of(&requests(&far.browser).await, milliseconds));
            }
        }
        let arrived = far.log.arrived();
        let options = arrived.iter().filter(|request| request.method == "OPTIONS");
        Self {
            setup,
            rounds,
            options: options.count(),
        }
    }
}

fn steps(setup: Setup, far: &Far) -> [Value; 8] {
    let [api, bucket] = setup.bases();
    let token = ["authorization", "Bearer token"];
    let to_api = |method: &str, path: &str, body: Option<&str>| {
        let mut headers = vec![token];
        headers.extend(body.map(|_| ["content-type", "application/json"]));
        json!({
            "method": method, "url": format!("{api}{path}"), "headers": headers, "body": body,
            "credentials": setup.credentials(),
        })
    };
    let item = Some(r#"{"name":"x"}"#);
    let upload = far.signer.sign(&Method::PUT, "/exports/1.csv");
    [
        to_api("GET", "/session", None),
        to_api("GET", "/items?page=1", None),
        to_api("GET", "/items?page=2", None),
        to_api("POST", "/items", item),
        to_api("PUT", "/items/7", item),
        to_api("DELETE", "/items/8", None),
        to_api("GET", "/report", None),
        json!({
            "method": "PUT", "url": format!("{bucket}{upload}"), "body": "a,b,c",
            "headers": [["content-type", "text/csv"]], "credentials": setup.credentials(),
        }),
    ]
}

/// The time for which the page waits for the whole answer.
async fn perform(far: &Far, step: &Value) -> f64 {
    let script = "const [step, done] = arguments;
        const begin = performance.now();
        perform(step).then(({ status, error }) => done([performance.now() - begin, status, error]))";
    let done = far
        .browser
        .page
        .execute_async(script, vec![step.clone()])
        .await;
    let done = done.expect("the page's script runs");
    assert_eq!(done[1], 200, "{step}: {done}");
    done[0].as_f64().expect("a number")
}

/// The counted round trips of each call, and how many preflights the servers saw.
pub fn counted(waterfalls: &[Waterfall]) -> String {
    let options = waterfalls
        .iter()
        .map(|waterfall| format!(" {} |", waterfall.options));
    let options: String = options.collect();
    table(waterfalls, Cost::counted) + "| `OPTIONS` that arrived |" + &options + "\n"
}

/// The time that each call took.
pub fn timed(waterfalls: &[Waterfall]) -> String {
    table(waterfalls, Cost::timed)
}

fn table(waterfalls: &[Waterfall], cell: fn(&Cost) -> String) -> String {
    let mut table = String::from("| call |");
    for waterfall in waterfalls {
        write!(table, " {} |", waterfall.setup.name()).expect("a string");
    }
    write!(table, "\n|---|{}\n", "---|".repeat(waterfalls.len())).expect("a string");
    let mut row = |name: &str, cost: &dyn Fn(&Waterfall) -> Cost| {
        let cells: Vec<_> = waterfalls.iter().map(|one| cell(&cost(one))).collect();
        writeln!(table, "| {name} | {} |", cells.join(" | ")).expect("a string");
    };
    for (index, name) in CALLS.iter().enumerate() {
        row(name, &|waterfall| waterfall.rounds[0][index]);
    }
    row("**all of it**", &|waterfall| {
        Cost::sum(&waterfall.rounds[0])
    });
    row("all of it once more", &|waterfall| {
        Cost::sum(&waterfall.rounds[1])
    });
    table
}
