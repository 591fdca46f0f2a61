//! From checked settings to a plan: everything that can be made once.

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
use std::sync::Arc;

/// The plan of settings without a problem.
pub(super) fn plan(
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
    let forwarding = Forwarding::new(&settings.forwarding, stripped);
    let told_prefix = forwarding.told_prefix().map(Box::from);
    Plan {
        request: RequestRules {
            mount: Arc::clone(&mount),
            preserve_host: settings.preserve_host,
            rewrite_origin: settings.rewrite_origin.then(|| OriginRule::new(is_secure)),
            edits: request,
            refuse_unexpected_content: settings.refuse_unexpected_content,
            forwarding,
            trusted_proxies: settings
                .trusted_proxies
                .iter()
                .map(_canonical_network)
                .collect(),
            via: Arc::clone(&via),
            id: settings.shared.request_id.clone(),
            max_body: settings.limits.request_body,
            map_request: settings.shared.map_request.clone(),
        },
        response: ResponseRules {
            mount,
            mounts: settings.shared.mounts.clone(),
            rewrite_location: settings.rewrite_location,
            rewrite_cookies: settings.rewrite_cookies,
            cookies: settings.cookies,
            told_prefix,
            edits: response,
            via: Arc::clone(&via),
        },
        error_page: ErrorPage {
            via,
            map_error: settings.shared.map_error.clone(),
        },
        upstreams: list,
        tell_upstream: settings.shared.tell_upstream,
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
