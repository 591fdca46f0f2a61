//! The results, for people and for programs.

use same_origin::browser::{Exchange, Outcome};
use serde_json::{Value, json};

use crate::args::Call;
use crate::diagnose::{Finding, Severity, readable};

/// The headers of requests and answers by which CORS is decided.
const TOLD: &[&str] = &["origin", "vary", "location"];

/// The lines about a call, for people. They hold texts of the servers: see [`shown`](crate::shown::shown).
pub fn lines(call: &Call, outcome: &Outcome, findings: &[Finding]) -> Vec<String> {
    let credentials = match call.credentials {
        true => ", with credentials",
        false => "",
    };
    let mut lines = vec![format!(
        "{} {} from {}{credentials}",
        call.method, call.url, call.page
    )];
    let decided = outcome.trace().checks().filter(|check| {
        let what = check.what();
        what.ends_with("preflight is needed") || what.ends_with("no preflight")
    });
    lines.extend(decided.map(|check| format!("  {}", check.what())));
    lines.extend(outcome.trace().requests().flat_map(of_exchange));
    let verdict = match (readable(findings), call.readable) {
        (None, _) => "  NOT SENT: what can be known without it is fine",
        (Some(false), _) => "  NOT AS IT SHOULD BE",
        (Some(true), true) => "  readable",
        (Some(true), false) => "  not readable, as it should be",
    };
    lines.push(verdict.to_owned());
    lines.extend(findings.iter().flat_map(lines_of));
    lines
}

fn of_exchange(exchange: &Exchange) -> Vec<String> {
    let kind = match exchange.is_preflight() {
        true => " (preflight)",
        false => "",
    };
    let sent = format!("  > {} {}{kind}", exchange.method(), exchange.url());
    let answered = match exchange.status() {
        Some(status) => format!("  < {status}"),
        None => "  < no answer".to_owned(),
    };
    let mut lines = vec![sent];
    lines.extend(of_headers(exchange.headers()));
    lines.push(answered);
    lines.extend(exchange.response_headers().into_iter().flat_map(of_headers));
    lines
}

fn of_headers(headers: &http::HeaderMap) -> impl Iterator<Item = String> {
    let told = |name: &str| TOLD.contains(&name) || name.starts_with("access-control-");
    let told = headers.iter().filter(move |(name, _)| told(name.as_str()));
    told.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes());
        format!("      {name}: {value}")
    })
}

/// The lines about a finding.
pub fn lines_of(finding: &Finding) -> [String; 4] {
    let word = finding.severity.word();
    [
        format!("  {word} [{}]: {}", finding.code, finding.what),
        format!("    where:  {}", finding.place),
        format!("    mend:   {}", finding.remedy),
        format!("    clause: {}", finding.clause),
    ]
}

pub fn result(call: &Call, outcome: &Outcome, findings: &[Finding]) -> Value {
    let requests = outcome.trace().requests().map(|exchange| {
        json!({
            "method": exchange.method().as_str(), "url": exchange.url().as_str(),
            "preflight": exchange.is_preflight(),
            "status": exchange.status().map(|status| status.as_u16()),
            "origin": exchange.header("origin"),
        })
    });
    json!({
        "page": call.page, "method": call.method, "url": call.url, "credentials": call.credentials,
        "ok": !findings.iter().any(is_fault),
        "readable": match call.readable {
            true => readable(findings),
            false => Some(findings.iter().any(|finding| finding.code == "readable-by-others")),
        },
        "requests": requests.collect::<Vec<_>>(),
        "findings": findings.iter().map(of_finding).collect::<Vec<_>>(),
    })
}

fn of_finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.word(), "code": finding.code, "owner": finding.owner,
        "what": finding.what, "place": finding.place, "remedy": finding.remedy,
        "header": finding.header, "clause": finding.clause,
    })
}

/// Whether something is to be mended.
pub fn is_fault(finding: &Finding) -> bool {
    finding.severity != Severity::Note
}
