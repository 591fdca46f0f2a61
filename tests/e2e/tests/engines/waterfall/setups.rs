//! The same page, API and bucket: on three origins, and behind one.

use std::net::SocketAddr;
use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use same_origin::cors::{Any, CorsBuilder, CorsLayer, CorsPolicy};

use super::relay::Relay;
use crate::browsers::chromium::Chromium;
use crate::gateway::{ORIGIN, gateway};
use crate::identity::Identity;
use crate::process::Process;
use crate::server::Server;
use crate::support::world::World;
use crate::upstreams::api::{self, Api};
use crate::upstreams::bucket::{Bucket, Signer};
use crate::upstreams::{API, BUCKET, Upstreams};

const API_ORIGIN: &str = "https://api.test";
const BUCKET_ORIGIN: &str = "https://bucket.test";

/// The setups: page, API and bucket on three origins, two or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    One,
    Three,
    /// With `credentials: 'include'` on each request, as many API clients set it for all.
    ThreeWithCredentials,
}

impl Setup {
    pub const ALL: [Self; 3] = [Self::One, Self::Three, Self::ThreeWithCredentials];

    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one origin",
            Self::Three => "three origins",
            Self::ThreeWithCredentials => "three origins, `credentials: 'include'`",
        }
    }

    pub fn credentials(self) -> &'static str {
        match self {
            Self::One | Self::Three => "same-origin",
            Self::ThreeWithCredentials => "include",
        }
    }

    /// The prefixes that the page puts before the paths of the API and of the bucket.
    pub fn bases(self) -> [String; 2] {
        match self {
            Self::One => ["/api".to_owned(), "/files".to_owned()],
            Self::Three | Self::ThreeWithCredentials => [
                format!("{API_ORIGIN}{}", api::BASE),
                BUCKET_ORIGIN.to_owned(),
            ],
        }
    }

    /// The policies of the API and of the bucket: as little as lets the page do its work.
    fn policies(self) -> [CorsBuilder; 2] {
        let page = || CorsPolicy::builder().allow_origins([ORIGIN]);
        let [api, bucket] = match self {
            Self::One | Self::Three => [page(), CorsPolicy::builder().allow_origins(Any)],
            Self::ThreeWithCredentials => [
                page().allow_credentials(true),
                // Redirected to it, the page is `null`. The bucket trusts in signatures alone.
                page()
                    .allow_null_origin(true)
                    .allow_credentials(true)
                    .dangerously_allow_credentialed_null_origin(true),
            ],
        };
        let day = Duration::from_secs(86400);
        [
            api.allow_methods([Method::PUT, Method::DELETE])
                .allow_headers([AUTHORIZATION, CONTENT_TYPE])
                .max_age(day),
            bucket
                .allow_methods([Method::PUT])
                .allow_headers([CONTENT_TYPE])
                .max_age(day),
        ]
    }
}

/// Servers at a distance, and the browser.
pub struct Far {
    pub browser: Chromium,
    pub signer: Signer,
    /// The requests that have arrived at API and bucket.
    pub log: World,
    _gateway: Process,
    _upstreams: Upstreams,
    _servers: Vec<Server>,
    _relays: Vec<Relay>,
    _folder: tempfile::TempDir,
}

impl Far {
    /// All speak HTTP/2 over TLS. The page comes from the gateway in any case.
    pub async fn start(setup: Setup, one_way: Duration) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let upstreams = Upstreams::start();
        let identity = Identity::new(&["app.test"]);
        let gateway = gateway(&upstreams, &identity, folder.path());
        let mut far = Distance::new(one_way);
        far.add("app.test", &identity, gateway.address()).await;

        let (mut log, mut signer) = (upstreams.log.clone(), upstreams.bucket.signer.clone());
        let mut servers = Vec::new();
        if setup != Setup::One {
            let bucket = Bucket::new();
            signer = bucket.signer.clone();
            let api = Api::new(API_ORIGIN, BUCKET_ORIGIN, signer.clone());
            let [for_api, for_bucket] = setup.policies().map(|policy| {
                let policy: CorsPolicy = policy.build().expect("a sound policy");
                CorsLayer::from(policy)
            });
            log = World::default()
                .site(API, api.router().layer(for_api))
                .site(BUCKET, bucket.router().layer(for_bucket));
            for (site, host) in [(API, "api.test"), (BUCKET, "bucket.test")] {
                let identity = Identity::new(&[host]);
                let tls = identity.acceptor(&["h2", "http/1.1"]);
                let server = Server::start(log.sites[site].clone(), Some(tls)).await;
                far.add(host, &identity, server.address).await;
                servers.push(server);
            }
        }
        Self {
            browser: Chromium::start_watched(far.chromium_args()).await,
            signer,
            log,
            _gateway: gateway,
            _upstreams: upstreams,
            _servers: servers,
            _relays: far.relays,
            _folder: folder,
        }
    }
}

/// The address of each host.
struct Distance {
    one_way: Duration,
    relays: Vec<Relay>,
    rules: Vec<String>,
    pins: Vec<String>,
}

impl Distance {
    fn new(one_way: Duration) -> Self {
        Self {
            one_way,
            relays: Vec::new(),
            rules: Vec::new(),
            pins: Vec::new(),
        }
    }

    async fn add(&mut self, host: &str, identity: &Identity, server: SocketAddr) {
        let relay = Relay::start(server, self.one_way).await;
        self.rules.push(format!("MAP {host} {}", relay.address));
        self.pins.push(identity.pin());
        self.relays.push(relay);
    }

    fn chromium_args(&self) -> [String; 2] {
        [
            format!("--host-resolver-rules={}", self.rules.join(",")),
            format!(
                "--ignore-certificate-errors-spki-list={}",
                self.pins.join(",")
            ),
        ]
    }
}
