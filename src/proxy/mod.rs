//! A prefix-rewriting reverse proxy, so that a page and an API share one origin.
//!
//! `https://app.example/api/items` is answered by `https://api.elsewhere/prod/items`. The browser sees
//! one origin: it asks no preflight and checks no CORS header.
//!
//! ```no_run
//! use axum::Router;
//! use same_origin::proxy::ReverseProxy;
//! use std::net::SocketAddr;
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let api = ReverseProxy::new("/api", "https://api.elsewhere.example/prod")?;
//! let app = Router::new().nest_service("/api", api);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! // With the client's address: without it there is no X-Forwarded-For, and no peer to trust.
//! let app = app.into_make_service_with_connect_info::<SocketAddr>();
//! axum::serve(listener, app).await?;
//! # Ok(()) }
//! ```
//!
//! # Processing of a request
//!
//! In this order; each step is a function of the head alone.
//!
//! 1. **Target** (RFC 9112 3.2). The path is matched against the prefix on segment boundaries, `/api` and
//!    `/api/…` but never `/apix`; a path outside of it gets 404. Under axum the public path is matched,
//!    `OriginalUri`, so that a nest strips nothing twice; changes that a layer inside the nest makes to the
//!    query or the path count. A path in which any segment can be read as `.` or `..`
//!    is refused with 400 ([`check`]). `OPTIONS *` is answered here; `CONNECT` and `TRACE` get 501.
//! 2. **Mapping**. The prefix is replaced by the upstream's base path ([`keep_prefix`] puts the base before it
//!    instead). The rest of the path and the query go byte for byte: AWS Signature V4 and signed URLs depend
//!    on it. `Destination` and `If` of WebDAV are mapped too, from the public host and prefix to a path of the
//!    upstream; a `MOVE` or `COPY` outside of the prefix, or to another host, gets 502.
//! 3. **Host** (RFC 9112 3.2). None, two, or one that is not a host and port gets 400; an absolute target's
//!    host wins over the field. A request without a host passes where the server does not say who its peer is,
//!    as under axum without `ConnectInfo`: it may be one that a test made, `Request::get("/api/items")`, and
//!    nobody can tell. A server that says nothing of its peers has to ask [`check`] itself.
//! 4. **Loops**. A request whose `Via` has the proxy's own name more than eight times gets 508.
//! 5. **Hop-by-hop fields out** (RFC 9110 7.6.1): the fixed ones and all that `Connection` nominates, on any
//!    of its lines; `Host` and `Content-Length` cannot be nominated away. `TE: trailers` stays. Lengths that
//!    say the same become one, those that do not get 400; a body in another transfer coding than `chunked`
//!    gets 501 (RFC 9110 8.6, RFC 9112 6.1). The crumbs of an HTTP/2 cookie become one field.
//! 6. **Forwarding fields** ([`ForwardingField`]). Those of a peer that is not in [`trusted_proxies`] are
//!    replaced, spellings with underscores included; a trusted peer's are continued, and what it says in
//!    `X-Forwarded-*` or in `Forwarded` alone is told in the other form too (RFC 7239 7.4). The server has to
//!    say who the peer is ([`Peer`]); an unknown one is not trusted.
//! 7. **`Via`** (RFC 9110 7.6.3), then [`remove_request_headers`] and [`set_request_headers`].
//! 8. **`Host`** is the upstream's, unless [`preserve_host`]; **`Origin`** is the page's, unless
//!    [`rewrite_origin`].
//! 9. Last, the hook of [`map_request`]. Of several upstreams one is chosen, and named, after it.
//!
//! # Processing of a response
//!
//! 1. Hop-by-hop fields out and one length, as above. A head that cannot be framed gets 502, and so does a response of a
//!    client service, or of a layer around the client, whose body is not as long as its head says. A response over
//!    HTTP/1.0 goes on as HTTP/1.1 (RFC 9112 2.3). `Alt-Svc` is removed, as it is about the upstream's origin (RFC 7838).
//!    A 426 tells a client of HTTP/1.1 the protocols that the upstream names in it, if they can be tunneled (RFC 9110
//!    15.5.22). A 407 is a challenge to the proxy, which has no credentials, and becomes a 502 (RFC 9110 11.7.1).
//! 2. `Location`, `Content-Location` and `Refresh` under the upstream come back under the prefix; those under
//!    another proxy's upstream under that one's, if both share a table of [`Mounts`]. Addresses of others stay
//!    byte for byte, and so does a relative reference, unless it leads elsewhere from the public path than from the
//!    upstream's (RFC 3986 5.2). `Link` is left alone. Behind a trusted proxy that says `X-Forwarded-Prefix`, its prefix
//!    is put before ours, whether the upstream is told of it or not.
//! 3. `Set-Cookie` has its `Path` mapped back, as addresses are, but for `/`, which means the whole origin. A path
//!    above the upstream's base becomes the prefix, or the path that all proxies of that upstream are below.
//!    `Domain` stays where it covers the public host and is not a public suffix, and is dropped elsewhere.
//!    `__Host-` cookies keep `Path=/`. See [`rewrite_cookies`].
//! 4. [`remove_response_headers`] and [`set_response_headers`], then `Via`.
//!
//! Bodies are frames, streamed at the pace of their reader, trailers included, except for fields that only a
//! head decides (RFC 9110 6.5.1): framing, credentials, forwarding, CORS and their like. A body that is cut is
//! an error to the client, never a clean end. A request's body that is not as long as its `Content-Length`, because a
//! layer has replaced it, gets 400, and the upstream does not get a whole request; where a layer around the client or
//! the hook of [`map_request`] has done it, which no client can be blamed for, 502
//! ([`UnsendableRequest`](ProxyErrorKind::UnsendableRequest)). `Expect: 100-continue` is the
//! upstream's to answer for a second; then the body is asked for without it (RFC 9110 10.1.1). Over HTTP/2 it is asked for
//! at once, so that a 401 which comes a moment later saves no upload. A client of HTTP/1.1 is told `Connection: close`
//! with an answer after which nobody reads the rest of its body.
//!
//! # Errors
//!
//! A failure is a response with a status, a `Proxy-Status` field (RFC 9209), no word about the inside, and a
//! [`ProxyError`] in its extensions. A call of gRPC gets it without content, so that its client finds the status and
//! maps a 502, 503 or 504 to `UNAVAILABLE`. A request is sent again only if nothing of it was sent; once if it is
//! idempotent, has no body, and its pooled connection broke (RFC 9110 9.2.2); and once, whatever its method, if the
//! upstream says over HTTP/2 that it has not processed it (RFC 9113 8.7), with a body of which no more than 16 KiB were
//! read. After a `GOAWAY` it is sent again as long as the connections that end so have answered others.
//!
//! # Connections to upstreams
//!
//! - An attempt to connect outlives the request that wanted it, and serves the next one. At most sixteen attempts go on
//!   that nobody waits for. A request over HTTP/1.1 whose client goes away has 250 ms more for its response, so that its
//!   connection can be used again; at most sixteen do at once. A connection that carried no request, or whose request was
//!   given up, is reset and not closed: a client that resets streams all day leaves no port in `TIME-WAIT`.
//! - A response that comes while the request is on its way is handed on. The rest of the request is then not sent
//!   where the upstream says `Connection: close`, closes its side, or resets the stream with `NO_ERROR`
//!   (RFC 9112 9.5, RFC 9113 8.1); an upstream that goes on reading gets all of it. The exception is a stream of HTTP/2
//!   whose response has no content and does not say so in its head: it may be cut. A 204 to a client of HTTP/2 is not.
//! - Content of a `GET`, `HEAD`, `DELETE` or `OPTIONS` is forwarded, over HTTP/1.1 as the last thing on its
//!   connection, because some servers leave it unread and take it for a request; see [`refuse_unexpected_content`].
//!   Where no field announces content and the body does not say that it is empty, as behind `tower_http`'s
//!   `RequestBodyTimeoutLayer`, the body is asked for its first frame: if it ends at once, there is no content.
//! - `Keep-Alive: timeout` of an upstream shortens [`Timeouts::idle`]; after its `max=0` a connection is not used again.
//! - An HTTP/2 upstream that sends nothing for 15 s while requests wait for it gets a PING, and has 25 s to acknowledge
//!   it. As long as its streams bring nothing, the next PING comes five minutes later, and before that at most two for
//!   requests that come meanwhile: servers of gRPC end a connection over more PINGs than that. A connection that has
//!   brought nothing while a request waited for all of [`Timeouts::response`] gets no further request. One acknowledged
//!   PING excuses one such request; after the second in a row the connection gets no further request either.
//! - A request whose head is larger than an HTTP/2 upstream says it takes (`SETTINGS_MAX_HEADER_LIST_SIZE`, RFC 9113
//!   6.5.2) is answered with 431: some servers end the connection over such a head, and with it the requests of others.
//! - The connections of one tokio runtime are used by its requests alone. Limits hold for all runtimes
//!   together, but for that of idle connections.
//!
//! # Memory bounds
//!
//! | of | held at most |
//! |---|---|
//! | a response's head | 64 KiB and 1,000 lines; a larger one is a 502 ([`Limits::response_head`], [`Limits::response_fields`]) |
//! | informational responses, and chunk sizes without chunks | 1 MiB, after which the connection ends |
//! | a response's body that its client does not read, over HTTP/1.1 | 128 KiB |
//! | the same over HTTP/2 | 256 KiB for a stream, and room for all streams of the connection. Frames of a few bytes take more, up to some 25 MiB for a connection, which ends above that |
//! | a response's body, to see whether the upstream has sent everything | 64 KiB more |
//! | a request's body over HTTP/2, to send it again if the upstream refuses the request | 16 KiB, until there is a response |
//!
//! # Slow clients, and shares of each client
//!
//! A request has a place at its upstream ([`Limits::in_flight`]) until the upstream's last byte is here, whether
//! the client has taken it or not. No client has more than its share of the places ([`Limits::client_share`],
//! [`Limits::connection_share`]), and one that sends or takes nothing loses its place ([`Timeouts::client`]). For
//! that the server has to say who the client is: by a [`Peer`] or axum's `ConnectInfo`, and by
//! [`trusted_proxies`] whose word on others is taken ([`ClientAddr`]). The connection to the client stays its
//! server's business.
//!
//! # Logs
//!
//! With the feature `tracing` each request that the proxy answers itself leaves an event: method, public path,
//! route, kind, and every cause behind it (`connection refused`); at `INFO` where the client is at fault (4xx),
//! at `WARN` otherwise. An upstream of a list that is set aside leaves one at `WARN` (route, upstream, kind, cause,
//! `pause_s`), and one at `INFO` when it answers again; where none can be connected to, the cause of a request's failure is
//! that of the last one. Of one kind at most ten are written in a second, then their number. Queries are never
//! written, because signatures are in them. A span at `DEBUG` lies around each exchange.
//!
//! # Upgrades and WebSockets
//!
//! A tunnel opens only on a `101` that switches to a protocol that was offered; bytes that a client sends early
//! wait for it (RFC 9931). `h2c` and `TLS` are not offered on, and of a list that names `websocket` nothing
//! else is. A WebSocket is asked for by GET; `HEAD` and `OPTIONS` open no tunnel. One that comes by HTTP/2 (RFC
//! 8441: the server has to announce it, in hyper by `enable_connect_protocol`) goes on by HTTP/1.1.
//!
//! # Applications behind a prefix
//!
//! An application under `/app` either knows its public prefix or it does not. These settings go with that:
//!
//! | the application | set |
//! |---|---|
//! | knows nothing of a prefix: its redirects and cookies are for `/…` | nothing; they are mapped back |
//! | is told by `X-Forwarded-Prefix`: Flask with `ProxyFix(x_prefix=1)`, Spring with `ForwardedHeaderFilter` | [`XForwardedPrefix`](ForwardingField::XForwardedPrefix) in [`forwarding`] |
//! | is configured with it, and wants it stripped: Django's `FORCE_SCRIPT_NAME` | the same: what is below a prefix that was sent is public, and stays |
//! | is configured with it, and wants it in its requests: Vite's `base`, Grafana's `serve_from_sub_path`, Jupyter's `base_url` | [`keep_prefix`] |
//! | writes public addresses that cannot be told from its own | [`rewrite_location(false)`] and [`rewrite_cookies(false)`] |
//!
//! Without `X-Forwarded-Prefix` the redirect of such an application to `/app/login` becomes `/app/app/login`:
//! the proxy cannot know that `/app/login` was meant to be public. The field of a trusted proxy before this one
//! (Traefik's `StripPrefix`) does not replace it: where this proxy strips a prefix too and does not send the field, the
//! other's is taken out, because the upstream's paths lie below both.
//!
//! ## Applications that compare `Origin` with `Host`
//!
//! Django, Rails, SvelteKit and Grafana answer 403 to a POST whose `Origin` is not the `Host` that they see, and
//! they see the upstream's. Set [`preserve_host`], if the upstream is not a virtual host that needs its own name,
//! or tell the application its public origin: Django's `CSRF_TRUSTED_ORIGINS`, SvelteKit's `ORIGIN`, Grafana's
//! `csrf_trusted_origins`. Rails takes `X-Forwarded-Host` and `X-Forwarded-Proto` for it, which are sent by
//! default; behind a TLS terminator that has to be one of the [`trusted_proxies`].
//!
//! Vite, webpack-dev-server, Jupyter and Phoenix check the `Origin` of WebSockets: set [`rewrite_origin`] behind
//! a [guard](crate::guard), which then makes that check in their place. Do not remove `Origin` to get past such a
//! check: any page could then open a WebSocket.
//!
//! ## Absolute redirects made of `X-Forwarded-Host`
//!
//! Spring, Express with `trust proxy` and others make `https://app.example/login` of `X-Forwarded-Host`, or of
//! a [preserved](ProxyBuilder::preserve_host) `Host`. That is an address of the public origin and not of the
//! upstream, so it stays as it is, without the prefix. Send `X-Forwarded-Prefix` to those that understand it;
//! for others leave `X-Forwarded-Host` out of [`forwarding`] and do not preserve `Host`: a redirect to
//! the upstream's own address is mapped back.
//!
//! ## `webpack-dev-server` and Vite
//!
//! They refuse a `Host` that they do not know (`allowedHosts`), which only matters with [`preserve_host`], and
//! open a WebSocket on a path of their own: mount the whole server (`/`), or set `devServer.client.webSocketURL`
//! or Vite's `server.hmr.path` below the prefix, and `output.publicPath` or `base` to the prefix, with
//! [`keep_prefix`].
//!
//! ## nginx upstreams that do not compress
//!
//! nginx sends no compressed response to a request with `Via` unless `gzip_proxied any;` says so. Set that
//! there, or remove the field: `remove_request_headers(["via"])`. Loops are then not noticed.
//!
//! # Limitations
//!
//! - Addresses in bodies are not mapped, those of WebDAV's multistatus responses among them: a page's links
//!   have to be relative, or made of the public prefix.
//! - hyper 1.12's client: an informational response above the limits of a head ends the exchange, although the
//!   final one may be good; over HTTP/2 informational responses are bounded by the response timeout alone. A
//!   field that is folded over lines is a 502 (RFC 9112 5.2 allows that). White space before the colon of a field is
//!   removed (RFC 9112 5.1), but in a trailer it cuts the response, as does a trailer that is folded.
//! - hyper 1.12's server, which a service cannot work around: informational responses other than `100` (`103 Early
//!   Hints`) of an upstream are not passed on; the final response is. Trailers over HTTP/1.1 reach a client
//!   only if it sent `TE: trailers` and the response announces them with `Trailer`. And those of an upload reach
//!   an upstream of HTTP/1.1 only if its head announces them.
//! - WebSockets and other upgrades go to upstreams that speak HTTP/1.1. To one of `h2c://` an upgrade of HTTP/1.1 goes
//!   as the request without it, and a WebSocket by HTTP/2 is a 502; so are both to one that speaks HTTP/2 alone by TLS.
//! - `X-Forwarded-Prefix` says the prefix that was taken away and cannot say the base path that was added: where the
//!   upstream's URL has one and the application makes links of the field, leave it out of `forwarding`.
//!
//! # From axum-reverse-proxy
//!
//! | axum-reverse-proxy 2.4 | here |
//! |---|---|
//! | `ReverseProxy::new("/api", "https://up")` | the same, but a `Result`: a bad address does not panic |
//! | `.into()` a `Router` | mount the service itself: `nest_service`, `route_service`, `fallback_service` |
//! | a path outside the prefix is forwarded as it is | 404 |
//! | `X-Forwarded-*` of the client are appended to | replaced, unless the peer is in [`trusted_proxies`] |
//! | `BalancedProxy` | `ProxyBuilder::upstreams` (feature `balance`) |
//! | a client of one's own | [`ProxyBuilder::build_with_client`] |
//! | `ProxyError` in extensions | the same, with [`kind`](ProxyError::kind) and [`was_sent`](ProxyError::was_sent) |
//!
//! # From an nginx location
//!
//! | nginx | here |
//! |---|---|
//! | `location /api/ { proxy_pass https://up/prod/; }` | `ReverseProxy::new("/api", "https://up/prod")` |
//! | `location /api/ { proxy_pass https://up; }` (without a path) | `.keep_prefix(true)` |
//! | `proxy_set_header Host $host` | `.preserve_host(true)` |
//! | `proxy_set_header Authorization ""` | `.remove_request_headers(["authorization"])` |
//! | `proxy_set_header X-Key …`, `add_header`, `proxy_hide_header` | `.set_request_headers(…)`, `.set_response_headers(…)`, `.remove_response_headers(…)` |
//! | `proxy_set_header X-Forwarded-For …` | the default |
//! | `set_real_ip_from 10.0.0.0/8` | `.trusted_proxies(["10.0.0.0/8".parse()?])` |
//! | `proxy_redirect default`, `proxy_cookie_path` | the default; cookies for `/` stay |
//! | `proxy_http_version 1.1`, `proxy_set_header Connection $connection_upgrade` | the default |
//! | `proxy_buffering off`, `proxy_request_buffering off` | always |
//! | `proxy_connect_timeout`, `proxy_read_timeout` | [`Timeouts::connect`], [`Timeouts::response`] |
//! | `client_max_body_size 1m` | [`Limits::request_body`] |
//! | `proxy_ssl_trusted_certificate`, `proxy_ssl_certificate` | `UpstreamTls`; certificates are always verified |
//! | `upstream { server a; server b; least_conn; }` | `ProxyBuilder::upstreams` (feature `balance`) |
//! | `upstream { server name resolve; }` | `ProxyBuilder::dns` |
//!
//! [`forwarding`]: ProxyBuilder::forwarding
//! [`keep_prefix`]: ProxyBuilder::keep_prefix
//! [`map_request`]: ProxyBuilder::map_request
//! [`preserve_host`]: ProxyBuilder::preserve_host
//! [`refuse_unexpected_content`]: ProxyBuilder::refuse_unexpected_content
//! [`remove_request_headers`]: ProxyBuilder::remove_request_headers
//! [`remove_response_headers`]: ProxyBuilder::remove_response_headers
//! [`rewrite_cookies(false)`]: ProxyBuilder::rewrite_cookies
//! [`rewrite_cookies`]: ProxyBuilder::rewrite_cookies
//! [`rewrite_location(false)`]: ProxyBuilder::rewrite_location
//! [`rewrite_origin`]: ProxyBuilder::rewrite_origin
//! [`set_request_headers`]: ProxyBuilder::set_request_headers
//! [`set_response_headers`]: ProxyBuilder::set_response_headers
//! [`trusted_proxies`]: ProxyBuilder::trusted_proxies

