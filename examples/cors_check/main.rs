//! Would a browser let this page use that server? Asks real servers, as a browser would.
//!
//!     cargo run --features browser --example cors_check -- \
//!         --page https://app.example.com https://api.example.com/items \
//!         --method PUT --header 'authorization: Bearer x' --credentials
//!
//! The browser is simulated, the servers are real: it sends what a browser would send and nothing else. A
//! request that may change something is announced first; `--preflight-only` leaves it out. The exit status is
//! 0 when there is nothing to mend, 1 when there is, 2 when the arguments are wrong. `--help` has the rest.

mod args;
mod diagnose;
mod matrix;
mod network;
mod report;
mod shown;
mod software;

use std::process::ExitCode;

use args::{Args, Asked, Call};
use diagnose::{across, diagnose, expect_refusal};
use same_origin::browser::{Credentials, Outcome, Request, Web};
use serde_json::Value;
use shown::{shown, shown_json};

#[tokio::main]
async fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1)) {
        Ok(Asked::Check(args)) => args,
        Ok(Asked::Help(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(mistakes) => {
            eprintln!("{mistakes}\n`cors_check --help` says more");
            return ExitCode::from(2);
        }
    };
    let web = match network::web(&args) {
        Ok(web) => web,
        Err(mistake) => {
            eprintln!("{mistake}");
            return ExitCode::from(2);
        }
    };
    ExitCode::from(check(&web, &args).await)
}

/// Makes the calls one after the other; returns the exit status.
async fn check(web: &Web, args: &Args) -> u8 {
    let mut checked = Vec::new();
    for call in &args.calls {
        let outcome = ask(web, call).await;
        let found = diagnose(call, &outcome);
        let findings = match call.readable {
            true => found,
            false => expect_refusal(found),
        };
        if !args.json {
            print(&report::lines(call, &outcome, &findings));
        }
        checked.push((call, outcome, findings));
    }
    let outcomes: Vec<_> = checked.iter().map(|(_, outcome, _)| outcome).collect();
    for (index, finding) in across(&outcomes) {
        if !args.json {
            print(&report::lines_of(&finding));
        }
        checked[index].2.push(finding);
    }
    if args.json {
        let results = checked
            .iter()
            .map(|(call, outcome, findings)| report::result(call, outcome, findings));
        let results = Value::Array(results.collect());
        println!("{}", shown_json(&format!("{results:#}")));
    }
    let findings: Vec<_> = checked
        .iter()
        .flat_map(|(_, _, findings)| findings)
        .collect();
    if findings.iter().any(|finding| finding.code == "bad-call") {
        return 2;
    }
    findings.into_iter().any(report::is_fault).into()
}

fn print(lines: &[String]) {
    for line in lines {
        println!("{}", shown(line));
    }
}

/// The call in a browser that remembers nothing of the others.
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
    let web = web.incognito();
    for cookie in &call.cookies {
        // One that no browser would keep shows in the answer, as if there were none.
        let _ = web.set_cookie(&call.url, &format!("{cookie}; SameSite=None; Secure"));
    }
    let page = web.page(&call.page);
    page.fetch(request).credentials(credentials).send().await
}
