//! From settings to a plan: every check first, then everything that can be made once.

use crate::proxy::body::download::Downloads;
use crate::proxy::client::ClientBuildError;
use crate::proxy::config::address::{check_prefix, check_upstream};
use crate::proxy::config::builder::{OneOrMany, ProxyBuilder};
use crate::proxy::config::error::{
    ProxyConfigError, ProxyConfigErrorKind as Kind, ProxyConfigErrors,
};
use crate::proxy::config::fields::{self, Head};
use crate::proxy::config::settings::{Limits, Timeouts};
#[cfg(feature = "balance")]
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::{Mount, Origins, PathMap};
use crate::proxy::plan::{Plan, TunnelPlan};
use crate::proxy::request::RequestRules;
use crate::proxy::request::forwarded::Forwarding;
use crate::proxy::request::origin::OriginRule;
use crate::proxy::response::ResponseRules;
use crate::proxy::response::error_page::ErrorPage;
use crate::proxy::share::{ShareRules, Shares};
use crate::proxy::trace::FailureLog;
use crate::proxy::tunnel::TunnelSlots;
#[cfg(feature = "balance")]
use crate::proxy::upstream::balance::Balancer;
#[cfg(feature = "balance")]
use crate::proxy::upstream::endpoint_list::{Discovery, EndpointList};
use crate::proxy::upstream::upstreams::Upstreams;
use crate::proxy::upstream::{Changes, Upstream};
use crate::proxy::wire::MOST_LINES;
use crate::proxy::wire::edits::FieldEdits;
use crate::proxy::wire::via::Via;
use ipnet::{IpNet, Ipv4Net};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// With less room for a head every response would be too large.
const LEAST_HEAD: u32 = 1024;

/// Settings without a problem, compiled.
pub(super) struct Compiled {
    pub(super) plan: Arc<Plan>,
    #[cfg(feature = "tls")]
    pub(super) upstreams: Vec<Upstream>,
    /// The TLS configuration by files, if files are named.
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
}

/// The client that will carry the requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ClientChoice {
    /// One that is built by the same settings.
    Own,
    /// One that is given, which knows its connections and their TLS itself.
    Given,
}

/// Checks everything, and compiles it. `changes` feed the list of upstreams, if it is one that changes.
pub(super) fn compile(
    settings: &ProxyBuilder,
    changes: Option<Changes>,
    client: ClientChoice,
) -> Result<Compiled, ProxyConfigErrors> {
    let mut check = Check {
        settings,
        errors: Vec::new(),
    };
    check.prefix();
    let upstreams = check.upstreams();
    check.rewrite_origin(&upstreams);
    let changes = check.changes(changes, &upstreams);
    let request = check.edits(
        Head::Request,
        &settings.remove_request_headers,
        &settings.set_request_headers,
    );
    let response = check.edits(
        Head::Response,
        &settings.remove_response_headers,
        &settings.set_response_headers,
    );
    let (timeouts, limits) = (&settings.timeouts, &settings.limits);
    check.errors.extend(out_of_bounds(timeouts, limits));
    check.via();
    #[cfg(feature = "tls")]
    let tls = check.tls(client);
    #[cfg(not(feature = "tls"))]
    let _ = client;
    let Some(first) = upstreams.first().filter(|_| check.errors.is_empty()) else {
        return Err(ProxyConfigErrors::new(check.errors));
    };
    let plan = plan(settings, first, &upstreams, changes, (request, response));
    Ok(Compiled {
        plan: Arc::new(plan),
        #[cfg(feature = "tls")]
        upstreams,
        #[cfg(feature = "tls")]
        tls,
    })
}

