//! From settings to a proxy: every check, then everything that can be made once.

use crate::proxy::ProxyBuilder;
use crate::proxy::config::bounds;
use crate::proxy::config::builder::OneOrMany;
use crate::proxy::config::error::{ProxyConfigError, ProxyConfigErrors};
use crate::proxy::deadline::Deadline;
#[cfg(feature = "balance")]
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::{Mount, Origins, PathMap};
use crate::proxy::plan::{Plan, TunnelPlan};
use crate::proxy::request::RequestRules;
use crate::proxy::request::forwarded::Forwarding;
use crate::proxy::request::path::check_path;
use crate::proxy::response::ResponseRules;
use crate::proxy::response::error_page::ErrorPage;
use crate::proxy::tunnel::TunnelSlots;
#[cfg(feature = "balance")]
use crate::proxy::upstream::balance::Balancer;
#[cfg(feature = "balance")]
use crate::proxy::upstream::endpoint_list::{Discovery, EndpointList};
use crate::proxy::upstream::upstreams::Upstreams;
use crate::proxy::upstream::{Changes, Upstream};
use crate::proxy::wire::via::Via;
use http::header::{self, HeaderName};
use std::fmt;
use std::sync::Arc;

/// What comes of settings without a problem.
pub(crate) struct Compiled {
    pub(crate) plan: Arc<Plan>,
    pub(crate) upstreams: Vec<Upstream>,
}

impl ProxyBuilder {
    /// Checks everything. `changes` feed the list of upstreams, if it is one that changes.
    pub(crate) fn compile(&self, changes: Option<Changes>) -> Result<Compiled, ProxyConfigErrors> {
        let mut errors = Vec::new();
        self.check_prefix(&mut errors);
        let upstreams = self.parse_upstreams(&mut errors);
        let changes = self.changes(changes, &upstreams, &mut errors);
        let removed = self.parse_removed(&mut errors);
        errors.extend(bounds::problems(&self.timeouts, &self.limits));
        if !is_name(&self.via) {
            let why = "not a name for Via and Proxy-Status; write a token that begins with a letter or `*` \
                       (RFC 9110 5.6.2, RFC 9651 3.3.4), or host:port";
            errors.push(ProxyConfigError::new("via", &self.via, why));
        }
        let Some(first) = upstreams.first().filter(|_| errors.is_empty()) else {
            return Err(ProxyConfigErrors::new(errors));
        };
        let base = &*first.base;
        let (base, stripped) = if self.keep_prefix {
            (
                [base.trim_end_matches('/'), self.prefix.as_str()].concat(),
                "",
            )
        } else {
            (base.to_owned(), self.prefix.trim_end_matches('/'))
        };
        let mount = Arc::new(Mount {
            map: PathMap::new(&self.prefix, &base),
            origins: Origins::new(
                upstreams
                    .iter()
                    .map(|one| one.destination.clone())
                    .collect(),
            ),
        });
        let list = self.list(changes, first, &upstreams, &mount.origins);
        let via = Arc::new(Via::new(&self.via));
        let plan = Plan {
            request: RequestRules {
                mount: Arc::clone(&mount),
                preserve_host: self.preserve_host,
                remove_request_headers: removed.into(),
                refuse_unexpected_content: self.refuse_unexpected_content,
                forwarding: Forwarding::new(self.forwarding.clone(), stripped),
                trusted_proxies: self.trusted_proxies.clone(),
                via: Arc::clone(&via),
                max_body: self.limits.request_body,
                map_request: self.shared.map_request.clone(),
            },
            response: ResponseRules {
                mount,
                mounts: self.shared.mounts.clone(),
                rewrite_location: self.rewrite_location,
                rewrite_cookies: self.rewrite_cookies,
                via: Arc::clone(&via),
            },
            error_page: ErrorPage {
                via,
                map_error: self.shared.map_error.clone(),
            },
            upstreams: list,
            response_deadline: Deadline::new(self.timeouts.response),
            tunnels: TunnelPlan {
                open: self.shared.tunnels.clone(),
                slots: TunnelSlots::new(self.limits.tunnels),
                idle: self.timeouts.tunnel,
            },
        };
        Ok(Compiled {
            plan: Arc::new(plan),
            upstreams,
        })
    }

    /// The list that requests choose from; a single upstream that stays has no list around it.
    #[cfg(feature = "balance")]
    fn list(
        &self,
        changes: Option<Changes>,
        first: &Upstream,
        all: &[Upstream],
        origins: &Origins,
    ) -> Upstreams {
        if let Some(changes) = changes {
            let list = EndpointList::new(first.clone(), origins.clone());
            let patience = self.timeouts.connect;
            let discovery = Discovery::new(list, changes, patience, self.empty());
            return Upstreams::Several(Balancer::changing(discovery));
        }
        match all {
            [_] => Upstreams::one(first.clone()),
            _ => Upstreams::Several(Balancer::fixed(all.to_vec())),
        }
    }

    #[cfg(not(feature = "balance"))]
    #[expect(clippy::unused_self, reason = "as with the feature")]
    fn list(&self, _: Option<Changes>, only: &Upstream, _: &[Upstream], _: &Origins) -> Upstreams {
        Upstreams::one(only.clone())
    }