/// `IpNet` stands in the signature of [`ProxyBuilder::trusted_proxies`].
pub use ipnet;
/// `ClientConfig` stands in the signature of [`ClientBuilder::tls_config`].
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use rustls;

mod body;
mod client;
pub(crate) mod config;
pub(crate) mod deadline;
mod delegate;
mod error;
mod exchange;
mod mount;
mod plan;
mod request;
mod response;
mod service;
mod share;
mod ticker;
mod trace;
mod transport;
mod tunnel;
pub(crate) mod upstream;
mod wire;

pub use body::Body;
#[doc(hidden)]
pub use client::_Look;
#[doc(hidden)]
pub use client::stream::coalesced::Coalesced;
#[cfg(feature = "tls")]
#[doc(hidden)]
pub use client::stream::turns as _turns;
pub use client::{
    Client, ClientBuildError, ClientBuilder, ClientError, ConnectTo, ResponseFuture as ClientFuture,
};
#[doc(hidden)]
pub use config::address::_masked_address;
pub use config::builder::ProxyBuilder;
#[cfg(feature = "balance")]
#[doc(hidden)]
pub use config::discover::DiscoverBuilder;
pub use config::error::{ProxyConfigError, ProxyConfigErrorKind, ProxyConfigErrors};
#[doc(hidden)]
pub use config::fields::_ResponseEdits;
#[cfg(feature = "tls")]
#[doc(hidden)]
pub use config::pem as _pem;
pub use config::settings::{Limits, Timeouts};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use config::tls::UpstreamTls;
pub use error::{ProxyError, ProxyErrorKind};
pub use mount::table::Mounts;
pub use request::client::_canonical_network;
pub use request::client::ClientAddr;
#[doc(hidden)]
pub use request::forwarded::_outer_prefix;
pub use request::forwarded::ForwardingField;
pub use request::peer::Peer;
pub use request::target::check;
pub use response::cookie::attributes::{CookieAttributes, SameSite};
pub use response::cookie::rewrite::CookieRewrite;
pub use service::{ResponseFuture, ReverseProxy};
pub use transport::{ServiceTransport, Transport};
pub use tunnel::{HeldByTunnel, Tunnels};
pub use upstream::answered_by::AnsweredBy;
#[cfg(feature = "balance")]
#[cfg_attr(docsrs, doc(cfg(feature = "balance")))]
pub use upstream::discovery::EndpointChange;
#[cfg(feature = "dns")]
#[cfg_attr(docsrs, doc(cfg(feature = "dns")))]
pub use upstream::dns::Dns;
#[cfg(feature = "balance")]
#[cfg_attr(docsrs, doc(cfg(feature = "balance")))]
pub use upstream::endpoint::Endpoint;
#[doc(hidden)]
pub use wire::edits::{_NoTransform, _forbids_transforms};

#[doc(hidden)]
pub use crate::config_error::_key_name;
#[cfg(feature = "tracing")]
#[doc(hidden)]
pub use crate::log::{_LineLimiter, _Shown, _is_secret_name, _masked_path};
#[cfg(feature = "serde")]
#[doc(hidden)]
pub use crate::units::duration::parse as _parse_duration;
#[cfg(feature = "serde")]
#[doc(hidden)]
pub use crate::units::size::option::deserialize as _deserialize_size;

// Bounds that every mount in axum needs.
const _: () = {
    const fn mountable<T: Clone + Send + Sync + 'static>() {}
    const fn error<T: std::error::Error + Send + Sync + 'static>() {}
    mountable::<ReverseProxy>();
    // A service that is shared by its clients has to be: poem's, and layers of tower that share a body.
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<Body>();
    mountable::<Client>();
    error::<ClientError>();
    error::<ProxyError>();
};
