//! What runs without a configuration: a page, an API and a bucket as three origins, and two gateways
//! that unite two and three of them, so that a browser can compare the setups.
//!
//! Every origin is a port of 127.0.0.1: distinct origins in every browser, with nothing to set up.
//! They are one *site*, though, so that cookies travel between them in every browser; the page says
//! what three real sites would do differently.

mod api;
mod bucket;
mod lab;
mod page;
mod policies;
mod sigv4;
mod token;

use crate::config::Config;
use crate::routes::Table;
use crate::server::{Listener, Stop, serve};
use api::{Api, STAGE};
use bucket::Signer;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use lab::{Lab, Server};
use page::Page;
use policies::ByPolicy;
use serde::Serialize;
use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower::service_fn;

/// Where the demo listens if it may; its other servers are on the same address.
const ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// The largest request body that a server of the demo reads.
const BODY: usize = 64 * 1024;
/// How long the demo waits for requests in flight when it is stopped.
const DRAIN: Duration = Duration::from_secs(2);

type Secret = [u8; 32];
type Error = Box<dyn std::error::Error + Send + Sync>;

/// What the page has to know of the setups.
#[derive(Clone, Serialize)]
struct Origins {
    /// The page's origin in each setup.
    three: String,
    two: String,
    one: String,
    api: String,
    bucket: String,
    stage: &'static str,
    /// The configurations of the gateways, as their users would write them.
    two_config: String,
    one_config: String,
}

/// The demo's gateway, ready to serve, and the other servers beside it.
pub struct Demo {
    listener: Listener,
    gateway: Arc<Table>,
    lab: Lab,
}

impl Demo {
    /// Binds all ports and serves all but the gateway, which [`Demo::serve`] does.
    pub async fn start(listen: Option<SocketAddr>, stop: &Stop) -> Result<Self, Error> {
        let ip = listen.unwrap_or(ADDRESS).ip();
        if !ip.is_loopback() {
            return Err("listen: the demo is for this machine; write a loopback address".into());
        }
        let any_port = || Listener::bind(SocketAddr::new(ip, 0), None);
        let listener = match listen {
            Some(address) => Listener::bind(address, None).await?,
            // Somebody else's port 8080 is no reason not to show the demo.
            None => match Listener::bind(ADDRESS, None).await {
                Ok(listener) => listener,
                Err(_taken) => any_port().await?,
            },
        };
        let (page, two) = (any_port().await?, any_port().await?);
        let (api, bucket) = (any_port().await?, any_port().await?);
        let mut origins = Origins {
            three: page.origin()?,
            two: two.origin()?,
            one: listener.origin()?,
            api: api.origin()?,
            bucket: bucket.origin()?,
            stage: STAGE,
            two_config: String::new(),
            one_config: String::new(),
        };
        origins.two_config = two_config(&origins);
        origins.one_config = one_config(&origins);

        let lab = Lab::default();
        let two_gateway = gateway(&origins.two_config)?;
        let one_gateway = gateway(&origins.one_config)?;
        let pages = [&origins.three, &origins.two, &origins.one].map(Clone::clone);
        let service = Arc::new(Api {
            tokens: token::Tokens::new(&secret()?),
            credentials: sigv4::Credentials {
                access_key: "DEMOACCESSKEY".to_owned(),
                secret_key: bucket::hex(&secret()?),
            },
            signer: Signer::new(&secret()?),
            bucket: origins.bucket.clone(),
        });

        spawn_api(api, &service, &pages, &lab, stop)?;
        spawn_bucket(bucket, &service, &pages, &lab, stop)?;
        spawn_page(page, &service, origins, &lab, stop)?;
        tokio::spawn(serve_gateway(two, two_gateway, lab.clone(), stop.clone()));
        Ok(Self {
            listener,
            gateway: one_gateway,
            lab,
        })
    }

    /// The address to open.
    pub fn origin(&self) -> std::io::Result<String> {
        self.listener.origin()
    }

    pub async fn serve(self, stop: Stop) {
        serve_gateway(self.listener, self.gateway, self.lab, stop).await;
    }
}

async fn serve_gateway(listener: Listener, table: Arc<Table>, lab: Lab, stop: Stop) {
    let handle = move |request| {
        let table = table.clone();
        let answer = move |request| async move { table.answer(request).await };
        lab.clone().watch(Server::Gateway, request, answer)
    };
    serve(listener, handle, stop, DRAIN).await;
}

fn spawn_page(
    listener: Listener,
    api: &Arc<Api>,
    origins: Origins,
    lab: &Lab,
    stop: &Stop,
) -> Result<(), Error> {
    let page = Arc::new(Page::new(lab.clone(), origins)?);
    let (api, lab) = (api.clone(), lab.clone());
    let handle = move |request| {
        let (page, api) = (page.clone(), api.clone());
        let answer = move |request| async move {
            match read(request).await {
                Ok(request) => page.answer(&api, &request),
                Err(refused) => refused,
            }
        };
        lab.clone().watch(Server::Page, request, answer)
    };
    tokio::spawn(serve(listener, handle, stop.clone(), DRAIN));
    Ok(())
}

