//! The judgement, for people.

use std::fmt;

use http::HeaderValue;
use http::request::Parts;

use crate::excerpt::Excerpt;
use crate::guard::config::builder::Mode;
use crate::guard::policy::{Compiled, Guard};
use crate::guard::request::head::Head;
use crate::guard::request::signals;
use crate::guard::verdict::{Admission, Refusal, Verdict};

/// The rules that a request passes by, up to the one that decides, and what to write.
///
/// Made by [`Guard::explain`]. Displays as a text of a few lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Explanation {
    request: String,
    own_origin: String,
    refusal: Option<Refusal>,
    steps: Vec<Step>,
    remedy: Option<String>,
}

/// One rule, and what it says to the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Step {
    rule: u8,
    outcome: Outcome,
    source: &'static str,
    reason: String,
}

/// The outcome of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Outcome {
    /// The rule does not decide; the next one is looked at.
    Continues,
    /// The rule lets the request through.
    Admits,
    /// The rule refuses the request.
    Refuses,
}

/// The standards that the rules rest on.
const SOURCES: [&str; 10] = [
    "",
    "RFC 9110 7.4, DNS rebinding",
    "RFC 9110 9.2.1, RFC 6455 10.2",
    "dangerously_exempt",
    "mode",
    "Fetch Metadata 2.4",
    "trust",
    "Fetch Metadata 2.4",
    "Fetch #origin-header",
    "require_browser_fields",
];

impl Guard {
    /// Explains what [`judge`](Self::judge) says: the rules one by one up to the one that decides, and what to
    /// write where it refuses.
    ///
    /// ```
    /// use same_origin::guard::Guard;
    ///
    /// let (request, ()) = http::Request::post("/items")
    ///     .header("host", "app.example.com")
    ///     .header("origin", "https://app.example.com")
    ///     .body(())
    ///     .expect("a request")
    ///     .into_parts();
    /// let explanation = Guard::builder().build()?.explain(&request).to_string();
    /// assert!(explanation.contains("in its scheme alone"));
    /// assert!(explanation.contains("name the origin in public_origins"));
    /// # Ok::<(), same_origin::guard::GuardErrors>(())
    /// ```
    #[must_use]
    pub fn explain(&self, request: &Parts) -> Explanation {
        self.compiled().explain(&Head::from(request))
    }
}

impl Compiled {
    fn explain(&self, head: &Head<'_>) -> Explanation {
        let verdict = self.judge(head);
        let (deciding, decision) = match verdict {
            Verdict::Admitted(admission) => (admission.rule(), self.admits(admission, head)),
            Verdict::Refused(refusal) => {
                let reason = self.advise(refusal, head).reason;
                (
                    refusal.rule(),
                    Step::new(refusal.rule(), Outcome::Refuses, reason),
                )
            }
        };
        let passed = (1..deciding).filter_map(|rule| self.continues(rule, head));
        let origin = head.origin_text().map_or_else(
            || String::from("without Origin"),
            |origin| format!("from {}", Excerpt(origin.as_bytes())),
        );
        Explanation {
            request: format!(
                "{} {}, {origin}",
                head.method,
                Excerpt(head.public_path().as_bytes())
            ),
            own_origin: match &self.public_origins {
                Some(origins) => format!("{origins:?}"),
                None => head.own().to_string(),
            },
            refusal: verdict.refusal(),
            steps: passed.chain([decision]).collect(),
            remedy: verdict
                .refusal()
                .map(|refusal| self.advise(refusal, head).remedy),
        }
    }

    fn admits(&self, admission: Admission, head: &Head<'_>) -> Step {
        let origin = head
            .origin_text()
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        let reason = match admission {
            Admission::SafeMethod => format!(
                "{} is a safe method, and no upgrade is asked for",
                head.method
            ),
            Admission::TrustedOrigin => format!("{} is trusted", Excerpt(origin)),
            Admission::OwnOrigin => format!("{} is the request's own origin", Excerpt(origin)),
            Admission::NoBrowser => {
                String::from("no browser sent it: it has neither Sec-Fetch-Site nor Origin")
            }
            Admission::Exempt
            | Admission::NoCredentials
            | Admission::SameOrigin
            | Admission::UserInitiated => admission.to_string(),
        };
        Step::new(admission.rule(), Outcome::Admits, reason)
    }

    /// The rules that did not decide. Those that have nothing to say are left out.
    fn continues(&self, rule: u8, head: &Head<'_>) -> Option<Step> {
        let reason = match rule {
            1 => {
                self.hosts.as_ref()?;
                String::from("the host is in hosts")
            }
            2 if signals::is_handshake(head) => String::from("the request asks for a WebSocket"),
            2 => format!("{} is not a safe method", head.method),
            3 if self.exempt.0.is_empty() => return None,
            3 => String::from("the path is not exempt for this method"),
            4 => match self.mode {
                Mode::Strict => return None,
                Mode::Credentials if signals::is_handshake(head) => {
                    String::from("every handshake is judged")
                }
                Mode::Credentials => String::from("the request carries credentials of a browser"),
            },
            5 => match signals::fetch_site(head.fields.fetch_site) {
                None => String::from("there is no Sec-Fetch-Site"),
                Some(_) => String::from("Sec-Fetch-Site is neither \"same-origin\" nor \"none\""),
            },
            6 if self.trusted.is_empty() => String::from("no origin is trusted"),
            6 => String::from("the origin is not trusted"),
            7 => return None,
            _ => String::from("there is no Origin"),
        };
        Some(Step::new(rule, Outcome::Continues, reason))
    }
}

impl Explanation {
    /// The rule that the request fails, if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// The own origin of the request, or `public_origins`.
    #[must_use]
    pub fn own_origin(&self) -> &str {
        &self.own_origin
    }

    /// The rules in their order; the last one decides.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The change that lets a refused request through.
    #[must_use]
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

impl Step {
    fn new(rule: u8, outcome: Outcome, reason: String) -> Self {
        let source = SOURCES[usize::from(rule).min(SOURCES.len() - 1)];
        Self {
            rule,
            outcome,
            source,
            reason,
        }
    }

    /// The number of the rule in the [module's documentation](super#the-rules).
    #[must_use]
    pub fn rule(&self) -> u8 {
        self.rule
    }

    /// Its end.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The clause of a standard, or the setting, that the rule rests on.
    #[must_use]
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The reason for which it ends so.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.refusal {
            Some(refusal) => writeln!(f, "{}: refused, {refusal}", self.request)?,
            None => writeln!(f, "{}: not refused", self.request)?,
        }
        writeln!(f, "own origin: {}", self.own_origin)?;
        self.steps.iter().try_for_each(|step| step.fmt(f))?;
        match &self.remedy {
            Some(remedy) => writeln!(f, "to let it through: {remedy}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Continues => "goes on",
            Outcome::Admits => "let through",
            Outcome::Refuses => "refused",
        };
        writeln!(
            f,
            "{}. {outcome}: {} ({})",
            self.rule, self.reason, self.source
        )
    }
}
