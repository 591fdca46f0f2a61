//! The reason of a refusal and what to write, for people.

use http::HeaderValue;
use http::header::HOST;

use crate::excerpt::Excerpt;
use crate::fields::Sole;
use crate::guard::config::validate;
use crate::guard::policy::Compiled;
use crate::guard::request::head::Head;
use crate::guard::request::own_origin::Nameless;
use crate::guard::verdict::Refusal;
use crate::origin::Origin;

/// The reason of a refusal in terms of the request, and what to write if the request is to be let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) reason: String,
    pub(crate) remedy: String,
}

const LOOK_FOR_AUTHOR: &str =
    "no browser sends this; look for the program or the proxy that wrote it";

/// A server that is driven by a file has the setting, and in Rust its author puts an `OwnOrigin` there.
const TLS_IN_FRONT: &str = "if TLS ends in front of this server, name the origin in public_origins, or that proxy in \
                            trusted_proxies (in Rust: put an `OwnOrigin` into the request's extensions)";

const EXEMPT: &str = "if the path has to take requests of other sites and asks for a proof of its own, \
                      name it in dangerously_exempt";

const POST_DIRECTLY: &str = "a trusted page has to post here without a redirect";

/// Chromium sends it behind a redirect from any other origin, that of the page included.
const NULL_ORIGIN: &str = "Origin is \"null\", which sandboxed pages send, pages with Referrer-Policy: no-referrer, \
                           and forms that another server redirects here";

impl Compiled {
    pub(crate) fn advise(&self, refusal: Refusal, head: &Head<'_>) -> Advice {
        let (reason, remedy) = match refusal {
            Refusal::ForeignHost => foreign_host(head),
            Refusal::NoHost => (no_host(head), LOOK_FOR_AUTHOR.to_owned()),
            Refusal::SameSite | Refusal::CrossSite => self.other_site(refusal, head),
            Refusal::InvalidFetchSite => (
                format!(
                    "Sec-Fetch-Site is {}",
                    excerpt(head.headers.get("sec-fetch-site"))
                ),
                LOOK_FOR_AUTHOR.to_owned(),
            ),
            Refusal::NullOrigin => (
                NULL_ORIGIN.to_owned(),
                format!(
                    "for one's own page, serve it by https or with Referrer-Policy: same-origin; {EXEMPT}"
                ),
            ),
            Refusal::SeveralOrigins => (refusal.to_string(), LOOK_FOR_AUTHOR.to_owned()),
            Refusal::OtherScheme => (
                format!("{} in its scheme alone", self.difference(head)),
                TLS_IN_FRONT.to_owned(),
            ),
            Refusal::ForeignOrigin => self.foreign_origin(head),
            Refusal::NoBrowserFields => (
                refusal.to_string(),
                format!("if programs make this request, remove require_browser_fields; {EXEMPT}"),
            ),
        };
        Advice { reason, remedy }
    }

    fn other_site(&self, refusal: Refusal, head: &Head<'_>) -> (String, String) {
        let word = if refusal == Refusal::SameSite {
            "same-site"
        } else {
            "cross-site"
        };
        let Sole::One(origin) = head.fields.origin else {
            let reason =
                format!("Sec-Fetch-Site is \"{word}\", and there is no Origin to be trusted");
            return (reason, EXEMPT.to_owned());
        };
        if self.differs_in_scheme_alone(head, origin) {
            let reason = format!(
                "Sec-Fetch-Site is \"{word}\", and {} in its scheme alone",
                self.difference(head)
            );
            return (
                reason,
                format!("serve the page by the same scheme; {TLS_IN_FRONT}"),
            );
        }
        if origin == "null" {
            let reason = format!("Sec-Fetch-Site is \"{word}\", and {NULL_ORIGIN}");
            return (reason, format!("{POST_DIRECTLY}; {EXEMPT}"));
        }
        let reason = format!(
            "Sec-Fetch-Site is \"{word}\", and {} is not trusted",
            excerpt(Some(origin))
        );
        (reason, remedy_for(origin))
    }

    fn foreign_origin(&self, head: &Head<'_>) -> (String, String) {
        let reason = self.difference(head);
        let Some(origin) = head.origin_text() else {
            return (reason, LOOK_FOR_AUTHOR.to_owned());
        };
        if self.public_origins.is_none() && head.own().authority().is_err() {
            return (reason, LOOK_FOR_AUTHOR.to_owned());
        }
        let mut remedy = remedy_for(origin);
        if self.public_origins.is_none() && Origin::try_from(origin).is_ok() {
            remedy.push_str(
                "; if it is this server's own and a proxy rewrites Host, name it in public_origins, or that proxy in \
                 trusted_proxies (in Rust: put an `OwnOrigin` into the request's extensions)",
            );
        }
        (reason, remedy)
    }

    /// The origin beside the own one.
    fn difference(&self, head: &Head<'_>) -> String {
        let origin = excerpt(head.origin_text());
        match &self.public_origins {
            Some(_) => format!("{origin} differs from all of public_origins"),
            None if head.own().authority().is_err() => {
                format!(
                    "{origin} is not compared with the own origin, as {}",
                    no_host(head)
                )
            }
            None => {
                let own = head.own().to_string();
                let own = Excerpt(own.as_bytes());
                format!("{origin} differs from the request's own origin {own}")
            }
        }
    }
}

fn foreign_host(head: &Head<'_>) -> (String, String) {
    let Ok(authority) = head.own().authority() else {
        let reason = String::from("the host is not in hosts");
        return (reason, LOOK_FOR_AUTHOR.to_owned());
    };
    let authority = authority.to_string();
    let reason = format!("{} is not in hosts", Excerpt(authority.as_bytes()));
    let remedy = match validate::host_entry(&authority) {
        Some(entry) => format!("if this server is known by that name, add {entry:?} to hosts"),
        None => LOOK_FOR_AUTHOR.to_owned(),
    };
    (reason, remedy)
}

/// The reason why the own origin of a request is not known.
fn no_host(head: &Head<'_>) -> String {
    let authority = head.uri.authority();
    match (head.own().authority(), authority) {
        (Err(Nameless::Contradiction), Some(authority)) => {
            let authority = Excerpt(authority.as_str().as_bytes());
            let host = excerpt(head.headers.get(HOST));
            format!("the request contradicts itself: :authority is {authority}, and Host is {host}")
        }
        (Err(why), _) => format!("{}: {why}", Refusal::NoHost),
        (Ok(_), _) => Refusal::NoHost.to_string(),
    }
}

fn remedy_for(origin: &HeaderValue) -> String {
    match Origin::try_from(origin) {
        Ok(origin) => format!("if its pages may do this, add \"{origin}\" to trust"),
        Err(_) => LOOK_FOR_AUTHOR.to_owned(),
    }
}

fn excerpt(value: Option<&HeaderValue>) -> Excerpt<'_> {
    Excerpt(value.map(HeaderValue::as_bytes).unwrap_or_default())
}
