//! A table of what pages must and must not be able to read.

mod expectation;

use std::fmt;

use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, Method, StatusCode};

pub use self::expectation::{Expectation, must, must_not};
use crate::browser::fetch::check::cors_check;
use crate::browser::fetch::options::Credentials;
use crate::browser::outcome::response::Outcome;
use crate::browser::page::Page;
use crate::browser::values;
use crate::fields::elements;

/// Whether a server lets the pages that must read it read it, and no others.
///
/// Each expectation is tried with the cookies that the browser has and with empty caches. Where several
/// pages ask for one URL with GET, the answers are also tried against each other: none of them may reach
/// the wrong page through a cache (Fetch #cors-protocol-and-http-caches), which is what `Vary: Origin` is for.
///
/// ```
/// # use std::convert::Infallible;
/// use same_origin::browser::{Credentials::Include, Request, Web, cors_conformance, must, must_not};
///
/// # async fn test() {
/// # let router = tower::service_fn(|_| async { Ok::<_, Infallible>(http::Response::new(String::new())) });
/// const ITEMS: &str = "https://api.example.com/items";
/// let web = Web::new().origin("https://api.example.com", router);
/// let app = web.page("https://app.example.com");
/// let stranger = web.page("https://stranger.example");
///
/// let report = cors_conformance([
///     must(app.fetch(Request::get(ITEMS)).credentials(Include)).exposing(["x-total"]),
///     must(app.fetch(Request::put(ITEMS).header("authorization", "Bearer x"))),
///     must_not(stranger.fetch(Request::get(ITEMS)).credentials(Include)),
///     must_not(app.sandboxed().fetch(Request::get(ITEMS)).credentials(Include)),
/// ])
/// .await;
/// report.assert_passed(); // or print it: it is a table
/// # }
/// ```
pub async fn cors_conformance(expectations: impl IntoIterator<Item = Expectation>) -> Report {
    let mut rows = Vec::new();
    let mut readings = Vec::new();
    for Expectation { fetch, wish } in expectations {
        let fetch = fetch.apart();
        let (page, asked) = (fetch.page().clone(), fetch.summary());
        let include = fetch.credentials_mode() == Credentials::Include;
        let outcome = fetch.send().await;
        readings.extend(Reading::of(&page, include, &outcome));
        rows.push(Row {
            page: page.name(),
            asked,
            wanted: wish.wanted(),
            fault: wish.fault(&outcome),
            outcome: Some(outcome),
        });
    }
    let mut unasked = Vec::new();
    for reading in &readings {
        if !unasked
            .iter()
            .any(|plain: &Reading| plain.url == reading.url)
        {
            let outcome = reading.page.image(&reading.url).apart().send().await;
            unasked.extend(Reading::of(&reading.page, true, &outcome));
        }
    }
    rows.extend(mixed_up(&readings, &unasked));
    Report { rows }
}

/// The results of all expectations, and of the caches.
#[derive(Clone, Debug)]
pub struct Report {
    rows: Vec<Row>,
}

/// One line of a [`Report`].
#[derive(Clone, Debug)]
pub struct Row {
    page: String,
    asked: String,
    wanted: String,
    fault: Option<String>,
    outcome: Option<Outcome>,
}

impl Report {
    /// The lines, in the order of the expectations, those about caches last.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// Whether every line passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.rows.iter().all(Row::passed)
    }

    /// For tests.
    ///
    /// # Panics
    /// When a line did not pass, or there is none; the message is the table and the traces of the lines that failed.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(
            !self.rows.is_empty(),
            "nothing was tried: give at least one expectation, by `must` or `must_not`"
        );
        let traces = self
            .rows
            .iter()
            .filter(|row| !row.passed())
            .filter_map(Row::outcome);
        let traces: String = traces
            .map(|outcome| format!("\n{}", outcome.trace()))
            .collect();
        assert!(self.passed(), "\n{self}{traces}");
    }
}