    /// The failure of a request when a list that changes is empty.
    #[cfg(feature = "balance")]
    fn empty(&self) -> ProxyErrorKind {
        #[cfg(feature = "dns")]
        if self.dns.is_some() {
            return ProxyErrorKind::Dns;
        }
        ProxyErrorKind::NoUpstream
    }

    /// What feeds the list, if it is one that changes.
    fn changes(
        &self,
        changes: Option<Changes>,
        upstreams: &[Upstream],
        errors: &mut Vec<ProxyConfigError>,
    ) -> Option<Changes> {
        #[cfg(feature = "dns")]
        let changes = match (&self.dns, changes, upstreams.first()) {
            (Some(_), Some(_), _) => {
                let why = "the endpoints are discovered already; remove one of the two";
                errors.push(ProxyConfigError::new("dns", "", why));
                None
            }
            (Some(dns), None, Some(first)) => dns.changes(&first.destination, errors),
            (_, changes, _) => changes,
        };
        if let (Some(_), [_, second, ..]) = (&changes, upstreams) {
            let why = "endpoints are those of one upstream; name the service alone";
            let second = second.destination.authority().as_str();
            errors.push(ProxyConfigError::new("upstream[1]", second, why));
        }
        changes
    }

    fn check_prefix(&self, errors: &mut Vec<ProxyConfigError>) {
        let prefix = self.prefix.as_str();
        let mut wrong = |why: &str| errors.push(ProxyConfigError::new("prefix", prefix, why));
        if !prefix.starts_with('/') {
            return wrong(&format!(
                "a prefix starts with a slash; write {:?}",
                format!("/{prefix}")
            ));
        }
        if prefix.contains(['?', '#']) {
            return wrong("a prefix is a path, without query or fragment");
        }
        if prefix.contains("//") || prefix.contains('\\') || check_path(prefix).is_err() {
            return wrong("a prefix holds no empty segment, no dot segment and no backslash");
        }
        // As in RFC 3986 3.3, because that is how it arrives.
        let legal =
            |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte);
        if !prefix.bytes().all(legal) {
            return wrong(
                "write what is not a plain path character percent-encoded, as it arrives",
            );
        }
        if prefix.len() > 1 && prefix.ends_with('/') {
            let bare = prefix.trim_end_matches('/');
            wrong(&format!(
                "remove the trailing slash; {bare:?} covers itself and all below it"
            ));
        }
    }

    fn parse_upstreams(&self, errors: &mut Vec<ProxyConfigError>) -> Vec<Upstream> {
        let (texts, is_list) = match &self.upstream {
            OneOrMany::One(text) => (std::slice::from_ref(text), false),
            OneOrMany::Many(texts) => (texts.as_slice(), true),
        };
        if let ([_, second, ..], false) = (texts, cfg!(feature = "balance")) {
            let why = "a list needs the feature `balance`; enable it, or name one upstream";
            errors.push(ProxyConfigError::new("upstream[1]", second, why));
        }
        if texts.is_empty() {
            errors.push(ProxyConfigError::new(
                "upstream",
                "[]",
                "an empty list; name at least one",
            ));
        }
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let key = if is_list {
                format!("upstream[{index}]")
            } else {
                "upstream".to_owned()
            };
            let wrong = |why: &dyn fmt::Display| ProxyConfigError::new(key.clone(), text, why);
            match Upstream::parse(text) {
                Err(why) => errors.push(wrong(&why)),
                Ok(one) if !cfg!(feature = "tls") && one.destination.protocol().is_tls() => {
                    errors.push(wrong(&"https needs the feature `tls`"));
                }
                Ok(one) => match upstreams.first() {
                    Some(first) if !same_base(first, &one) => {
                        errors.push(wrong(&"its base path differs from the first one's"));
                    }
                    _ if upstreams.iter().any(|other| is_same(other, &one)) => {
                        errors.push(wrong(&"it is in the list twice"));
                    }
                    _ => upstreams.push(one),
                },
            }
        }
        upstreams
    }

    fn parse_removed(&self, errors: &mut Vec<ProxyConfigError>) -> Vec<HeaderName> {
        let mut removed = Vec::new();
        for (index, name) in self.remove_request_headers.iter().enumerate() {
            let key = || format!("remove_request_headers[{index}]");
            match HeaderName::from_bytes(name.as_bytes()) {
                Err(_) => errors.push(ProxyConfigError::new(key(), name, "not a field name")),
                // What frames the message or names its target is not for a rule to take away.
                Ok(header::HOST | header::CONTENT_LENGTH | header::TRANSFER_ENCODING) => {
                    errors.push(ProxyConfigError::new(
                        key(),
                        name,
                        "the message needs this field",
                    ));
                }
                Ok(name) => removed.push(name),
            }
        }
        removed
    }
}

fn is_same(one: &Upstream, other: &Upstream) -> bool {
    one.destination.is_same_origin(&other.destination)
}

fn same_base(one: &Upstream, other: &Upstream) -> bool {
    one.base.trim_end_matches('/') == other.base.trim_end_matches('/')
}

/// A pseudonym or a host and port for `Via` (RFC 9110 7.6.3) that is a token of a structured field too
/// (RFC 9651 3.3.4), for `Proxy-Status`.
fn is_name(name: &str) -> bool {
    let (name, port) = name.split_once(':').unwrap_or((name, "0"));
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && name.bytes().all(legal)
        && port.parse::<u16>().is_ok()
}
