//! Reads the settings one by one, and notes everything that is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::proxy::client::ClientBuildError;
use crate::proxy::config::address::{check_prefix, check_upstream};
use crate::proxy::config::bounds::out_of_bounds;
use crate::proxy::config::builder::{OneOrMany, ProxyBuilder};
use crate::proxy::config::compile::plan;
use crate::proxy::config::error::{
    ProxyConfigError, ProxyConfigErrorKind as Kind, ProxyConfigErrors,
};
use crate::proxy::config::fields::{self, Head};
use crate::proxy::plan::Plan;
use crate::proxy::response::cookie::attributes::{CookieAttributes, SameSite};
use crate::proxy::upstream::{Changes, Upstream};
use crate::proxy::wire::edits::FieldEdits;

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
    check.cookies();
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
    ProxyConfigErrors::into_result(check.errors)?;
    let Some(first) = upstreams.first() else {
        return Err(no_upstream().into());
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

fn no_upstream() -> ProxyConfigError {
    ProxyConfigError::new("upstream", Kind::Empty, "name at least one upstream")
}

/// The error of a client that cannot be built although its timeouts and limits are sound.
pub(super) fn unusable_client(error: ClientBuildError) -> ProxyConfigErrors {
    match error {
        ClientBuildError::Bounds(errors) => errors,
        other => ProxyConfigError::new("upstream", Kind::Tls, other.to_string()).into(),
    }
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
            self.refuse(no_upstream());
        }
        let mut upstreams: Vec<Upstream> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let marked = self.settings.shared.marked.get(index);
            match check_upstream(text, marked.unwrap_or(text), &upstreams) {
                Ok(upstream) => upstreams.push(upstream),
                Err((kind, remedy)) => {
                    let error = ProxyConfigError::new("upstream", kind, remedy);
                    self.refuse(error.address_at(is_list.then_some(index), text));
                }
            }
        }
        upstreams
    }

    /// RFC 6265bis 5.6 and CHIPS: browsers drop such cookies as a whole.
    fn cookies(&mut self) {
        let CookieAttributes {
            secure,
            same_site,
            partitioned,
        } = self.settings.cookies;
        let needy = [
            ("cookies.same_site", same_site == Some(SameSite::None)),
            ("cookies.partitioned", partitioned),
        ];
        for (key, _) in needy.into_iter().filter(|(_, is_set)| *is_set && !secure) {
            let remedy =
                "browsers drop such cookies without `Secure`; write `secure = true` beside it";
            self.refuse(ProxyConfigError::new(key, Kind::Conflict, remedy));
        }
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
            (Some(dns), None, Some(first)) => {
                let written = self.settings.upstream.text(0);
                dns.changes(&first.destination, written, &mut self.errors)
            }
            (_, changes, _) => changes,
        };
        if let (Some(_), [_, _, ..]) = (&changes, upstreams) {
            let remedy = "endpoints are those of one upstream; name the service alone";
            let error = ProxyConfigError::new("upstream", Kind::Conflict, remedy);
            self.refuse(error.address_at(1, self.settings.upstream.text(1)));
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

/// Whether a text is a pseudonym or a host and port for `Via` (RFC 9110 7.6.3), and a token of a
/// structured field too (RFC 9651 3.3.4), for `Proxy-Status`.
fn is_via_name(name: &str) -> bool {
    let (name, port) = name.split_once(':').unwrap_or((name, "0"));
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '*')
        && crate::fields::is_token(name.as_bytes())
        && port.parse::<u16>().is_ok()
}