/// The plan of settings without a problem.
fn plan(
    settings: &ProxyBuilder,
    first: &Upstream,
    upstreams: &[Upstream],
    changes: Option<Changes>,
    edits: (FieldEdits, FieldEdits),
) -> Plan {
    let (request, response) = edits;
    let withheld = Arc::clone(response.removed());
    let base = &*first.base;
    let (base, stripped) = if settings.keep_prefix {
        let base = [base.trim_end_matches('/'), settings.prefix.as_str()].concat();
        (base, "")
    } else {
        (base.to_owned(), settings.prefix.trim_end_matches('/'))
    };
    let destinations = upstreams.iter().map(|one| one.destination.clone());
    let mount = Arc::new(Mount {
        map: PathMap::new(&settings.prefix, &base),
        origins: Origins::new(destinations.collect()),
    });
    let list = list(settings, changes, first, upstreams, &mount.origins);
    let is_secure = first.destination.protocol().is_tls();
    let via = Arc::new(Via::new(&settings.via));
    let forwarding = Forwarding::new(settings.forwarding.clone(), stripped);
    let told_prefix = forwarding.told_prefix().map(Box::from);
    Plan {
        request: RequestRules {
            mount: Arc::clone(&mount),
            preserve_host: settings.preserve_host,
            rewrite_origin: settings.rewrite_origin.then(|| OriginRule::new(is_secure)),
            edits: request,
            refuse_unexpected_content: settings.refuse_unexpected_content,
            forwarding,
            trusted_proxies: settings.trusted_proxies.iter().map(canonical).collect(),
            via: Arc::clone(&via),
            max_body: settings.limits.request_body,
            map_request: settings.shared.map_request.clone(),
        },
        response: ResponseRules {
            mount,
            mounts: settings.shared.mounts.clone(),
            rewrite_location: settings.rewrite_location,
            rewrite_cookies: settings.rewrite_cookies,
            told_prefix,
            edits: response,
            via: Arc::clone(&via),
        },
        error_page: ErrorPage {
            via,
            map_error: settings.shared.map_error.clone(),
        },
        upstreams: list,
        shares: Shares::new(ShareRules {
            in_flight: settings.limits.in_flight,
            waiting: settings.limits.waiting,
            client: settings.limits.client_share,
            connection: settings.limits.connection_share,
            wait: settings.timeouts.connect,
        }),
        response_timeout: settings.timeouts.response,
        client_timeout: settings.timeouts.client,
        downloads: Downloads::new(settings.timeouts.client, withheld),
        failures: Arc::new(FailureLog::new(&settings.prefix)),
        tunnels: TunnelPlan {
            open: settings.shared.tunnels.clone(),
            slots: TunnelSlots::new(settings.limits.tunnels, settings.limits.client_share),
            idle: settings.timeouts.tunnel,
        },
    }
}

/// The list that requests choose from; a single upstream that stays has no list around it.
#[cfg(feature = "balance")]
fn list(
    settings: &ProxyBuilder,
    changes: Option<Changes>,
    first: &Upstream,
    all: &[Upstream],
    origins: &Origins,
) -> Upstreams {
    if let Some(changes) = changes {
        let list = EndpointList::new(first.clone(), origins.clone());
        let patience = settings.timeouts.connect;
        let discovery = Discovery::new(list, changes, patience, why_empty(settings));
        return Upstreams::Several(Balancer::changing(discovery));
    }
    match all {
        [_] => Upstreams::one(first.clone()),
        _ => Upstreams::Several(Balancer::fixed(all.to_vec())),
    }
}

#[cfg(not(feature = "balance"))]
fn list(
    _: &ProxyBuilder,
    _: Option<Changes>,
    only: &Upstream,
    _: &[Upstream],
    _: &Origins,
) -> Upstreams {
    Upstreams::one(only.clone())
}

/// The error of a request for which a list that changes has no upstream.
#[cfg(feature = "balance")]
fn why_empty(settings: &ProxyBuilder) -> ProxyErrorKind {
    #[cfg(feature = "dns")]
    if settings.dns.is_some() {
        return ProxyErrorKind::Dns;
    }
    let _ = settings;
    ProxyErrorKind::NoUpstream
}

