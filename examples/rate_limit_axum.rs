//! How does a rate limit by `tower_governor` give each client a bucket of its own behind a balancer?
//!
//!     cargo run --example rate_limit_axum
//!     for i in 1 2 3 4; do curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:3000/; done     # 200 200 200 429
//!     curl -i -H 'x-forwarded-for: 203.0.113.7' http://127.0.0.1:3000/                              # another client: 200
//!
//! By the peer's address everybody behind the balancer would share one bucket; by `X-Forwarded-For` as it comes
//! everybody could have a new one with each request. `ClientAddr` believes the field of trusted peers alone.
//!
//! Elsewhere it needs `axum`, `governor`, `http`, `ipnet`, `tower_governor` and `tokio` (`macros`, `net`, `rt-multi-thread`,
//! `time`).

use std::error::Error;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use governor::middleware::NoOpMiddleware;
use ipnet::IpNet;
use same_origin::proxy::{ClientAddr, Peer};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_governor::governor::{GovernorConfigBuilder, SharedRateLimiter};
use tower_governor::key_extractor::KeyExtractor;
use tower_governor::{GovernorError, GovernorLayer};

/// Peers whose word on the client is taken.
type Trusted = Arc<[IpNet]>;

/// Leaves the client's address in the extensions of a request, for every layer inside.
async fn find_client(
    State(trusted): State<Trusted>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = ClientAddr::derive(&Peer::new(peer), request.headers(), &trusted);
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// A bucket for each address of IPv4, and for each network of 64 bits of IPv6, which is what a site has.
#[derive(Clone)]
struct ByClient;

impl KeyExtractor for ByClient {
    type Key = IpAddr;

    fn extract<T>(&self, request: &http::Request<T>) -> Result<IpAddr, GovernorError> {
        let client = request.extensions().get::<ClientAddr>();
        let client = client.ok_or(GovernorError::UnableToExtractKey)?;
        Ok(match client.ip() {
            IpAddr::V4(ip) => ip.into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        })
    }
}

fn app(trusted: Trusted) -> Result<Router, Box<dyn Error>> {
    let mut limit = GovernorConfigBuilder::default().key_extractor(ByClient);
    let limit = limit.per_second(60).burst_size(3).finish();
    let limit = limit.ok_or("a quota is above zero")?;
    tokio::spawn(forget(Arc::clone(limit.limiter())));
    // Outermost what finds the client. A `CorsLayer` belongs between the two, so that pages can read a 429.
    Ok(Router::new()
        .route("/", get(async || "hello\n"))
        .layer(GovernorLayer::new(limit))
        .layer(from_fn_with_state(trusted, find_client)))
}

/// Forgets every minute the clients whose buckets are full again. Else there would be one for each address that ever
/// came.
async fn forget(buckets: SharedRateLimiter<IpAddr, NoOpMiddleware>) {
    loop {
        sleep(Duration::from_secs(60)).await;
        buckets.retain_recent();
        buckets.shrink_to_fit();
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(["127.0.0.0/8".parse()?].into())?;
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, app).await?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn clients_behind_a_trusted_balancer_have_buckets_of_their_own() {
        let app = app(["10.0.0.0/8".parse().unwrap()].into()).unwrap();
        let get = async |peer: [u8; 4], client: &str| {
            let mut request = Request::get("/").header("x-forwarded-for", client);
            let peer = ConnectInfo(SocketAddr::from((peer, 4000)));
            request.extensions_mut().unwrap().insert(peer);
            let request = request.body(Body::empty()).unwrap();
            app.clone()
                .oneshot(request)
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        let balancer = [10, 0, 0, 1];
        for _ in 0..3 {
            assert_eq!(get(balancer, "203.0.113.1").await, 200);
        }
        assert_eq!(get(balancer, "203.0.113.1").await, 429);
        assert_eq!(get(balancer, "203.0.113.2").await, 200);
        // Of a peer that is not trusted, the field is worth nothing.
        for client in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
            assert_eq!(get([192, 0, 2, 1], client).await, 200);
        }
        assert_eq!(get([192, 0, 2, 1], "4.4.4.4").await, 429);
    }

    #[tokio::test(start_paused = true)]
    async fn clients_are_forgotten_when_their_buckets_are_full() {
        let mut limit = GovernorConfigBuilder::default().key_extractor(ByClient);
        let limit = limit.per_millisecond(1).burst_size(3).finish().unwrap();
        let buckets = Arc::clone(limit.limiter());
        for client in 0..1000 {
            let _ = buckets.check_key(&IpAddr::V4(Ipv4Addr::from_bits(client)));
        }
        assert_eq!(buckets.len(), 1000);
        // The clock of the buckets is not tokio's.
        std::thread::sleep(Duration::from_millis(20));
        let task = tokio::spawn(forget(Arc::clone(&buckets)));
        sleep(Duration::from_secs(61)).await;
        assert_eq!(buckets.len(), 0);
        task.abort();
    }
}
