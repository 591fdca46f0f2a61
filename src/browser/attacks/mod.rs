//! Cross-site attempts against a server of one's own, and a table of what got through.

mod attackers;
mod means;
mod report;

use http::StatusCode;
use url::Url;

use self::attackers::{Attacker, attackers};
use self::means::{Means, all_means};
pub use self::report::{AttackReport, AttackVerdict, Attempt};
use crate::browser::engine::Engine;
use crate::browser::origin::Origin;
use crate::browser::outcome::response::Outcome;
use crate::browser::page::request::Request;
use crate::browser::web::Web;

/// Attempts of other sites' pages to use a server with the cookies of its user; see [`attacks`].
#[derive(Clone, Debug)]
#[must_use = "nothing is tried before `run`"]
pub struct Attacks {
    web: Web,
    target: String,
    changes: Vec<Request>,
    sockets: Vec<String>,
    protocols: Vec<String>,
    secrets: Vec<String>,
    attackers: Vec<String>,
    strict: Option<bool>,
    engines: Vec<Engine>,
}

/// Everybody who may come.
const ALL: [Engine; 4] = [
    Engine::Standard,
    Engine::Chromium,
    Engine::Firefox,
    Engine::WebKit,
];

/// Tries what other sites' pages can do to the origin `target`, with the cookies that the browser has for it.
///
/// Say what there is to attack: [`change`](Attacks::change), [`socket`](Attacks::socket),
/// [`secret`](Attacks::secret). The attackers are a page of another site, a sibling subdomain, another
/// port, the same host without TLS, a sandboxed frame, a redirect by way of the attacker's own server, and a
/// name that was rebound to the server's address. Each attempt is made with the cookies that there are and
/// with empty caches, by the standard and as Chromium, Firefox and WebKit do it; the worst result counts.
///
/// The requests do arrive: do not run it against data that matters.
///
/// ```
/// # use std::convert::Infallible;
/// use same_origin::browser::{Request, Web, attacks};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// # let router = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(String::new())) });
/// let web = Web::new().origin("https://bank.example", router); // it checks nothing
/// web.set_cookie("https://bank.example", "sid=1; SameSite=None; Secure").unwrap();
///
/// let report = attacks(&web, "https://bank.example").change(Request::post("/transfer")).run().await;
/// println!("{report}");
/// assert!(report.got_through().any(|attempt| attempt.means().starts_with("form")));
/// # });
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn attacks(web: &Web, target: &str) -> Attacks {
    Attacks {
        web: web.clone(),
        target: target.to_owned(),
        changes: Vec::new(),
        sockets: Vec::new(),
        protocols: Vec::new(),
        secrets: Vec::new(),
        attackers: Vec::new(),
        strict: None,
        engines: ALL.to_vec(),
    }
}

impl Attacks {
    /// A request that changes something, as the own page sends it. Its method is tried by `fetch()`, and
    /// whatever it is, a POST by forms, beacons and `fetch()` in mode `no-cors`.
    pub fn change(mut self, request: impl Into<Request>) -> Self {
        self.changes.push(request.into());
        self
    }

    /// The address of a WebSocket, such as `/ws`.
    pub fn socket(mut self, url: impl Into<String>) -> Self {
        self.sockets.push(url.into());
        self
    }

    /// The subprotocols that all its WebSockets are asked for with, such as `["graphql-transport-ws"]`: a
    /// server that wants one refuses friend and foe without.
    pub fn protocols<P: Into<String>>(mut self, names: impl IntoIterator<Item = P>) -> Self {
        self.protocols.extend(names.into_iter().map(Into::into));
        self
    }

    /// The address of something that only the user may read, by GET.
    pub fn secret(mut self, url: impl Into<String>) -> Self {
        self.secrets.push(url.into());
        self
    }

    /// Another page that attacks, beside those that always do.
    pub fn from_page(mut self, url: impl Into<String>) -> Self {
        self.attackers.push(url.into());
        self
    }

