//! The browser whose behaviour is simulated: the standard's, or a real one's where it differs.

/// Whose behaviour: the standard's, or what Chromium is measured to do instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Engine {
    /// Fetch as it is written.
    #[default]
    Standard,
    /// As Chromium 156 was measured, where that differs:
    ///
    /// - `Access-Control-Allow-Headers: *` covers `Authorization`;
    /// - a preflight is remembered for two hours at most, not at all when `Access-Control-Max-Age` is
    ///   negative, and for five seconds when it is more than fits in 64 bits;
    /// - of the preflights of one URL only the last is remembered, and a failed request does not make
    ///   the browser forget it;
    /// - `*` that came with credentials is not a wildcard in the preflight cache either;
    /// - several values of a header are judged joined: two times `text/plain` is not safelisted;
    /// - the client hints `DPR`, `Device-Memory`, `Downlink`, `ECT`, `RTT`, `Width`, `Viewport-Width` and
    ///   `Save-Data` are safelisted;
    /// - the answer to a preflight from `null`, or for a URL of 1024 bytes and more, is not remembered;
    /// - `User-Agent` is not script's to set: it is ignored;
    /// - the referrer policy does not hide `Origin` from requests without CORS, those of windows and frames
    ///   apart;
    /// - the same `Location` twice is taken for one;
    /// - a request that script makes conditional says `Cache-Control: max-age=0`, not `no-cache`;
    /// - redirects through another site do not keep `SameSite` cookies from being sent;
    /// - cookies without `SameSite` that are younger than two minutes go with a POST of another site by
    ///   which the whole window goes there;
    /// - a cookie that is set again with another value is sorted as a new one;
    /// - a conditional request is preflighted although an earlier preflight covers it;
    /// - 300, 301, 308 and 410 are fresh for ever, unless `Cache-Control`, `Pragma` or `Expires` say otherwise;
    /// - a redirect whose `Location` has a user name is refused, without CORS as well;
    /// - a response with the status of a redirect and no `Location`, or an empty one, is an ordinary
    ///   response, except in redirect mode `manual`; and a `Location` that is not a URL is an error in all modes;
    /// - WebSocket handshakes have no `Sec-Fetch-*`.
    Chromium,
}