/// The error of a client that cannot be built although its timeouts and limits are sound.
pub(super) fn unusable_client(error: ClientBuildError) -> ProxyConfigErrors {
    match error {
        ClientBuildError::Bounds(errors) => errors,
        other => {
            let error = ProxyConfigError::new("upstream", Kind::Tls, other.to_string());
            ProxyConfigErrors::new(vec![error])
        }
    }
}

/// Timeouts and limits that a proxy or a client cannot work with.
pub(crate) fn out_of_bounds(timeouts: &Timeouts, limits: &Limits) -> Vec<ProxyConfigError> {
    let mut errors = Vec::new();
    let mut wrong = |key: &'static str, value: String, remedy: Cow<'static, str>| {
        errors.push(ProxyConfigError::new(key, Kind::OutOfBounds, remedy).value_at(None, value));
    };
    for (key, time) in [
        ("timeouts.connect", timeouts.connect),
        ("timeouts.response", timeouts.response),
        ("timeouts.idle", timeouts.idle),
        ("timeouts.tunnel", timeouts.tunnel),
        ("timeouts.client", timeouts.client),
        ("limits.connection_age", limits.connection_age),
    ] {
        if time.is_zero() {
            wrong(key, "0s".to_owned(), "write a time above zero".into());
        }
    }
    for (key, count) in [
        ("limits.in_flight", limits.in_flight),
        ("limits.tunnels", limits.tunnels),
    ] {
        match count {
            0 => wrong(key, count.to_string(), "write at least 1".into()),
            1..=Semaphore::MAX_PERMITS => {}
            _ => {
                let remedy = format!("write at most {}", Semaphore::MAX_PERMITS);
                wrong(key, count.to_string(), remedy.into());
            }
        }
    }
    for (key, share) in [
        ("limits.client_share", limits.client_share),
        ("limits.connection_share", limits.connection_share),
    ] {
        // Written so that what is not a number is refused, too.
        if !(share > 0.0 && share <= 1.0) {
            let remedy = "write a share above 0 and at most 1.0, which is no bound";
            wrong(key, share.to_string(), remedy.into());
        }
    }
    if limits.response_head < LEAST_HEAD {
        let remedy = format!("write at least {LEAST_HEAD}");
        let value = limits.response_head.to_string();
        wrong("limits.response_head", value, remedy.into());
    }
    let fields = limits.response_fields;
    if !(1..=MOST_LINES).contains(&fields) {
        let remedy = format!("write a number from 1 to {MOST_LINES}");
        wrong("limits.response_fields", fields.to_string(), remedy.into());
    }
    errors
}

/// Reads the settings one by one and notes what is wrong.
struct Check<'a> {
    settings: &'a ProxyBuilder,
    errors: Vec<ProxyConfigError>,
}