impl Row {
    /// The page's origin, with the kind of frame if it is one.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The request: method, URL, mode and credentials mode, where they are not the default.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.asked
    }

    /// The wish in words.
    #[must_use]
    pub fn wanted(&self) -> &str {
        &self.wanted
    }

    /// Whether it came out as wanted.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.fault.is_none()
    }

    /// The fault, if there is one.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// The outcome of the fetch; lines about caches have none of their own.
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }
}

/// An answer to a GET that a cache might hand to somebody else.
struct Reading {
    page: Page,
    origin: String,
    include: bool,
    url: String,
    asked: HeaderMap,
    answer: HeaderMap,
}

impl Reading {
    /// Answers by way of redirects are left out: each hop would be an answer of its own.
    fn of(page: &Page, include: bool, outcome: &Outcome) -> Option<Self> {
        let mut requests = outcome
            .trace()
            .requests()
            .filter(|exchange| !exchange.is_preflight());
        let (Some(exchange), None) = (requests.next(), requests.next()) else {
            return None;
        };
        let answer = exchange.response_headers()?.clone();
        (*exchange.method() == Method::GET && may_be_stored(exchange.status()?, &answer)).then(
            || Self {
                page: page.clone(),
                origin: page.origin(),
                include,
                url: exchange.url().to_string(),
                asked: exchange.headers().clone(),
                answer,
            },
        )
    }

    /// RFC 9111 4.1: whether a cache takes this answer for one to `other`'s request.
    fn reaches(&self, other: &Self) -> bool {
        self.url == other.url
            && elements(&self.answer, &VARY).all(|name| {
                let name = String::from_utf8_lossy(name);
                name != "*"
                    && values::joined(&self.asked, &*name) == values::joined(&other.asked, &*name)
            })
    }

    fn admits(&self, other: &Self) -> bool {
        cors_check(&other.origin, other.include, &self.answer).is_ok()
    }
}

/// Whether some cache may keep the response, by its directives or by its status alone (RFC 9111 3, 4.2.2).
fn may_be_stored(status: StatusCode, answer: &HeaderMap) -> bool {
    const HEURISTICALLY: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
    let said = |words: &[&str]| {
        values::parts(answer, &CACHE_CONTROL).iter().any(|item| {
            let item = item.to_ascii_lowercase();
            words.contains(&item.split('=').next().unwrap_or_default())
        })
    };
    !said(&["no-store"])
        && (HEURISTICALLY.contains(&status.as_u16()) || said(&["public", "max-age", "s-maxage"]))
}

/// The pairs of answers that a cache could exchange with a change of result.
fn mixed_up(readings: &[Reading], unasked: &[Reading]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let givers = readings.iter().map(|reading| (&*reading.origin, reading));
    let givers: Vec<_> = givers
        .chain(unasked.iter().map(|plain| ("an <img>", plain)))
        .collect();
    for reader in readings {
        let credentials = if reader.include {
            ", credentials include"
        } else {
            ""
        };
        let asked = format!("GET {}{credentials}, through a cache", reader.url);
        let same = |row: &Row| row.page == reader.page.name() && row.asked == asked;
        if rows.iter().any(same) {
            continue;
        }
        let wrong = givers.iter().find(|(_, giver)| {
            giver.reaches(reader) && giver.admits(reader) != reader.admits(reader)
        });
        let fault = wrong.map(|(name, _)| {
            format!("it can get the answer to {name} (Vary lacks Origin; Fetch #cors-protocol-and-http-caches)")
        });
        rows.push(Row {
            page: reader.page.name(),
            asked,
            wanted: "its own answer".into(),
            fault,
            outcome: None,
        });
    }
    rows
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: fn(&Row) -> &str| {
            self.rows
                .iter()
                .map(|row| column(row).chars().count())
                .max()
                .unwrap_or(0)
        };
        let (page, asked, wanted) = (width(Row::page), width(Row::request), width(Row::wanted));
        for row in &self.rows {
            let verdict = row
                .fault()
                .map_or("ok".into(), |fault| format!("NO: {fault}"));
            writeln!(
                f,
                "{:page$}  {:asked$}  {:wanted$}  {verdict}",
                row.page, row.asked, row.wanted
            )?;
        }
        Ok(())
    }
}
