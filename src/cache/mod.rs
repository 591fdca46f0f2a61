//! A shared HTTP cache (RFC 9111), as a layer before any service or between a proxy and its upstream.
//!
//! The upstream says which responses may be stored, for how long and for whom, by `Cache-Control`, `CDN-Cache-Control`,
//! `Expires` and `Vary`. What it does not say is not guessed.
//!
//! ```
//! use same_origin::cache::Cache;
//! # #[cfg(feature = "proxy")]
//! use same_origin::proxy::ReverseProxy;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cache = Cache::builder().size(256_000_000).build()?;
//! # #[cfg(feature = "proxy")]
//! let api = ReverseProxy::builder("/api", "http://127.0.0.1:3000").build_with_layer(&cache.layer())?;
//! # Ok(()) }
//! ```
//!
//! # Storing
//!
//! The response to a `GET` is stored (RFC 9111 3), and so is that to a `POST` which says in `Content-Location` that it
//! is what a `GET` of the same target would get, if all of this is so:
//!
//! - it has freshness, or something to validate it by (`ETag`, `Last-Modified`), or may be used stale;
//! - its upstream has marked it as something for others, by freshness above 0, by `stale-while-revalidate`,
//!   `stale-if-error` or `public`; or it has an `ETag`, and the request had neither `Cookie` nor `Authorization`, unless
//!   `Vary` names it. Without a mark it may be one user's page, and a 304 by `Last-Modified` would give it to the next;
//! - neither `no-store` nor `private` forbids it, with or without field names; `no-store, must-understand`
//!   does not for a status whose meaning is known (5.2.2.3);
//! - the request had no `Authorization`, or `public`, `must-revalidate` or `s-maxage` allows it (3.5). In turn,
//!   without one of the three a request with `Authorization` is not answered from memory;
//! - it sets no cookie, or [`dangerously_store_set_cookie`] is on. RFC 9111 7.3 leaves it to upstreams to
//!   forbid that, and those that forget it hand the session of one user to the next;
//! - `Vary` names neither `*`, nor a field that each client has its own value of (`X-Forwarded-For`,
//!   `X-Real-IP`, `Forwarded`, `Via`), nor more than 16 fields;
//! - its body can be known to be whole: by a length, by chunks, or by HTTP/2. One that ends with its
//!   connection is not stored, nor one that is cut, of another length than announced, or longer than
//!   [`object`];
//! - the request had no body, no `If-Match` and no `If-Unmodified-Since`.
//!
//! With explicit freshness any final status is stored, except 428, 429, 431 and 511, which are about one client and
//! never stored (RFC 6585). Without it, only statuses that RFC 9110 15.1 names are stored, if they can be validated.
//! Directives that contradict each other, cannot be read, or stand in a quoted string without an end are read in the
//! strict way: the least freshness, or none, or not stored at all.
//!
//! # Answering
//!
//! - A response is fresh while it is younger than its `s-maxage`, `max-age`, or `Expires` less `Date` (4.2.1), in this
//!   order. A valid [`CDN-Cache-Control`](https://www.rfc-editor.org/rfc/rfc9213) stands for all of them and is passed
//!   on. The age is counted from `Age`, `Date`, the time that the request took, and the time in memory (4.2.3); time in
//!   which the machine sleeps counts.
//! - A stale response, or one with `no-cache`, is validated by its `ETag` and `Last-Modified` (4.3), in the
//!   cache's own name. A 304 renews the stored head, but not the fields that say how the body is to be read.
//! - A stale response is given while it is validated, and if the upstream fails (no answer, 500, 502, 503, 504,
//!   or a body that is broken already when its head comes), for as long as `stale-while-revalidate` and `stale-if-error`
//!   say (RFC 5861), or [`stale`]. Never with `must-revalidate`, `proxy-revalidate`, `s-maxage` or `no-cache`
//!   (4.2.4). A redirect, 401 to 405, 410 or 451 in its place ends it. At most 32 validations that no client waits for
//!   are under way at once; above that whoever asks first waits for the validation.
//! - `HEAD`, `If-None-Match`, `If-Modified-Since`, and a `Range` of one part are answered from a stored `GET`.
//!   A 206 is stored as what it is, and its parts answer requests for them while it is fresh.
//! - A client may be stricter (`no-cache`, `max-age`, `min-fresh`, `no-store`, `only-if-cached`), and as far as the
//!   upstream allows it less strict (`max-stale`, 5.2.1). One that sends `min-fresh`, or `max-age` without `max-stale`,
//!   gets nothing stale while the upstream answers.
//! - A response that its upstream has not called fresh is stored only to be validated: neither `max-stale` nor
//!   [`stale`] gives it to anybody, as it may be the page of whoever asked first.
//! - An unsafe method that succeeds invalidates what is stored of its target, of its `Destination` (RFC 4918 10.3), and of the
//!   `Location` and `Content-Location` in its response, as far as they are of the same origin (4.4): by the address, by
//!   `Host`, or by the sent `X-Forwarded-Host`, `-Proto` and `-Port`. An older answer that is still on its way is not used
//!   after that.
//! - Of two responses to the same request the more recent one is kept (4), even if the other one ends later. More recent
//!   is the one that was asked for when the other one had come, or else the one with the later `Date`. A 304 renews only
//!   the response that it was asked about.
//! - [`Cache-Status`](https://www.rfc-editor.org/rfc/rfc9211) says what was done, and an [`Outcome`] in the
//!   response's extensions says it to logs.
//!
//! # Request collapsing
//!
//! A request that misses waits for another one that is fetching the same, for [`wait`] at most. These do not wait:
//!
//! - one with `Authorization`, or with directives of its own;
//! - one with a `Range`, unless the other one's is the same to the letter;
//! - one for a key whose last response could not be stored: for two minutes, or until one could be. While something is
//!   stored, the refusal of one client (400, 406, 429, 431 and others) does not count for that;
//! - one for a stored response that was stale already when it came, by its `Age`, its `Date` or the time that it took.
//!
//! The request that fetches is sent without `If-None-Match` and `If-Modified-Since`, so that its response serves
//! everybody. The conditions are judged by that response (4.3.2), as those of the waiting requests are. A client that
//! holds it already gets a 304 when it is stored, or after a second. A response that cannot serve others, such as a
//! private page, is handed on as it came, and the next requests keep their conditions for two minutes.
//!
//! If the client of the fetch goes away or is refused, one of the waiting requests fetches, and the others wait for
//! that; so they do once if the target is changed meanwhile. After any other response that does not serve them they all
//! go on at the same time. If the upstream fails, they get what stands in for it, or go on at the same time. While a
//! request waits, the body is read at the pace of the upstream, and not at that of the first client, which may read
//! nothing.
//!
//! # Keys
//!
//! The method (of `HEAD`, that of `GET`), the target and `Host` as they are sent to the upstream, the sent
//! `X-Forwarded-Host`, `-Proto`, `-Port` and `-Prefix`, `host` and `proto` of `Forwarded`, and the fields that
//! `Vary` names. Frameworks make links of the forwarding fields. A client that forges one changes its own copy and
//! nobody else's, because they are in the key.
//!
//! Other fields that some servers answer by are left to the upstream: `X-Original-URL`, `X-Rewrite-URL`,
//! `X-Host`, `X-Original-Host`, `X-Forwarded-Server`, `X-Forwarded-Scheme`, `X-Url-Scheme`, `Front-End-Https`,
//! `X-Script-Name`, `X-HTTP-Method-Override`, `X-Method-Override`. It should not read them, name them in `Vary`, or
//! have them removed on the way (`remove_request_headers` of a proxy). The same is true of cookies: a page that is
//! made for a user says so by `private`, or by `Vary: Cookie`.
//!
//! # Layer order
//!
//! **The cache lies inside of [CORS](crate::cors)**, as it does in a proxy's client. It then stores what the
//! upstream said, one copy for all pages, and each page gets its own `Access-Control-*` and `Vary`; preflights are
//! answered before it. The other way round the answers are right, too, because the CORS layer says `Vary: Origin`,
//! but there is a copy for each origin. Authentication lies outside, or the cache answers before it is asked.
//! Compression lies outside, too, so that what is stored fits every client.
//!
//! In axum it lies around the outer router, or each nest has a [`Cache`] of its own. A nest takes its prefix off the
//! path, so that one cache inside of two nests takes `/a/items` and `/b/items` for the same.
//!
//! # Memory
//!
//! [`size`] is what all stored responses take together, with heads, keys and what is needed to find them, as the allocator
//! gives it. One key has 32 responses at most. If it has more than one, they take half of the size at most, so that the
//! variants of one resource do not drive out all others. Parts have the room that whole responses leave. Bodies on
//! their way into the cache may take as much again; one that finds no room there goes to its client only.
//! Bodies go on frame by frame while they are copied; from memory they cost no copy. Of a response that is not
//! stored nothing is kept but a number in a table of fixed size.
//!
//! # A CDN's cache
//!
//! For a CDN before an API whose TTLs are 0, so that the backend alone decides:
//!
//! | there | here |
//! |---|---|
//! | minimum, maximum and default TTL 0 | the default: what the backend does not mark is not stored |
//! | the backend's `Cache-Control: s-maxage=60` | the same |
//! | `Cache-Control: max-age=0`, another time for the CDN | `CDN-Cache-Control: max-age=60` beside it |
//! | `Authorization` forwarded, and so in the key | not stored, unless the backend says `public`, `must-revalidate` or `s-maxage`; `Vary: Authorization` for one copy each |
//! | query strings forwarded | always, byte for byte |
//! | an invalidation of `/items/*` | [`Cache::purge_prefix`] |
//! | error caching minimum TTL | [`stale`], or `stale-if-error` of the backend |
//!
//! # Conformance, and limitations
//!
//! Nothing is written to a disk, and nothing is shared with other processes.
//!
//! Of the public suite [http-tests/cache-tests](https://cache-tests.fyi) (npm `http-cache-tests` 0.4.5) 119
//! required tests still hold under RFC 9111. 117 are passed, and 118 with [`dangerously_store_set_cookie`]; of
//! 86 optimal ones 72. In its state of 2026 it is 143 of 150 and 81 of 98. By the same runner, with the packages
//! of Debian 12:
//!
//! | | required (of 119) | optimal (of 86) |
//! |---|---|---|
//! | this cache, in the gateway | 117 | 72 |
//! | Apache httpd 2.4.71 | 111 | 59 |
//! | Traffic Server 9.2.9 | 111 | 65 |
//! | Squid 5.7 | 100 | 49 |
//! | Varnish 7.1.1 | 94 | 40 |
//! | nginx 1.22.1 | 88 | 50 |
//! | HAProxy 2.6.12 | 85 | 32 |
//!
//! These are not passed, on purpose:
//!
//! | tests | why |
//! |---|---|
//! | `heuristic-*-cached` | freshness that nobody has set is not guessed (4.2.2 allows it, and does not ask for it) |
//! | `headers-store-Set-Cookie`, `other-set-cookie` | see above; with [`dangerously_store_set_cookie`] they pass |
//! | `stale-close-*` | a stale response is not given when a connection closes, unless the upstream or [`stale`] allows it; with [`stale`] they pass |
//! | `vary-normalise-lang-order` | servers do go by the order of languages, whatever RFC 9110 12.5.4 says |
//! | `vary-normalise-lang-select` | a cache would have to know which languages there are |
//! | `conditional-lm-fresh-no-lm` | RFC 9111 4.3.2 says otherwise: `Date` is later than what the client has |
//! | `partial-store-partial-complete` | without a strong validator parts must not be put together (3.4) |
//! | `headers-store-Transfer-Encoding` | a proxy refuses an unknown transfer coding with 502 |
//! | `interim-*` | hyper's server sends no 1xx for a service |
//!
//! [`dangerously_store_set_cookie`]: CacheBuilder::dangerously_store_set_cookie
//! [`object`]: CacheBuilder::object
//! [`size`]: CacheBuilder::size
//! [`stale`]: CacheBuilder::stale
//! [`wait`]: CacheBuilder::wait

mod config;
mod handle;
mod http;
mod layer;
mod rules;
mod shared;
mod store;

pub use config::builder::CacheBuilder;
pub use config::error::{CacheError, CacheErrorKind, CacheErrors};
pub use handle::Cache;
pub use layer::body::Body;
#[cfg(feature = "proxy")]
pub(crate) use layer::body::whole::mark_open_end;
pub use layer::{CacheLayer, Cached, ResponseFuture};
pub use store::stats::{Outcome, Stats};

const _: () = {
    const fn mountable<T: Clone + Send + Sync + 'static>() {}
    const fn error<T: std::error::Error + Send + Sync + 'static>() {}
    mountable::<Cache>();
    mountable::<CacheLayer>();
    mountable::<Cached<()>>();
    error::<CacheErrors>();
};
