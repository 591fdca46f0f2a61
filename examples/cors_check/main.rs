//! Would a browser let this page use that server? Asks real servers, as a browser would.
//!
//!     cargo run --features browser --example cors_check -- \
//!         --page https://app.example.com https://api.example.com/items \
//!         --method PUT --header 'authorization: Bearer x' --credentials
//!
//! The browser is simulated, the servers are real: it sends what a browser would send and nothing else. It
//! says so before any request that may change something. The exit status is 0 when every page can use
//! every URL, 1 when one cannot, 2 when the arguments are wrong.

mod args;
mod diagnose;

use std::process::ExitCode;

use same_origin::browser::{Credentials, Engine, Outcome, Request, Web};
use serde_json::{Value, json};

use args::{Args, Call, HELP};
use diagnose::{Finding, diagnose};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(mistakes) => {
            eprintln!("{mistakes}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let web = match Web::network() {
        Ok(web) => args
            .addresses
            .iter()
            .fold(web, |web, (origin, address)| web.resolve(origin, *address)),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut results = Vec::new();
    for call in &args.calls {
        warn_before(call);
        let outcome = ask(&web, call).await;
        let finding = diagnose(&outcome);
        if !args.json {
            print_result(call, &outcome, finding.as_ref());
        }
        results.push(result(call, &outcome, finding.as_ref()));
    }
    if args.json {
        println!("{:#}", Value::Array(results.clone()));
    }
    match results.iter().all(|result| result["readable"] == true) {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(1),
    }
}

/// A request that may change something is announced: the server will do it.
fn warn_before(call: &Call) {
    if !matches!(&*call.method, "GET" | "HEAD" | "OPTIONS") {
        eprintln!(
            "sending {} {} for real, if its preflight passes",
            call.method, call.url
        );
    }
}

/// The call as Chromium makes it, in a browser that remembers nothing of the others.
async fn ask(web: &Web, call: &Call) -> Outcome {
    let mut request = Request::new(&*call.method, &*call.url);
    for (name, value) in &call.headers {
        request = request.header(&**name, &**value);
    }
    if let Some(body) = &call.body {
        request = request.body(&**body);
    }
    let credentials = match call.credentials {
        true => Credentials::Include,
        false => Credentials::SameOrigin,
    };
    let web = web.incognito().engine(Engine::Chromium);
    let page = web.page(&call.page);
    page.fetch(request).credentials(credentials).send().await
}

fn print_result(call: &Call, outcome: &Outcome, finding: Option<&Finding>) {
    println!("{} {} from {}", call.method, call.url, call.page);
    for exchange in outcome.trace().requests() {
        let kind = if exchange.is_preflight() {
            " (preflight)"
        } else {
            ""
        };
        let status = exchange
            .status()
            .map_or("no answer".into(), |status| status.to_string());
        println!("  {} {}{kind}: {status}", exchange.method(), exchange.url());
    }
    match finding {
        None => println!("  readable: nothing to mend"),
        Some(finding) => {
            println!("  NOT READABLE: {}", finding.what);
            println!("  where:  {}", finding.place);
            println!("  mend:   {}", finding.remedy);
            println!("  clause: {}", finding.clause);
        }
    }
}

fn result(call: &Call, outcome: &Outcome, finding: Option<&Finding>) -> Value {
    let requests = outcome.trace().requests().map(|exchange| {
        json!({
            "method": exchange.method().as_str(), "url": exchange.url().as_str(),
            "preflight": exchange.is_preflight(),
            "status": exchange.status().map(|status| status.as_u16()),
        })
    });
    json!({
        "page": call.page, "method": call.method, "url": call.url,
        "readable": finding.is_none(), "requests": requests.collect::<Vec<_>>(),
        "finding": finding.map(|finding| json!({
            "what": finding.what, "place": finding.place, "remedy": finding.remedy,
            "header": finding.header, "clause": finding.clause,
        })),
    })
}
