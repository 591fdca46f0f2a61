//! The browser whose behaviour is simulated: the standard's, or a real one's where it differs.

use self::Engine::{Chromium, Firefox, WebKit};

/// The browser that is simulated: the standard's, or a real one with its measured differences.
///
/// [Each difference](crate::browser::_what_browsers_do#where-browsers-are-not-the-standard) is a row of a table,
/// with the number of scenarios that show it, or of a second one where none does.
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
    /// So does the `*` that is remembered (#concept-cache-match-header).
    StarRemembersAuthorization,
    /// Of the preflights of one URL only the last is remembered, and a failed request does not make the
    /// browser forget it (steps 7.11 to 7.15, #main-fetch step 12).
    OnePreflight,
    /// A method that only an upload listener preflights has to be listed, too (#cors-preflight-fetch step 7.4).
    ListedUploads,
    /// A listener on an upload without a body makes no preflight (XMLHttpRequest #the-send()-method).
    UploadsHaveBodies,
    /// The answer to a preflight from `null` is not remembered (#concept-cache-match).
    NullPreflights,
    /// The answer to a preflight for a URL of 1024 bytes and more is not remembered.
    LongPreflights,
    /// A preflight with credentials is good for requests with credentials only (#concept-cache-match).
    PreflightsByCredentials,
    /// `*` is not remembered as a wildcard (#concept-cache-match-method).
    StarForgotten,
    /// `*` that came with credentials is a name in the preflight cache, too (#concept-cache-match-header).
    CredentialedStar,
    /// A conditional request is preflighted although an earlier preflight covers it.
    ConditionalPreflights,
    /// Several values of a header are judged joined (#cors-unsafe-request-header-names).
    JoinedValues,
    /// A name is asked for once for each of its values (#cors-unsafe-request-header-names).
    RepeatedNames,
    /// A comma in `Content-Type` needs a preflight (#cors-safelisted-request-header).
    OneType,
    /// The client hints that script may set are safelisted (#cors-safelisted-request-header).
    ClientHints,
    /// They do not go on with a redirect to another origin than the page's (#http-redirect-fetch).
    HintsStay,
    /// `User-Agent` is not script's to set (#forbidden-request-header).
    FixedUserAgent,
    /// The referrer policy hides `Origin` in windows and frames only (#append-a-request-origin-header).
    PlainOrigin,
    /// A preflight tells the origin of the page where its request tells `null`
    /// (#byte-serializing-a-request-origin), and if it goes to that origin, its answer need not allow it.
    PreflightTellsPage,
    /// A request without CORS that is redirected to another origin tells `null` from there on, though it came
    /// from the page's own origin (#byte-serializing-a-request-origin).
    RedirectsLoseOrigin,
    /// The same of windows and frames alone.
    FormsLoseOrigin,
    /// A POST that a redirect makes a GET tells its `Origin` on (#append-a-request-origin-header).
    OriginStays,
    /// A beacon of a sandboxed frame tells the origin of the frame's address (Beacon #sec-processing-model).
    BeaconTellsPage,
    /// A font of the page's own origin is asked for with `Origin` (#append-a-request-origin-header).
    FontOrigin,
    /// The same `Location` twice is taken for one (#concept-response-location-url).
    EqualLocations,
    /// Several `Location`s are one, joined (#concept-response-location-url).
    JoinedLocations,
    /// A redirect whose `Location` has a user name is refused without CORS as well (#http-redirect-fetch).
    NoUserInLocation,
    /// Each status of 3xx that RFC 9110 knows no other meaning of is one of redirect (Fetch #redirect-status).
    MoreRedirects,
    /// A status of redirect without a `Location` is an ordinary response (#http-fetch step 6).
    EmptyLocation,
    /// `Location` is read before the redirect mode is asked (#http-redirect-fetch step 3).
    LocationFirst,
    /// A conditional request says `Cache-Control: max-age=0` (#http-network-or-cache-fetch step 8.16).
    MaxAgeZero,
    /// A conditional request of an `XMLHttpRequest` says nothing of caches (#http-network-or-cache-fetch step 8.17).
    SilentXhr,
    /// A preflight of a conditional request says `no-cache` (#cors-preflight-fetch: nothing).
    PreflightTellsNoCache,
    /// A preflight to untrustworthy http says `Sec-Fetch-Mode` (Fetch Metadata #sec-fetch-mode-header).
    PreflightTellsMode,
    /// `Sec-Fetch-Site` of a preflight is that of the current URL alone (Fetch Metadata #sec-fetch-site-header).
    PreflightTellsNearest,
    /// A beacon says `Cache-Control: max-age=0` (Beacon #sec-processing-model: nothing).
    BeaconsRevalidate,
    /// So does a POST of a form, and the GET that a redirect makes of it.
    FormsRevalidate,
    /// Plain http on this machine is mixed content, but for images (Mixed Content #should-block-fetch: its URL is
    /// trustworthy).
    LoopbackIsMixed,
    /// A beacon whose type is not a MIME type tells none and is not preflighted (Beacon #sec-processing-model).
    BeaconsOfNoType,
    /// Loads of a sandboxed frame's markup, and a beacon, tell the frame's address as referrer; in WebKit a font
    /// and an `XMLHttpRequest`, too (Referrer Policy #determine-requests-referrer: none).
    SandboxTellsReferrer,
    /// A policy that tells another site more than the default one counts as that one, but for windows (Referrer
    /// Policy #determine-requests-referrer).
    CautiousReferrers,
    /// Empty elements of `Sec-WebSocket-Extensions` fail the handshake (RFC 9110 5.6.1.2).
    NoEmptyExtensions,
    /// Redirects through another site do not keep `SameSite` cookies back (RFC 6265bis 5.2).
    SameSiteRedirects,
    /// The same, but for windows.
    SameSiteRedirectsWithin,
    /// The scheme does not count for `SameSite` (RFC 6265bis 5.2 wants "schemeful same-site").
    SchemelessCookies,
    /// `SameSite` of a sandboxed frame is judged by the frame's address and not by its origin.
    SandboxIsSite,
    /// Cookies without `SameSite` are as with `SameSite=None` (RFC 6265bis 5.6.7.1 wants `Lax`).
    NoLaxDefault,
    /// `SameSite=None` does not need `Secure` (RFC 6265bis 5.7 step 19).
    NoneWithoutSecure,
    /// `__Host-` and the like are names as any other (RFC 6265bis 4.1.3).
    NoPrefixes,
    /// Cookies without `SameSite` that are younger than two minutes go with a POST of another site's window
    /// (RFC 6265bis 5.6.7.2, "Lax-allowing-unsafe").
    LaxUnsafe,
    /// A cookie that is set again with another value is sorted as a new one (RFC 6265bis 5.7).
    NewValueNewCookie,
    /// A cookie without a name is refused if its value has a `=` (RFC 6265bis 5.7).
    NamelessWithoutEquals,
    /// A cookie that begins with `=` is refused (RFC 6265bis 5.6: one without a name).
    NamesBeforeEquals,
    /// A `Domain` that is the address of the server is as if there were none (RFC 6265bis 5.7).
    AddressIsHostOnly,
    /// A cookie whose `Domain` is a dot is refused (RFC 6265bis 5.6.3: as if there were none).
    DotIsNoDomain,
    /// A cookie with a tab inside is refused (RFC 6265bis 5.6 step 1 excepts the tab from what ends a cookie).
    NoTabInCookie,
    /// `Partitioned` does not need `Secure` (CHIPS 2.1).
    PartitionedWithoutSecure,
    /// A downgrade is one from https to another scheme, and not one to a URL that is not trustworthy
    /// (Referrer Policy #determine-requests-referrer).
    DowngradeByScheme,
    /// A tab ends a cookie, with its attributes (RFC 6265bis 5.6: it is a part of it).
    TabEndsCookie,
    /// A word of `Referrer-Policy` that cannot be one is passed over (Referrer Policy
    /// #parse-referrer-policy-from-header: nothing of the field counts).
    WordsOneByOne,
    /// The unit of `Range` may be in any case (Fetch #simple-range-header-value: `bytes`).
    RangeUnitInAnyCase,
    /// A number of `Range` above 2^63 - 2 is none (Fetch #simple-range-header-value has no bound).
    RangesOf63Bits,
    /// A number of `Range` above 2^64 - 1 is none.
    RangesOf64Bits,
    /// A request that loses its credentials to `Cross-Origin-Embedder-Policy: credentialless` goes past the cache
    /// (#http-network-or-cache-fetch).
    CredentiallessReloads,
    /// A redirect that a check refuses is not stored (#http-network-or-cache-fetch step 10.5).
    RefusedIsNotStored,
    /// Pages of opaque origin have no HTTP cache (#http-cache-partitions).
    OpaqueUncached,
    /// 410 is fresh for ever (RFC 9111 4.2.2).
    GoneForEver,
    /// 300, 301, 308 and 410 are fresh for ever unless they say otherwise (RFC 9111 4.2.2).
    LastingStatuses,
    /// Of several `max-age` the last counts (RFC 9111 4.2.1).
    LastLifetime,
    /// Of several `max-age` the first that is a number counts (RFC 9111 4.2.1).
    FirstNumberIsLifetime,
    /// A response with `Pragma: no-cache` is not fresh, whatever else it says (RFC 9111 5.4).
    ResponsePragma,
    /// WebSocket handshakes have no `Sec-Fetch-*` (Fetch Metadata #sec-fetch-site-header).
    SilentSockets,
    /// WebSocket handshakes say `Sec-Fetch-Dest: websocket` (WebSockets #concept-websocket-establish).
    SocketDestination,
    /// There is no `Sec-Fetch-Storage-Access` (Storage Access Headers).
    NoStorageAccess,
    /// A `Cross-Origin-Resource-Policy` of unknown words passes `require-corp`
    /// (#cross-origin-resource-policy-internal-check).
    UnknownPolicyPasses,
    /// `Cross-Origin-Embedder-Policy: credentialless` is not known (HTML #coep).
    NoCredentialless,
    /// Two ports that are bad by the standard are not (#bad-port).
    FewerBadPorts,
    /// Fonts are asked for in mode `no-cors` (CSS Fonts #font-fetching-requirements).
    FontWithoutCors,
    /// Responses to requests with credentials and without are stored apart (#http-network-or-cache-fetch).
    CachesByCredentials,
}

