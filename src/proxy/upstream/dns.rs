//! A list of upstreams that follows DNS: each address of a name is an endpoint.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrorKind as Kind};
use crate::proxy::deadline::after;
use crate::proxy::upstream::backoff::pause;
use crate::proxy::upstream::destination::Destination;
use crate::proxy::upstream::discovery::{EndpointChange, EndpointTable};
use crate::proxy::upstream::endpoint::Endpoint;
use crate::proxy::upstream::endpoint_list::{Changes, EndpointList};

/// Settings by which an upstream's name is resolved again and again: [`ProxyBuilder::dns`](crate::proxy::ProxyBuilder::dns).
///
/// # Examples
///
/// ```
/// use same_origin::proxy::{Dns, ReverseProxy};
/// use std::time::Duration;
///
/// # fn main() -> Result<(), same_origin::proxy::ProxyConfigErrors> {
/// let api = ReverseProxy::builder("/api", "http://api.prod.svc.cluster.local:8080")
///     .dns(Dns::default().max_ttl(Duration::from_secs(30)))
///     .build()?;
/// # let _ = api;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[must_use]
pub struct Dns {
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    min_ttl: Duration,
    #[cfg_attr(feature = "serde", serde(with = "crate::units::duration"))]
    max_ttl: Duration,
    ipv6: bool,
    #[cfg_attr(
        feature = "serde",
        serde(deserialize_with = "crate::units::servers::deserialize")
    )]
    servers: Vec<SocketAddr>,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            min_ttl: Duration::from_secs(5),
            max_ttl: Duration::from_secs(300),
            ipv6: true,
            servers: Vec::new(),
        }
    }
}

impl Dns {
    /// The name is not asked for more often than this, however short its records live. Default: 5 s.
    pub fn min_ttl(mut self, floor: Duration) -> Self {
        self.min_ttl = floor;
        self
    }

    /// The name is asked for at least as often as this, however long its records live. Default: 5 min. While it has no
    /// address at all, it is asked for after [`min_ttl`](Self::min_ttl).
    pub fn max_ttl(mut self, ceiling: Duration) -> Self {
        self.max_ttl = ceiling;
        self
    }