fn spawn_api(
    listener: Listener,
    api: &Arc<Api>,
    pages: &[String],
    lab: &Lab,
    stop: &Stop,
) -> Result<(), Error> {
    let inner = api.clone();
    let service = service_fn(move |request: Request<()>| {
        let (_policy, path) = below_stage(&request).unwrap_or_default();
        ready(Ok::<_, Infallible>(inner.answer(path, &request)))
    });
    let policies = ByPolicy::new(&service, pages)?;
    let (api, lab) = (api.clone(), lab.clone());
    let handle = move |request| {
        let (api, policies) = (api.clone(), policies.clone());
        let answer = move |request| async move {
            let request = match read(request).await {
                Ok(request) => request,
                Err(refused) => return refused,
            };
            let Some((policy, _)) = below_stage(&request) else {
                return not_found();
            };
            // The mistake that the page shows: the token is asked for in front of CORS, so the 401
            // has no CORS headers, and a preflight, which never has a token, gets one too.
            if policy == "token-first" {
                let refused = api.signed_in(&request, |_| Response::default());
                if !refused.status().is_success() {
                    return refused;
                }
                return policies
                    .call("any", request)
                    .await
                    .unwrap_or_else(not_found);
            }
            let policy = policy.to_owned();
            policies
                .call(&policy, request)
                .await
                .unwrap_or_else(not_found)
        };
        lab.clone().watch(Server::Api, request, answer)
    };
    tokio::spawn(serve(listener, handle, stop.clone(), DRAIN));
    Ok(())
}

/// The policy's name and what follows it in `/prod/policy/what/follows`.
fn below_stage<B>(request: &Request<B>) -> Option<(&str, &str)> {
    let path = request.uri().path().strip_prefix(STAGE)?;
    path.strip_prefix('/')?.split_once('/')
}

fn spawn_bucket(
    listener: Listener,
    api: &Arc<Api>,
    pages: &[String],
    lab: &Lab,
    stop: &Stop,
) -> Result<(), Error> {
    let api = api.clone();
    let service = service_fn(move |request: Request<()>| {
        ready(Ok::<_, Infallible>(bucket::answer(&api.signer, &request)))
    });
    let policies = ByPolicy::new(&service, pages)?;
    let lab = lab.clone();
    let handle = move |request| {
        let policies = policies.clone();
        let answer = move |request| async move {
            let request = match read(request).await {
                Ok(request) => request,
                Err(refused) => return refused,
            };
            let policy = request.uri().path().split('/').nth(1).map(str::to_owned);
            let policy = policy.unwrap_or_default();
            policies
                .call(&policy, request)
                .await
                .unwrap_or_else(not_found)
        };
        lab.clone().watch(Server::Bucket, request, answer)
    };
    tokio::spawn(serve(listener, handle, stop.clone(), DRAIN));
    Ok(())
}

/// The request without its body, once that has arrived; no endpoint of the demo looks into it.
async fn read(request: Request<Incoming>) -> Result<Request<()>, Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    match Limited::new(body, BODY).collect().await {
        Ok(_body) => Ok(Request::from_parts(head, ())),
        Err(_) => {
            let why = serde_json::json!({ "error": "the body is too large or was cut" });
            Err(reply(StatusCode::PAYLOAD_TOO_LARGE, &why))
        }
    }
}

fn reply(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Each run is to see the servers, not a cache.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn not_found() -> Response<Full<Bytes>> {
    reply(
        StatusCode::NOT_FOUND,
        &serde_json::json!({ "error": "not found" }),
    )
}

fn gateway(config: &str) -> Result<Arc<Table>, Error> {
    let config = Config::parse(config, Path::new(""))?;
    Ok(Arc::new(config.table))
}

/// The gateway of the two-domain setup: the bucket stays where it is.
fn two_config(origins: &Origins) -> String {
    let Origins {
        three: page, api, ..
    } = origins;
    format!(
        r#"[[routes]]
prefix = "/api"
upstream = "{api}{STAGE}"

[[routes]]
prefix = "/"
upstream = "{page}"
"#
    )
}

/// The gateway of the one-domain setup.
fn one_config(origins: &Origins) -> String {
    let Origins {
        three: page,
        api,
        bucket,
        ..
    } = origins;
    format!(
        r#"[[routes]]
prefix = "/api"
upstream = "{api}{STAGE}"

[[routes]]
prefix = "/bucket"
upstream = "{bucket}"
remove_request_headers = ["authorization", "cookie"]

[[routes]]
prefix = "/"
upstream = "{page}"
"#
    )
}

fn secret() -> Result<Secret, Error> {
    let mut secret = Secret::default();
    let random = rustls::crypto::ring::default_provider().secure_random;
    random
        .fill(&mut secret)
        .map_err(|_| "the system has no randomness")?;
    Ok(secret)
}

fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