    /// Whether a request without cookies counts as well: where being reachable is the authority, as on
    /// loopback and in private networks. By default it does if the browser has no cookie for the target.
    pub fn strict(self, strict: bool) -> Self {
        Self {
            strict: Some(strict),
            ..self
        }
    }

    /// Tries one browser only, and leaves out what users of others risk. Default: all of them, and the worst counts.
    pub fn engine(self, engine: Engine) -> Self {
        Self {
            engines: vec![engine],
            ..self
        }
    }

    /// Makes all attempts, one after the other.
    pub async fn run(self) -> AttackReport {
        let strict = self
            .strict
            .unwrap_or_else(|| self.web.cookies(&self.target).is_none());
        let attackers = attackers(&self.web, &self.target, &self.attackers);
        let mut attempts = Vec::new();
        for means in all_means(&self) {
            let own = self.own_status(&means).await;
            for attacker in &attackers {
                attempts.push(self.attempt(attacker, &means, own, strict).await);
            }
        }
        AttackReport::new(attempts)
    }

    /// The status that the own page gets by the same means: what a server says to friends.
    async fn own_status(&self, means: &Means) -> Option<StatusCode> {
        let page = self.web.page(&self.target);
        let outcome = means.fetch(&page, &self.target).apart().send().await;
        last_answer(&outcome, &self.target).and_then(|(status, _)| status)
    }

    async fn attempt(
        &self,
        attacker: &Attacker,
        means: &Means,
        own: Option<StatusCode>,
        strict: bool,
    ) -> Attempt {
        let by = async |engine: Engine| {
            let (page, target) = attacker.page(engine, &self.target, means);
            let outcome = means.fetch(&page, &target).apart().send().await;
            let verdict = judge(&outcome, &target, means, own, strict);
            Attempt::new(attacker.name(), means.to_string(), verdict, outcome)
        };
        let (first, others) = self
            .engines
            .split_first()
            .unwrap_or((&Engine::Standard, &[]));
        let mut worst = by(*first).await;
        for engine in others {
            let attempt = by(*engine).await;
            // The list of verdicts begins with the harmless.
            if attempt.verdict() > worst.verdict() {
                worst = attempt;
            }
        }
        worst
    }
}

/// The verdict on an attempt.
fn judge(
    outcome: &Outcome,
    target: &str,
    means: &Means,
    own: Option<StatusCode>,
    strict: bool,
) -> AttackVerdict {
    let Some((status, cookies)) = last_answer(outcome, target) else {
        return AttackVerdict::NotSent;
    };
    let Some(status) = status else {
        return AttackVerdict::NotAnswered;
    };
    let is_read = outcome
        .response()
        .is_ok_and(|response| response.is_readable() && response.ok());
    let is_done = means.is_unsafe() && is_accepted(status, own);
    match (is_done || is_read, cookies || strict) {
        (true, true) => AttackVerdict::GotThrough(status.as_u16()),
        (true, false) => AttackVerdict::WithoutCookies(status.as_u16()),
        (false, _) if means.is_unsafe() => AttackVerdict::Refused(status.as_u16()),
        (false, _) => AttackVerdict::Unreadable(status.as_u16()),
    }
}

/// Whether the server did what it was asked, or would have with another body.
///
/// It is told from the own page's answer: the same complaint about a body, a version or a missing upgrade
/// (services in the same process have none) shows that nothing told friend from foe before.
fn is_accepted(status: StatusCode, own: Option<StatusCode>) -> bool {
    const ABOUT_CONTENT: [u16; 9] = [400, 409, 410, 411, 412, 413, 422, 426, 500];
    status.as_u16() < 400 || own == Some(status) && ABOUT_CONTENT.contains(&status.as_u16())
}

/// The status of the last request at the target that is not a preflight, and whether it had cookies.
fn last_answer(outcome: &Outcome, target: &str) -> Option<(Option<StatusCode>, bool)> {
    let target = Origin::of(&Url::parse(target).ok()?);
    let requests = outcome.trace().requests();
    let last = requests
        .filter(|exchange| !exchange.is_preflight() && Origin::of(exchange.url()) == target)
        .last()?;
    Some((last.status(), last.header("cookie").is_some()))
}
