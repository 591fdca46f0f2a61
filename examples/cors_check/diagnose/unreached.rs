//! Failures below CORS: no answer, one that is not HTTP, one without an end; and what was not sent.

use std::error::Error;
use std::io;

use same_origin::browser::{FetchError, FetchErrorKind, Outcome};
use same_origin::proxy::{ClientError, ProxyErrorKind};

use super::{Finding, Severity, unasked, words};

/// Nothing where it is CORS that failed.
pub fn finding(error: &FetchError, outcome: &Outcome) -> Option<Finding> {
    let last = outcome.trace().requests().last();
    let answered = last.is_some_and(|exchange| exchange.status().is_some());
    let (severity, code, remedy) = match error.kind() {
        FetchErrorKind::Withheld(_) | FetchErrorKind::MixedContent | FetchErrorKind::BadPort(_) => {
            return Some(unasked(error, last));
        }
        // Script has the head of the answer, and may read the body as it comes.
        FetchErrorKind::BodyTooLong(_) => (Severity::Note, "endless-body", ENDLESS),
        FetchErrorKind::Service if answered && is_late(error) => {
            (Severity::Note, "endless-body", ENDLESS)
        }
        FetchErrorKind::Service if answered => (
            Severity::Error,
            "cut-body",
            "CORS allows the answer, but its body breaks off: look at what is behind the server",
        ),
        FetchErrorKind::Service if is_too_large(error) => (
            Severity::Error,
            "head-too-large",
            "the head of the answer has more than 64 KiB or 1,000 lines, and browsers have a bound too: look for \
             cookies that pile up, and for a header that grows with each hop",
        ),
        FetchErrorKind::Service => {
            let (code, remedy) = unreached(client_error(error));
            (Severity::Error, code, remedy)
        }
        FetchErrorKind::UnknownOrigin(_) => (
            Severity::Error,
            "unreachable",
            "ask for a URL of http or https with a host",
        ),
        _ => return None,
    };
    let place = match last {
        Some(exchange) => format!(
            "the way to {}",
            exchange.url().origin().ascii_serialization()
        ),
        None => "the way to the server".into(),
    };
    Some(Finding {
        severity,
        code,
        owner: "network",
        what: words(error),
        place,
        remedy: remedy.into(),
        header: None,
        clause: error.clause(),
    })
}

const ENDLESS: &str =
    "nothing, if the answer is a stream: CORS allows it, and this tool does not wait for its end";

fn causes(error: &FetchError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| {
        (*cause).source()
    })
}

/// The client's error for a failure; the browser's own deadline has none.
fn client_error(error: &FetchError) -> Option<ProxyErrorKind> {
    causes(error)
        .find_map(|cause| cause.downcast_ref::<ClientError>())
        .map(ClientError::kind)
}

/// Whether the browser's own deadline passed.
fn is_late(error: &FetchError) -> bool {
    let timed_out = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut;
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(timed_out)
}

/// Whether the head of the answer is more than the client takes.
fn is_too_large(error: &FetchError) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref())
        .any(hyper::Error::is_parse_too_large)
}

fn unreached(kind: Option<ProxyErrorKind>) -> (&'static str, &'static str) {
    use ProxyErrorKind as K;
    match kind {
        Some(K::Dns) => (
            "unknown-host",
            "no such name in DNS: mend the URL, or say where it is by --resolve",
        ),
        Some(K::Connect | K::LocalResources) => (
            "unreachable",
            "make the server reachable from here: nothing that CORS could change",
        ),
        Some(K::ConnectTimeout) => (
            "timeout",
            "no connection in time: look at firewalls and at the port",
        ),
        Some(K::Certificate) => (
            "tls-certificate",
            "a browser shows a warning and sends nothing: renew the certificate, for this name; an authority of \
             your own is trusted by --cacert",
        ),
        Some(K::Tls) => (
            "tls",
            "the server does not speak TLS 1.2 or 1.3 at this port: mend it, or the scheme of the URL",
        ),
        Some(K::MalformedResponse | K::UpgradeFailed) => (
            "not-http",
            "what answers at this port does not speak HTTP: look at the port and at the scheme of the URL",
        ),
        Some(K::Closed) => (
            "closed",
            "the server closed the connection before it answered: look at its log",
        ),
        None | Some(K::ResponseTimeout) => (
            "timeout",
            "no answer in time: look at the server, or give it more by --timeout",
        ),
        Some(_) => ("unreachable", "look at the cause: it is not CORS"),
    }
}
