//! The decision: whether a request may go on.
//!
//! Nothing here allocates or can panic, whatever the request holds.

use http::HeaderValue;
use http::request::Parts;

use crate::fields::Sole;
use crate::guard::config::builder::Mode;
use crate::guard::policy::{Compiled, Guard};
use crate::guard::request::head::Head;
use crate::guard::request::own_origin::Nameless;
use crate::guard::request::signals::{self, FetchSite};
use crate::guard::verdict::{Admission, Refusal, Verdict};
use crate::origin::OriginPattern;

/// The owner of the page that sent an `Origin`, by its bytes alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Own,
    Trusted,
    Foreign,
}

impl Guard {
    /// Says whether a request may go on, and by which rule.
    ///
    /// This is the whole decision; the layer only does what it says, or in
    /// [`report_only`](crate::guard::GuardBuilder::report_only) merely logs it. Allocates nothing.
    ///
    /// ```
    /// use same_origin::guard::{Guard, Refusal, Verdict};
    ///
    /// let guard = Guard::builder().build()?;
    /// let (request, ()) = http::Request::post("/transfer")
    ///     .header("host", "bank.example")
    ///     .header("origin", "https://evil.example")
    ///     .header("sec-fetch-site", "cross-site")
    ///     .body(())
    ///     .expect("a request")
    ///     .into_parts();
    /// assert_eq!(guard.judge(&request), Verdict::Refused(Refusal::CrossSite));
    /// # Ok::<(), same_origin::guard::GuardErrors>(())
    /// ```
    #[must_use]
    pub fn judge(&self, request: &Parts) -> Verdict {
        self.compiled().judge(&Head::from(request))
    }

    /// The rule of the host alone, for what a server answers itself: files, say, are not changed by any
    /// method, and are yet read by a page whose name was rebound to this server's address.
    ///
    /// # Errors
    ///
    /// [`Refusal::ForeignHost`] and [`Refusal::NoHost`].
    pub fn judge_host(&self, request: &Parts) -> Result<(), Refusal> {
        self.compiled().judge_host(&Head::from(request))
    }
}

impl Compiled {
    /// The rules in the order and with the numbers of the module's documentation.
    #[inline]
    pub(crate) fn judge(&self, head: &Head<'_>) -> Verdict {
        // 1. First, as a page whose name was rebound is same-origin to its browser.
        if let Err(refusal) = self.judge_host(head) {
            return Verdict::Refused(refusal);
        }
        // 2. A handshake is a GET, and opens what no CORS check closes (RFC 6455 10.2).
        let is_handshake = signals::is_handshake(head);
        if !is_handshake && signals::is_safe(head.method) {
            return Verdict::Admitted(Admission::SafeMethod);
        }
        // 3.
        if self.exempt.frees(head.method, head.public_path()) {
            return Verdict::Admitted(Admission::Exempt);
        }
        // 4.
        let is_judged = match self.mode {
            Mode::Strict => true,
            Mode::Credentials => is_handshake || signals::has_ambient_credentials(head.headers),
        };
        if !is_judged {
            return Verdict::Admitted(Admission::NoCredentials);
        }
        self.judge_fields(head)
    }

    fn judge_host(&self, head: &Head<'_>) -> Result<(), Refusal> {
        let Some(hosts) = &self.hosts else {
            return Ok(());
        };
        let own = head.own();
        match own.authority() {
            Ok(authority) if hosts.answer(authority, own.default_port()) => Ok(()),
            // RFC 3986 3.2.3: a port is any number of digits, so that this is an authority, and not ours.
            Ok(_) | Err(Nameless::NoSuchPort) => Err(Refusal::ForeignHost),
            Err(_) => Err(Refusal::NoHost),
        }
    }