    /// Whether AAAA records count, beside A records. Default: `true`. Where IPv6 leads nowhere their
    /// addresses are set aside like any that cannot be connected to, which may take a connect timeout
    /// each.
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.ipv6 = ipv6;
        self
    }

    /// The name servers, each with its port. Default: the system's, with its `hosts` file before them.
    pub fn servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.servers = servers.into_iter().collect();
        self
    }

    /// Checks the settings for an upstream, and makes the changes that follow its name.
    pub(crate) fn changes(
        &self,
        upstream: &Destination,
        written: &str,
        errors: &mut Vec<ProxyConfigError>,
    ) -> Option<Changes> {
        let before = errors.len();
        self.check_times(errors);
        let mut wrong = |kind, remedy: &str| {
            let error = ProxyConfigError::new("upstream", kind, remedy.to_owned());
            errors.push(error.address_at(None, written));
        };
        let host = upstream.host();
        if host.parse::<IpAddr>().is_ok() {
            let remedy = "an address needs no DNS; remove `dns`, or write a name";
            wrong(Kind::Conflict, remedy);
            return None;
        }
        // A search list would make it another name for each reader.
        let name = Name::from_ascii(format!("{}.", host.trim_end_matches('.')));
        let name = name.map_err(|error| {
            wrong(
                Kind::Upstream,
                &format!("write a name of the DNS ({error})"),
            );
        });
        let resolver = self.resolver();
        let resolver = resolver.map_err(|error| {
            let remedy = format!("name the servers in `dns.servers` ({error})");
            errors.push(ProxyConfigError::new("dns", Kind::Dns, remedy));
        });
        if errors.len() > before {
            return None;
        }
        let (name, resolver) = (name.ok()?, resolver.ok()?);
        let port = upstream.port();
        let settings = self.clone();
        Some(Box::new(move |list| {
            let source = Arc::new(Source {
                settings,
                resolver,
                name,
                port,
                due: Default::default(),
                table: Mutex::new(EndpointTable::new(Arc::clone(&list))),
                list,
            });
            Box::new(move || {
                let source = Arc::clone(&source);
                Box::pin(async move { source.follow().await })
            })
        }))
    }

    fn check_times(&self, errors: &mut Vec<ProxyConfigError>) {
        if self.min_ttl.is_zero() {
            let remedy = "write a time above zero";
            let error = ProxyConfigError::new("dns.min_ttl", Kind::OutOfBounds, remedy);
            errors.push(error.address_at(None, "0s"));
        }
        if self.max_ttl < self.min_ttl {
            let remedy = format!("write no less than `min_ttl`, {:?}", self.min_ttl);
            let error = ProxyConfigError::new("dns.max_ttl", Kind::OutOfBounds, remedy);
            errors.push(error.address_at(None, &format!("{:?}", self.max_ttl)));
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        let provider = TokioRuntimeProvider::default();
        let mut builder: ResolverBuilder<_> = if self.servers.is_empty() {
            TokioResolver::builder_tokio()?
        } else {
            let servers = self.servers.iter().map(|server| {
                let ports = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let ports = ports.map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                NameServerConfig::new(server.ip(), true, ports.into())
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            let mut builder = TokioResolver::builder_with_config(config, provider);
            builder.options_mut().use_hosts_file = ResolveHosts::Never;
            builder
        };
        // Each answer is remembered here, for as long as it says.
        let options: &mut ResolverOpts = builder.options_mut();
        options.cache_size = 0;
        builder.build()
    }
}

/// A name, and the addresses that are known of it.
struct Source {
    settings: Dns,
    resolver: TokioResolver,
    name: Name,
    port: u16,
    /// The time of the next question for each family, IPv4 last.
    due: [Mutex<Option<tokio::time::Instant>>; 2],
    table: Mutex<EndpointTable<SocketAddr>>,
    list: Arc<EndpointList>,
}

/// The addresses of one family, and how long they are good for.
type Answer = (Vec<SocketAddr>, Duration);

impl Source {
    /// Both families by themselves, each with its own TTL and its own failures: many a server answers
    /// for A and is silent for AAAA.
    async fn follow(&self) {
        let other = async {
            if self.settings.ipv6 {
                self.family(RecordType::AAAA).await;
            }
        };
        tokio::join!(self.family(RecordType::A), other);
    }

    async fn family(&self, family: RecordType) {
        let mut known = self.known(family);
        let mut failures = 0;
        let due = || {
            let due = &self.due[usize::from(family == RecordType::A)];
            due.lock().unwrap_or_else(PoisonError::into_inner)
        };
        // Not anew for each runtime.
        let next = *due();
        if let Some(next) = next {
            self.wait_until(next).await;
        }
        // Until then requests wait, unless the other family was faster.
        let mut first = Some(self.list.first_lookup());
        loop {
            let wait = match self.ask(family).await {
                Ok((addresses, ttl)) => {
                    failures = 0;
                    self.update(&mut known, addresses);
                    ttl.clamp(self.settings.min_ttl, self.settings.max_ttl)
                }
                Err(error) => {
                    report(&self.name, family, &error);
                    failures += 1;
                    pause(failures - 1).min(self.settings.max_ttl.max(pause(0)))
                }
            };
            first.take();
            let next = after(tokio::time::Instant::now(), wait);
            *due() = Some(next);
            self.wait_until(next).await;
        }
    }

    /// Waits for the next question; for `min_ttl` at most while no address of either family is known, since until then
    /// nobody is answered. How long the name server keeps in mind that there is none (RFC 2308 5) is its own business.
    async fn wait_until(&self, next: tokio::time::Instant) {
        let short = self.settings.min_ttl.max(pause(0));
        loop {
            let soon = after(tokio::time::Instant::now(), short);
            tokio::time::sleep_until(next.min(soon)).await;
            if next <= soon || self.list.is_empty() {
                return;
            }
        }
    }

    /// The addresses of a family that are in the list already: it went on in a runtime that has ended.
    fn known(&self, family: RecordType) -> Vec<SocketAddr> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of_it = |address: &&SocketAddr| address.is_ipv4() == (family == RecordType::A);
        table.keys().filter(is_of_it).copied().collect()
    }

    /// An answer that there are no addresses is an answer: the name, or this family of it, is gone. An
    /// error says nothing, so what was known stays.
    async fn ask(&self, family: RecordType) -> Result<Answer, NetError> {
        match self.resolver.lookup(self.name.clone(), family).await {
            Ok(lookup) => {
                let ips = lookup.answers().iter().filter_map(|one| one.data.ip_addr());
                let addresses = ips.map(|ip| SocketAddr::new(ip, self.port)).collect();
                let until = lookup.valid_until();
                Ok((addresses, until.saturating_duration_since(Instant::now())))
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let ttl = none.negative_ttl.unwrap_or_default();
                Ok((Vec::new(), Duration::from_secs(ttl.into())))
            }
            Err(error) => Err(error),
        }
    }

    fn update(&self, known: &mut Vec<SocketAddr>, addresses: Vec<SocketAddr>) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        for address in known.iter().filter(|known| !addresses.contains(known)) {
            table.apply(EndpointChange::Remove(*address));
        }
        for &address in &addresses {
            table.apply(EndpointChange::Insert(address, Endpoint::at(address)));
        }
        table.publish();
        *known = addresses;
    }
}

/// Tells of a look-up that failed, where somebody listens.
fn report(name: &Name, family: RecordType, error: &NetError) {
    #[cfg(feature = "tracing")]
    tracing::warn!(%name, %family, %error, "the upstream's name could not be resolved");
    #[cfg(not(feature = "tracing"))]
    let _ = (name, family, error);
}
