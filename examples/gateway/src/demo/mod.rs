//! The demo, which runs without a configuration: a page, an API and a bucket as three origins, and two gateways that
//! unite two and three of them, so that a browser can compare the setups.
//!
//! Every origin is a port of 127.0.0.1: distinct origins in every browser, with nothing to set up.
//! They are one *site*, though, so that cookies travel between them in every browser; the page says
//! what three real sites would do differently.

mod api;
mod bucket;
mod lab;
mod page;
mod policies;
mod servers;
mod sigv4;
mod token;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use api::{Api, STAGE};
use bucket::Signer;
use lab::Lab;
use page::Page;
use serde::Serialize;
use servers::Servers;

use crate::config::Config;
use crate::routes::Table;
use crate::server::{Listener, Settings, Stop};

/// The address on which the demo listens if it may; its other servers are on the same address.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The time for which the demo waits for requests in flight when it is stopped.
const DRAIN: Duration = Duration::from_secs(2);

type Secret = [u8; 32];
type Error = Box<dyn std::error::Error + Send + Sync>;

/// The origins of the setups, which the page has to know.
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
    servers: Servers,
}

impl Demo {
    /// Binds all ports and serves all but the gateway, which [`Demo::serve`] does.
    pub async fn start(listen: Option<SocketAddr>, stop: Stop) -> Result<Self, Error> {
        let ip = listen.unwrap_or(ADDRESS).ip();
        if !ip.to_canonical().is_loopback() {
            return Err("listen: the demo is for this machine; write a loopback address".into());
        }
        let bind = |address| Listener::bind("listen", address, Settings::plain(DRAIN).fixed());
        let any_port = || bind(SocketAddr::new(ip, 0));
        let listener = match listen {
            Some(address) => bind(address).await?,
            // Somebody else's port 8080 is not a reason to hide the demo.
            None => match bind(ADDRESS).await {
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

        let two_gateway = gateway(&origins.two_config)?;
        let one_gateway = gateway(&origins.one_config)?;
        let service = Api {
            tokens: token::Tokens::new(&secret()?),
            credentials: sigv4::Credentials {
                access_key: "DEMOACCESSKEY".to_owned(),
                secret_key: bucket::hex(&secret()?),
            },
            signer: Signer::new(&secret()?),
            bucket: origins.bucket.clone(),
        };
        let servers = Servers {
            lab: Lab::default(),
            stop,
            api: Arc::new(service),
            pages: [&origins.three, &origins.two, &origins.one].map(Clone::clone),
        };
        servers.spawn_api(api)?;
        servers.spawn_bucket(bucket)?;
        servers.spawn_page(page, Page::new(servers.lab.clone(), origins)?);
        tokio::spawn(servers.clone().serve_gateway(two, two_gateway));
        Ok(Self {
            listener,
            gateway: one_gateway,
            servers,
        })
    }

    /// The address to open.
    pub fn origin(&self) -> std::io::Result<String> {
        self.listener.origin()
    }

    /// Serves until the stop that it was started with.
    pub async fn serve(self) {
        self.servers
            .serve_gateway(self.listener, self.gateway)
            .await;
    }
}

fn gateway(config: &str) -> Result<Arc<Table>, Error> {
    let config = Config::parse(config, "demo", Path::new(""), None)?;
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