    /// The rules of the fields that browsers send and pages cannot.
    #[inline]
    fn judge_fields(&self, head: &Head<'_>) -> Verdict {
        let refusal = match signals::fetch_site(head.fields.fetch_site) {
            None => return self.judge_origin(head),
            // 5. Before `Origin`, for the browser knows what neither we nor a proxy can: the page's scheme behind
            // a TLS terminator, and the page itself where its referrer policy makes `Origin` null.
            Some(FetchSite::SameOrigin) => return Verdict::Admitted(Admission::SameOrigin),
            Some(FetchSite::None) => return Verdict::Admitted(Admission::UserInitiated),
            Some(FetchSite::SameSite) => Refusal::SameSite,
            Some(FetchSite::CrossSite) => Refusal::CrossSite,
            Some(FetchSite::Invalid) => Refusal::InvalidFetchSite,
        };
        match head.fields.origin {
            // 6.
            Sole::One(origin) if self.trusted.contains(origin) => {
                Verdict::Admitted(Admission::TrustedOrigin)
            }
            // 7. Not compared with the own origin: the browser has done so, and followed redirects.
            Sole::One(_) | Sole::Several | Sole::Absent => Verdict::Refused(refusal),
        }
    }

    /// The rules of `Origin` without `Sec-Fetch-Site`. Rules 6 and 8 both admit, and the own page is the more
    /// frequent.
    fn judge_origin(&self, head: &Head<'_>) -> Verdict {
        match head.fields.origin {
            // 8.
            Sole::One(origin) if self.is_own(head, origin) => {
                Verdict::Admitted(Admission::OwnOrigin)
            }
            // 6.
            Sole::One(origin) if self.trusted.contains(origin) => {
                Verdict::Admitted(Admission::TrustedOrigin)
            }
            Sole::One(origin) if origin == "null" => Verdict::Refused(Refusal::NullOrigin),
            Sole::One(origin) if self.differs_in_scheme_alone(head, origin) => {
                Verdict::Refused(Refusal::OtherScheme)
            }
            Sole::One(_) => Verdict::Refused(Refusal::ForeignOrigin),
            Sole::Several => Verdict::Refused(Refusal::SeveralOrigins),
            // 9.
            Sole::Absent if self.require_browser_fields => {
                Verdict::Refused(Refusal::NoBrowserFields)
            }
            Sole::Absent => Verdict::Admitted(Admission::NoBrowser),
        }
    }

    #[inline]
    fn is_own(&self, head: &Head<'_>, origin: &HeaderValue) -> bool {
        match &self.public_origins {
            Some(public) => public.contains(origin),
            None => head.own().is(origin.as_bytes()),
        }
    }

    /// Whether the origin would be the own one if the scheme were the other one.
    pub(crate) fn differs_in_scheme_alone(&self, head: &Head<'_>, origin: &HeaderValue) -> bool {
        match &self.public_origins {
            Some(public) => {
                let rest = signals::behind_scheme(origin.as_bytes());
                let is_like =
                    |own: &OriginPattern| signals::behind_scheme(own.as_str().as_bytes()) == rest;
                rest.is_some() && public.iter().any(is_like)
            }
            None => head.own().differs_in_scheme_alone(origin.as_bytes()),
        }
    }

    /// The owner of the page that sent the `Origin`, on whatever ground the request was let through; `None`
    /// without one.
    #[inline]
    pub(crate) fn standing(
        &self,
        head: &Head<'_>,
        admission: Option<Admission>,
    ) -> Option<Standing> {
        let origin = match head.fields.origin {
            Sole::Absent => return None,
            Sole::One(origin) => origin,
            Sole::Several => return Some(Standing::Foreign),
        };
        // The field, and not the admission by it: a rule before that one may have let the request through, such as
        // that of a login, which has no cookie yet.
        let is_said_own =
            || signals::fetch_site(head.fields.fetch_site) == Some(FetchSite::SameOrigin);
        Some(match admission {
            Some(Admission::OwnOrigin) => Standing::Own,
            Some(Admission::TrustedOrigin) => Standing::Trusted,
            _ if self.is_own(head, origin) => Standing::Own,
            // The browser has compared all but the scheme, which we do not know behind a TLS terminator.
            Some(_) if is_said_own() && self.differs_in_scheme_alone(head, origin) => Standing::Own,
            _ if self.trusted.contains(origin) => Standing::Trusted,
            _ => Standing::Foreign,
        })
    }
}