impl Check<'_> {
    fn refuse(&mut self, error: ProxyConfigError) {
        self.errors.push(error);
    }

    fn prefix(&mut self) {
        let prefix = self.settings.prefix.as_str();
        if let Err((kind, remedy)) = check_prefix(prefix) {
            self.refuse(ProxyConfigError::new("prefix", kind, remedy).value_at(None, prefix));
        }
    }

    fn upstreams(&mut self) -> Vec<Upstream> {
        let (texts, is_list) = match &self.settings.upstream {
            OneOrMany::One(text) => (std::slice::from_ref(text), false),
            OneOrMany::Many(texts) => (texts.as_slice(), true),
        };
        if texts.is_empty() {
            let remedy = "name at least one upstream";
            self.refuse(ProxyConfigError::new("upstream", Kind::Empty, remedy));
        }
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            match check_upstream(text, &upstreams) {
                Ok(upstream) => upstreams.push(upstream),
                Err((kind, remedy)) => {
                    let error = ProxyConfigError::new("upstream", kind, remedy);
                    self.refuse(error.value_at(is_list.then_some(index), text));
                }
            }
        }
        upstreams
    }

    fn rewrite_origin(&mut self, upstreams: &[Upstream]) {
        let has = |is_secure| {
            upstreams
                .iter()
                .any(|one| one.destination.protocol().is_tls() == is_secure)
        };
        if self.settings.rewrite_origin && has(true) && has(false) {
            let remedy =
                "write the same scheme for all upstreams, which then have one kind of origin";
            self.refuse(ProxyConfigError::new(
                "rewrite_origin",
                Kind::Conflict,
                remedy,
            ));
        }
    }

    /// The changes that feed the list of upstreams, if it is one that changes.
    fn changes(&mut self, changes: Option<Changes>, upstreams: &[Upstream]) -> Option<Changes> {
        #[cfg(feature = "dns")]
        let changes = match (&self.settings.dns, changes, upstreams.first()) {
            (Some(_), Some(_), _) => {
                let remedy = "the endpoints are discovered already; remove one of the two";
                self.refuse(ProxyConfigError::new("dns", Kind::Conflict, remedy));
                None
            }
            (Some(dns), None, Some(first)) => dns.changes(&first.destination, &mut self.errors),
            (_, changes, _) => changes,
        };
        if let (Some(_), [_, second, ..]) = (&changes, upstreams) {
            let remedy = "endpoints are those of one upstream; name the service alone";
            let error = ProxyConfigError::new("upstream", Kind::Conflict, remedy);
            self.refuse(error.value_at(1, second.destination.authority().as_str()));
        }
        changes
    }

    fn edits(
        &mut self,
        head: Head,
        remove: &[String],
        set: &BTreeMap<String, String>,
    ) -> FieldEdits {
        fields::edits(head, remove, set, &mut self.errors)
    }

    fn via(&mut self) {
        let name = self.settings.via.as_str();
        if !is_via_name(name) {
            let remedy = "write a token that begins with a letter or `*`, or host:port \
                          (RFC 9110 5.6.2, RFC 9651 3.3.4)";
            self.refuse(ProxyConfigError::new("via", Kind::ViaName, remedy).value_at(None, name));
        }
    }

    #[cfg(feature = "tls")]
    fn tls(&mut self, client: ClientChoice) -> Option<Arc<rustls::ClientConfig>> {
        let tls = self.settings.upstream_tls.as_ref()?;
        if client == ClientChoice::Given {
            // It would have no effect, and whoever set it would think that it has.
            let remedy = "set TLS on the client that is given, as `ClientBuilder::tls_config` does";
            self.refuse(ProxyConfigError::new(
                "upstream_tls",
                Kind::Conflict,
                remedy,
            ));
            return None;
        }
        tls.config(&mut self.errors)
    }
}

/// A network whose addresses are compared with those of clients, which are IPv4 where they are
/// IPv4-mapped (RFC 4291 2.5.5.2).
fn canonical(network: &IpNet) -> IpNet {
    const MAPPED: u8 = 96;
    let IpNet::V6(v6) = network else {
        return *network;
    };
    let address = v6.network().to_ipv4_mapped();
    let length = v6.prefix_len().checked_sub(MAPPED);
    match address
        .zip(length)
        .map(|(address, length)| Ipv4Net::new(address, length))
    {
        Some(Ok(v4)) => v4.into(),
        _ => *network,
    }
}

/// Whether a text is a pseudonym or a host and port for `Via` (RFC 9110 7.6.3), and a token of a
/// structured field too (RFC 9651 3.3.4), for `Proxy-Status`.
fn is_via_name(name: &str) -> bool {
    let (name, port) = name.split_once(':').unwrap_or((name, "0"));
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && crate::fields::is_token(name.as_bytes())
        && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_networks_are_those_of_ipv4() {
        for (network, want) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:192.0.2.7/128", "192.0.2.7/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
        ] {
            let want: IpNet = want.parse().unwrap();
            assert_eq!(canonical(&network.parse().unwrap()), want, "{network}");
        }
    }
}
