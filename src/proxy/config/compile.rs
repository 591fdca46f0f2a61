//! From checked settings to a plan: everything that can be made once.

use std::sync::Arc;

use crate::proxy::body::download::Downloads;
use crate::proxy::config::builder::ProxyBuilder;
#[cfg(feature = "balance")]
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::{Mount, Origins, PathMap};
use crate::proxy::plan::{Plan, TunnelPlan};
use crate::proxy::request::RequestRules;
use crate::proxy::request::client::_canonical_network;
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
use crate::proxy::wire::edits::FieldEdits;
use crate::proxy::wire::via::Via;

/// The plan of settings without a problem.
pub(super) fn plan(
    settings: &ProxyBuilder,
    first: &Upstream,
    upstreams: &[Upstream],
    changes: Option<Changes>,
    (request, response): (FieldEdits, FieldEdits),
) -> Plan {
    let shared = &settings.shared;
    let (limits, timeouts) = (&settings.limits, &settings.timeouts);
    let mount = Arc::new(mount(settings, first, upstreams));
    let upstreams = list(settings, changes, first, upstreams, &mount.origins);
    let withheld = Arc::clone(response.removed());
    let is_secure = first.destination.protocol().is_tls();
    let request = request_rules(settings, Arc::clone(&mount), is_secure, request);
    let via = Arc::clone(&request.via);
    Plan {
        response: response_rules(settings, mount, &request, response),
        request,
        error_page: ErrorPage {
            via,
            map_error: shared.map_error.clone(),
        },
        upstreams,
        tell_upstream: shared.tell_upstream,
        shares: Shares::new(ShareRules {
            in_flight: limits.in_flight,
            waiting: limits.waiting,
            client: limits.client_share,
            connection: limits.connection_share,
            wait: timeouts.connect,
        }),
        response_timeout: timeouts.response,
        client_timeout: timeouts.client,
        downloads: Downloads::new(timeouts.client, withheld),
        failures: Arc::new(FailureLog::new(&settings.prefix)),
        tunnels: TunnelPlan {
            open: shared.tunnels.clone(),
            slots: TunnelSlots::new(limits.tunnels, limits.client_share),
            idle: timeouts.tunnel,
        },
    }
}

/// The map between public paths and those of the upstream.
fn mount(settings: &ProxyBuilder, first: &Upstream, upstreams: &[Upstream]) -> Mount {
    let prefix = settings.prefix.as_str();
    let base = &*first.base;
    let kept = settings
        .keep_prefix
        .then(|| [base.trim_end_matches('/'), prefix].concat());
    let destinations = upstreams.iter().map(|one| one.destination.clone());
    Mount {
        map: PathMap::new(prefix, kept.as_deref().unwrap_or(base)),
        origins: Origins::new(destinations.collect()),
    }
}

fn request_rules(
    settings: &ProxyBuilder,
    mount: Arc<Mount>,
    is_secure: bool,
    edits: FieldEdits,
) -> RequestRules {
    let stripped = match settings.keep_prefix {
        true => "",
        false => settings.prefix.trim_end_matches('/'),
    };
    let trusted = settings.trusted_proxies.iter();
    RequestRules {
        mount,
        preserve_host: settings.preserve_host,
        rewrite_origin: settings.rewrite_origin.then(|| OriginRule::new(is_secure)),
        edits,
        refuse_unexpected_content: settings.refuse_unexpected_content,
        forwarding: Forwarding::new(&settings.forwarding, stripped),
        trusted_proxies: trusted.map(_canonical_network).collect(),
        via: Arc::new(Via::new(&settings.via)),
        id: settings.shared.request_id.clone(),
        max_body: settings.limits.request_body,
        map_request: settings.shared.map_request.clone(),
    }
}

fn response_rules(
    settings: &ProxyBuilder,
    mount: Arc<Mount>,
    request: &RequestRules,
    edits: FieldEdits,
) -> ResponseRules {
    ResponseRules {
        mount,
        mounts: settings.shared.mounts.clone(),
        rewrite_location: settings.rewrite_location,
        rewrite_cookies: settings.rewrite_cookies,
        cookies: settings.cookies,
        told_prefix: request.forwarding.told_prefix().map(Box::from),
        edits,
        via: Arc::clone(&request.via),
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
