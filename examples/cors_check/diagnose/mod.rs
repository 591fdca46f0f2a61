//! The findings: which answer's header is missing or wrong, in whose configuration, and what to write there.

mod across;
mod advice;
mod blocked;
mod origins;
mod unreached;

use std::error::Error;

pub use across::across;
use same_origin::browser::{Exchange, FetchError, FetchErrorKind, Outcome};

use crate::args::Call;
use crate::software::Software;

/// Something to mend, or to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub severity: Severity,
    /// Its code, for programs: a word that stays.
    pub code: &'static str,
    /// The owner of the configuration, for programs.
    pub owner: &'static str,
    pub what: String,
    /// The configuration that has to be changed.
    pub place: String,
    pub remedy: String,
    pub header: Option<String>,
    pub clause: &'static str,
}

/// Its severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The page cannot use the answer, or one can that should not.
    Error,
    /// This call works; another one, or the same by way of a cache, does not.
    Warning,
    /// It cannot be told from outside, or is not a fault.
    Note,
}

impl Severity {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A fault in words, before it is known whose it is.
struct Fault {
    code: &'static str,
    remedy: String,
}

fn fault(code: &'static str, remedy: impl Into<String>) -> Fault {
    let remedy = remedy.into();
    Fault { code, remedy }
}

/// The findings of one call, the worst first; nothing where all is well.
pub fn diagnose(call: &Call, outcome: &Outcome) -> Vec<Finding> {
    let blocked = outcome.error().map(|error| blocker(error, outcome));
    let mut findings: Vec<_> = blocked.into_iter().collect();
    findings.extend(advice::advice(call, outcome));
    findings
}

/// Whether the page can read the answer; nothing where that was not tried.
pub fn readable(findings: &[Finding]) -> Option<bool> {
    let withheld = findings.iter().any(|finding| finding.code == "not-sent");
    let failed = findings
        .iter()
        .any(|finding| finding.severity == Severity::Error);
    (!withheld).then_some(!failed)
}

/// A page that is not to read the answer: what keeps it out is right, and if nothing does, that is wrong.
pub fn expect_refusal(findings: Vec<Finding>) -> Vec<Finding> {
    let is_cors = |finding: &Finding| finding.clause.starts_with("Fetch #cors-");
    if findings.iter().any(is_cors) {
        return Vec::new();
    }
    if readable(&findings) != Some(true) {
        // Not answered at all, so that nothing is known; or not sent.
        return findings;
    }
    vec![Finding {
        severity: Severity::Error,
        code: "readable-by-others",
        owner: "server",
        what: "a page that is not to read the answer can read it".into(),
        place: "the server".into(),
        remedy: "list the origins that may, one by one, and answer no others".into(),
        header: Some("access-control-allow-origin".into()),
        clause: "Fetch #cors-check",
    }]
}

fn blocker(error: &FetchError, outcome: &Outcome) -> Finding {
    if let Some(finding) = unreached::finding(error, outcome) {
        return finding;
    }
    let Some(last) = outcome.trace().requests().last() else {
        return unasked(error, None);
    };
    let software = Software::of(last);
    let fault = blocked::fault_of(error, outcome, last, software);
    let all = Software::all(last);
    let several = fault.code == "several-allow-origin-lines" && all.len() > 1;
    let places: Vec<_> = all.iter().map(|software| software.place()).collect();
    let places = match (several, all.len() > 1) {
        (true, _) => places.join(" and "),
        (false, true) => format!("{} (one of {})", software.place(), places.join("; ")),
        (false, false) => software.place().to_owned(),
    };
    Finding {
        severity: Severity::Error,
        code: fault.code,
        owner: match several {
            true => all[0].word(),
            false => software.word(),
        },
        what: error.console(),
        place: format!("{}: {places}", answer(error.in_preflight(), last)),
        remedy: fault.remedy,
        header: error.header().map(|name| name.to_string()),
        clause: error.clause(),
    }
}

/// The answer that is at fault, in words.
fn answer(preflight: bool, last: &Exchange) -> String {
    let kind = match preflight {
        true => "the answer to the preflight",
        false => "the answer",
    };
    let status = last.status().map(|status| status.as_u16().to_string());
    let url = last.url();
    format!(
        "{kind} ({}) of {}",
        status.unwrap_or_default(),
        url.origin().ascii_serialization()
    )
}

/// A failure before the request was sent: the first one, or the one that `last` redirects to.
fn unasked(error: &FetchError, last: Option<&Exchange>) -> Finding {
    let (code, owner, remedy) = match error.kind() {
        FetchErrorKind::MixedContent => (
            "mixed-content",
            "server",
            "serve it by https: pages that came by https load nothing else",
        ),
        FetchErrorKind::BadPort(_) => (
            "bad-port",
            "server",
            "serve it on another port: browsers do not connect to this one, as other protocols are at home there",
        ),
        FetchErrorKind::Withheld(_) => (
            "not-sent",
            "call",
            "leave `--preflight-only` out to have it sent, or answer `y`",
        ),
        _ => (
            "bad-call",
            "call",
            "mend the call: no browser would send it",
        ),
    };
    let (owner, place) = match (last, owner) {
        // The URL is the server's own word.
        (Some(redirect), "server") => {
            let software = Software::of(redirect);
            let place = format!("{}: {}", answer(false, redirect), software.place());
            (software.word(), place)
        }
        (_, "server") => (owner, "the URL".to_owned()),
        (_, _) => (owner, "the call".to_owned()),
    };
    Finding {
        severity: match code {
            "not-sent" => Severity::Note,
            _ => Severity::Error,
        },
        code,
        owner,
        what: words(error),
        place,
        remedy: remedy.into(),
        header: None,
        clause: error.clause(),
    }
}

/// The console's words, and the causes behind them.
fn words(error: &FetchError) -> String {
    let mut text = error.console();
    let mut cause = error.source();
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests;
