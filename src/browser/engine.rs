//! The browser whose behaviour is simulated: the standard's, or a real one's where it differs.

use self::Engine::{Chromium, Firefox, WebKit};

/// Whose behaviour: the standard's, or what a real browser is measured to do instead.
///
/// [Each difference](crate::browser::_what_browsers_do#where-browsers-are-not-the-standard) is a row of a table,
/// with the scenarios that show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// Fetch as it is written.
    #[default]
    Standard,
    /// As Chromium 156 was measured, where that differs.
    Chromium,
    /// As Firefox 153 was measured, where that differs, with cookies of other sites allowed.
    Firefox,
    /// As WebKitGTK 2.50 was measured, where that differs, with cookies of other sites allowed. Safari shares
    /// WebKit's rules and not its network.
    WebKit,
}

/// One deviation from the standard that the simulated browser can act out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// `Access-Control-Allow-Headers: *` covers `Authorization` (Fetch #cors-preflight-fetch step 7.7).
    StarCoversAuthorization,
    /// `Access-Control-Max-Age` is read as a signed number and counts for two hours at most (step 7.8).
    ShortMaxAge,
    /// Of the preflights of one URL only the last is remembered, and a failed request does not make the
    /// browser forget it (steps 7.11 to 7.15, #main-fetch step 12).
    OnePreflight,
    /// The answer to a preflight from `null`, or for a URL of 1024 bytes and more, is not remembered.
    PreflightsWithoutKey,
    /// `*` that came with credentials is a name in the preflight cache, too (#concept-cache-match-header).
    CredentialedStar,
    /// A conditional request is preflighted although an earlier preflight covers it.
    ConditionalPreflights,
    /// Several values of a header are judged joined (#cors-unsafe-request-header-names).
    JoinedValues,
    /// The client hints that script may set are safelisted (#cors-safelisted-request-header).
    ClientHints,
    /// `User-Agent` is not script's to set (#forbidden-request-header).
    FixedUserAgent,
    /// The referrer policy hides `Origin` in windows and frames only (#append-a-request-origin-header).
    PlainOrigin,
    /// A font of the page's own origin is asked for with `Origin` (#append-a-request-origin-header).
    FontOrigin,
    /// The same `Location` twice is taken for one (#concept-response-location-url).
    EqualLocations,
    /// A redirect whose `Location` has a user name is refused without CORS as well (#http-redirect-fetch).
    NoUserInLocation,
    /// A status of redirect without a `Location` is an ordinary response (#http-fetch step 6).
    EmptyLocation,
    /// `Location` is read before the redirect mode is asked (#http-redirect-fetch step 3).
    LocationFirst,
    /// A conditional request says `Cache-Control: max-age=0` (#http-network-or-cache-fetch step 8.16).
    MaxAgeZero,
    /// Redirects through another site do not keep `SameSite` cookies back (RFC 6265bis 5.2).
    SameSiteRedirects,
    /// Cookies without `SameSite` that are younger than two minutes go with a POST of another site's window
    /// (RFC 6265bis 5.6.7.2, "Lax-allowing-unsafe").
    LaxUnsafe,
    /// A cookie that is set again with another value is sorted as a new one (RFC 6265bis 5.7).
    NewValueNewCookie,
    /// 300, 301, 308 and 410 are fresh for ever unless they say otherwise (RFC 9111 4.2.2).
    LastingStatuses,
    /// WebSocket handshakes have no `Sec-Fetch-*` (Fetch Metadata #sec-fetch-site-header).
    SilentSockets,
}

impl Engine {
    /// Whether it deviates in this.
    pub(crate) fn has(self, quirk: Quirk) -> bool {
        quirk.engines().contains(&self)
    }
}

impl Quirk {
    /// Who has it: measured, and held by the scenarios that run in each of them.
    fn engines(self) -> &'static [Engine] {
        match self {
            Self::StarCoversAuthorization => &[Chromium],
            Self::ShortMaxAge => &[Chromium],
            Self::OnePreflight => &[Chromium],
            Self::PreflightsWithoutKey => &[Chromium],
            Self::CredentialedStar => &[Chromium],
            Self::ConditionalPreflights => &[Chromium],
            Self::JoinedValues => &[Chromium],
            Self::ClientHints => &[Chromium],
            Self::FixedUserAgent => &[Chromium],
            Self::PlainOrigin => &[Chromium],
            Self::FontOrigin => &[Chromium],
            Self::EqualLocations => &[Chromium],
            Self::NoUserInLocation => &[Chromium],
            Self::EmptyLocation => &[Chromium],
            Self::LocationFirst => &[Chromium],
            Self::MaxAgeZero => &[Chromium],
            Self::SameSiteRedirects => &[Chromium],
            Self::LaxUnsafe => &[Chromium],
            Self::NewValueNewCookie => &[Chromium],
            Self::LastingStatuses => &[Chromium],
            Self::SilentSockets => &[Chromium],
        }
    }
}