impl Engine {
    /// Whether it deviates in this.
    pub(crate) fn has(self, quirk: Quirk) -> bool {
        quirk.engines().contains(&self)
    }
}

impl Quirk {
    /// The engines that have it: measured, and held by the scenarios that run in each of them.
    fn engines(self) -> &'static [Engine] {
        match self {
            Self::StarCoversAuthorization | Self::ListedUploads => &[Chromium, Firefox, WebKit],
            Self::UploadsHaveBodies | Self::HintsStay => &[Chromium],
            Self::SandboxTellsReferrer => &[Firefox, WebKit],
            Self::SilentXhr | Self::RepeatedNames | Self::OneType => &[Firefox],
            Self::StarRemembersAuthorization => &[WebKit],
            Self::OnePreflight => &[Chromium, WebKit],
            Self::NullPreflights => &[Chromium],
            Self::LongPreflights => &[Chromium],
            Self::PreflightsByCredentials | Self::StarForgotten => &[Firefox],
            Self::CredentialedStar => &[Chromium, Firefox, WebKit],
            Self::ConditionalPreflights => &[Chromium, Firefox],
            Self::JoinedValues => &[Chromium, WebKit],
            Self::ClientHints => &[Chromium],
            Self::FixedUserAgent => &[Chromium],
            Self::PlainOrigin => &[Chromium],
            Self::PreflightTellsPage => &[Firefox],
            Self::OriginStays | Self::BeaconTellsPage => &[WebKit],
            Self::FontOrigin => &[Chromium],
            Self::EqualLocations => &[Chromium, Firefox],
            Self::JoinedLocations => &[WebKit],
            Self::NoUserInLocation => &[Chromium],
            Self::EmptyLocation => &[Chromium, WebKit],
            Self::LocationFirst => &[Chromium],
            Self::MaxAgeZero => &[Chromium],
            Self::PreflightTellsMode => &[Chromium],
            Self::PreflightTellsNearest => &[Chromium, Firefox],
            Self::BeaconsOfNoType | Self::NoEmptyExtensions => &[Chromium],
            Self::CautiousReferrers => &[Firefox, WebKit],
            Self::BeaconsRevalidate | Self::LoopbackIsMixed => &[WebKit],
            Self::SameSiteRedirects | Self::FormsRevalidate => &[Chromium],
            Self::SameSiteRedirectsWithin | Self::FormsLoseOrigin => &[WebKit],
            Self::SchemelessCookies | Self::NoLaxDefault => &[Firefox, WebKit],
            Self::SandboxIsSite | Self::NoneWithoutSecure | Self::NoPrefixes => &[WebKit],
            Self::LaxUnsafe => &[Chromium],
            Self::NewValueNewCookie => &[Chromium],
            Self::NamelessWithoutEquals => &[Chromium],
            Self::NamesBeforeEquals => &[Firefox],
            Self::DowngradeByScheme => &[Chromium, Firefox, WebKit],
            Self::AddressIsHostOnly | Self::DotIsNoDomain => &[Chromium, Firefox, WebKit],
            Self::NoTabInCookie => &[Chromium],
            Self::WordsOneByOne => &[Chromium, Firefox, WebKit],
            Self::RangesOf63Bits | Self::CredentiallessReloads | Self::RedirectsLoseOrigin => {
                &[Chromium]
            }
            Self::RangesOf64Bits => &[Firefox, WebKit],
            Self::PartitionedWithoutSecure | Self::RangeUnitInAnyCase | Self::MoreRedirects => {
                &[WebKit]
            }
            Self::TabEndsCookie => &[WebKit],
            Self::PreflightTellsNoCache => &[Firefox],
            Self::OpaqueUncached => &[Chromium],
            Self::RefusedIsNotStored => &[Firefox],
            Self::GoneForEver => &[Firefox],
            Self::LastingStatuses => &[Chromium],
            Self::LastLifetime => &[Firefox],
            Self::FirstNumberIsLifetime | Self::ResponsePragma => &[Chromium],
            Self::SilentSockets => &[Chromium],
            Self::SocketDestination => &[WebKit],
            Self::FewerBadPorts => &[Chromium],
            Self::NoStorageAccess => &[Firefox, WebKit],
            Self::UnknownPolicyPasses => &[Firefox],
            Self::NoCredentialless | Self::FontWithoutCors => &[WebKit],
            Self::CachesByCredentials => &[Firefox],
        }
    }
}
