//! From settings to a guard: everything that is wrong, or a guard that cannot be.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use http::Method;

use crate::config_error::{as_entries, each_alone};
use crate::guard::config::builder::{Exemption, GuardBuilder};
use crate::guard::config::error::{GuardConfigError, GuardConfigErrorKind as Kind, GuardErrors};
use crate::guard::config::exempt_path::exempt_path;
use crate::guard::exempt::{self, Exempt};
use crate::guard::policy::{Compiled, Guard};
use crate::guard::request::host::Hosts;
use crate::origin::{OriginErrorKind, OriginPattern, OriginSet, UNENCODED};

/// Reads the settings one by one and notes what is wrong.
struct Check<'a> {
    settings: &'a GuardBuilder,
    /// The setting that is read.
    key: &'static str,
    errors: Vec<GuardConfigError>,
}

type Wrong = (Kind, Cow<'static, str>);

pub(crate) fn build(settings: &GuardBuilder) -> Result<Guard, GuardErrors> {
    let mut check = Check {
        settings,
        key: "hosts",
        errors: Vec::new(),
    };
    let (hosts, public_origins) = (check.hosts(), check.public_origins());
    let (trusted, exempt) = (check.trusted(), check.exempt());
    GuardErrors::into_result(check.errors)?;
    Ok(Guard::new(Compiled {
        mode: settings.mode.unwrap_or_default(),
        hosts,
        public_origins,
        trusted,
        exempt,
        require_browser_fields: settings.require_browser_fields,
        report_only: settings.report_only,
        settings: settings.clone(),
    }))
}

impl<'a> Check<'a> {
    fn hosts(&mut self) -> Option<Hosts> {
        let remedy = "name the hosts that are answered, or remove it to answer all";
        let entries = self.list("hosts", self.settings.hosts.as_deref(), remedy)?;
        Some(self.read(entries, host).into_iter().collect())
    }

    fn public_origins(&mut self) -> Option<OriginSet> {
        let remedy = "name the origins of this server, or remove it to go by each request";
        let entries = self.settings.public_origins.as_deref();
        let entries = self.list("public_origins", entries, remedy)?;
        Some(self.read(entries, public_origin).into_iter().collect())
    }

    fn trusted(&mut self) -> OriginSet {
        let remedy = "name the origins that are trusted, or remove it to trust none";
        let entries = self.list("trust", self.settings.trust.as_deref(), remedy);
        let read = if self.settings.dangerously_allow_any_extension {
            trusted_pattern
        } else {
            trusted_origin
        };
        let own = entries.map(|entries| self.read(entries, read));
        let cors = self.settings.trusted_by_cors.iter().cloned();
        own.into_iter().flatten().chain(cors).collect()
    }

    fn exempt(&mut self) -> Exempt {
        let remedy = "name the paths that are exempt, or remove it to exempt none";
        let entries = self.settings.dangerously_exempt.as_deref();
        let entries = self.list("dangerously_exempt", entries, remedy);
        let mut rules = Vec::new();
        for (index, entry) in entries.unwrap_or_default().iter().enumerate() {
            if let Err(wrong) = exempt_path(&entry.path) {
                self.refuse(index, &entry.path, wrong);
            }
            rules.push(exempt::Rule {
                path: entry.path.as_str().into(),
                methods: self.methods(index, entry),
            });
        }
        Exempt(rules)
    }

    fn methods(&mut self, index: usize, entry: &Exemption) -> Option<Vec<Method>> {
        let entries = entry.methods.as_deref()?;
        if entries.is_empty() {
            let remedy = "name its methods, or remove the list to exempt all methods";
            self.refuse(index, &entry.path, (Kind::EmptyList, remedy.into()));
        }
        let mut methods = Vec::new();
        for entry in entries {
            match method(entry) {
                Ok(method) => methods.push(method),
                Err(wrong) => self.refuse(index, entry, wrong),
            }
        }
        Some(methods)
    }

    /// The entries of a list, if it is there; an empty one is an error.
    fn list<T>(
        &mut self,
        key: &'static str,
        entries: Option<&'a [T]>,
        remedy: &'static str,
    ) -> Option<&'a [T]> {
        self.key = key;
        if entries.is_some_and(<[T]>::is_empty) {
            let error = GuardConfigError::new(key, Kind::EmptyList, remedy);
            self.errors.push(error);
        }
        entries
    }

    fn read<T>(&mut self, entries: &[String], read: fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        let mut good = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            match read(entry) {
                Ok(value) => good.push(value),
                Err(wrong) => self.refuse(index, entry, wrong),
            }
        }
        good
    }

    fn refuse(&mut self, index: usize, value: &str, (kind, remedy): Wrong) {
        let error = GuardConfigError::new(self.key, kind, remedy);
        // Hosts and origins may hold a password, and paths nothing that would be masked.
        self.errors.push(if self.key == "dangerously_exempt" {
            error.value_at(index, value)
        } else {
            error.address_at(index, value)
        });
    }
}

/// A host in canonical form, and the port if one is written.
fn host(entry: &str) -> Result<(String, Option<u16>), Wrong> {
    let wrong = |kind| (kind, remedy_for_host(entry));
    match entry {
        "*" => {
            return Err((
                Kind::HostPattern,
                "remove hosts to answer all of them".into(),
            ));
        }
        _ if entry.is_empty() => return Err(wrong(Kind::NoHost)),
        _ if entry.contains("://") => return Err(wrong(Kind::HostWithScheme)),
        _ if entry.contains(['/', '\\', '?', '#']) => return Err(wrong(Kind::HostWithPath)),
        _ if entry.contains('@') => return Err(wrong(Kind::HostWithUserinfo)),
        _ if entry.contains('*') => return Err((Kind::HostPattern, "name each host".into())),
        _ if entry.parse::<Ipv6Addr>().is_ok() => return Err(wrong(Kind::Ipv6WithoutBrackets)),
        _ => {}
    }
    let (host, port) = split_port(entry);
    let port = match port.map(port_number) {
        Some(None) => return Err(wrong(Kind::Port)),
        Some(port) => port,
        None => None,
    };
    // A host is what it is in an origin.
    match format!("https://{host}").parse::<OriginPattern>() {
        Ok(_) => Ok((host.to_owned(), port)),
        Err(error) if error.kind() == OriginErrorKind::NoHost => Err(wrong(Kind::NoHost)),
        Err(error) => Err((Kind::Host(error.kind()), remedy_for_host(entry))),
    }
}

/// The entry that was meant, where there is no doubt.
fn remedy_for_host(entry: &str) -> Cow<'static, str> {
    if let Some(remedy) = as_entries(entry, &[',', ';'], host_entry) {
        return remedy.into();
    }
    let Some((host, port)) = meant_host(entry) else {
        return "write a host such as \"app.example.com\" or \"[::1]:8080\"".into();
    };
    match port.as_deref().map(port_number) {
        None => format!("write {host:?}").into(),
        Some(Some(port)) => format!("write \"{host}:{port}\"").into(),
        Some(None) => format!("write {host:?} for any port, or the port").into(),
    }
}

/// The entry for an authority that a client has named.
pub(crate) fn host_entry(authority: &str) -> Option<String> {
    let (host, port) = meant_host(authority)?;
    Some(match port.as_deref().and_then(port_number) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// The host that was meant in its canonical form, and the port as it is written.
fn meant_host(entry: &str) -> Option<(String, Option<String>)> {
    let text = entry.trim();
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    let bracketed = text
        .parse::<Ipv6Addr>()
        .is_ok()
        .then(|| format!("[{text}]"));
    let text = bracketed.as_deref().unwrap_or(text);
    let (host, port) = split_port(text);
    let origin = format!("https://{host}");
    let meant = match origin.parse::<OriginPattern>() {
        Ok(_) => origin,
        Err(error) => error.suggestion()?.to_owned(),
    };
    let host = meant.strip_prefix("https://")?;
    (!host.contains('*')).then(|| (host.to_owned(), port.map(ToOwned::to_owned)))
}

/// Host and port; where the second bracket of an address is missing, its colons are not the one before the port.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let host_end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None if authority.starts_with('[') => authority.len(),
        None => 0,
    };
    match authority[host_end..].find(':') {
        Some(colon) => (
            &authority[..host_end + colon],
            Some(&authority[host_end + colon + 1..]),
        ),
        None => (authority, None),
    }
}

/// A port in its canonical form.
fn port_number(digits: &str) -> Option<u16> {
    let number = digits.parse::<u16>().ok().filter(|&number| number > 0)?;
    (number.to_string() == digits).then_some(number)
}

fn trusted_origin(entry: &str) -> Result<OriginPattern, Wrong> {
    let pattern = trusted_pattern(entry)?;
    if pattern.covers_hosts() {
        let remedy = "name the extensions that are yours, or set dangerously_allow_any_extension";
        return Err((Kind::AnyExtension, remedy.into()));
    }
    Ok(pattern)
}

/// Also one of every extension.
fn trusted_pattern(entry: &str) -> Result<OriginPattern, Wrong> {
    const NAME: &str = "name the origins that are yours";
    let pattern = pattern(entry, |advised| match advised.covers_public_suffix() {
        true => Some(NAME),
        false => None,
    })?;
    if pattern.covers_public_suffix() {
        return Err((Kind::PublicSuffix, NAME.into()));
    }
    Ok(pattern)
}

fn public_origin(entry: &str) -> Result<OriginPattern, Wrong> {
    const IN_FULL: &str = "write each origin in full, such as \"https://app.example.com\"";
    if entry == "*" {
        return Err((Kind::OriginPattern, IN_FULL.into()));
    }
    let pattern = pattern(entry, |advised| match advised.is_exact() {
        true => None,
        false => Some(IN_FULL),
    })?;
    if !pattern.is_exact() {
        return Err((Kind::OriginPattern, IN_FULL.into()));
    }
    Ok(pattern)
}

/// `instead` is the remedy in place of the advice to write an origin that would be refused in turn.
fn pattern(
    entry: &str,
    instead: fn(&OriginPattern) -> Option<&'static str>,
) -> Result<OriginPattern, Wrong> {
    entry.parse().map_err(|error: crate::origin::OriginError| {
        let kind = Kind::Origin(error.kind());
        let refused = |advised: &str| instead(&advised.parse().ok()?);
        if let Some(origins) = error.several() {
            let refused = origins.iter().find_map(|origin| refused(origin));
            return (
                kind,
                refused.map_or_else(|| each_alone(&origins).into(), Cow::Borrowed),
            );
        }
        let remedy = match (error.kind(), error.suggestion()) {
            (_, Some(suggestion)) => match refused(suggestion) {
                Some(remedy) => remedy.into(),
                None => format!("write {suggestion:?}").into(),
            },
            (OriginErrorKind::Null, None) => {
                "remove it, for the pages of all sites can send \"null\"; \
                 a path that has to take it can be in dangerously_exempt"
                    .into()
            }
            (OriginErrorKind::Star, None) => {
                "name the origins; to let all sites call a public API, write mode = \"credentials\""
                    .into()
            }
            (OriginErrorKind::Unicode, None) => UNENCODED.into(),
            _ => "write an origin such as \"https://example.com\" for each entry".into(),
        };
        (kind, remedy)
    })
}

fn method(entry: &str) -> Result<Method, Wrong> {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    let known = KNOWN.iter().find(|name| name.eq_ignore_ascii_case(entry));
    match (Method::from_bytes(entry.as_bytes()), known) {
        _ if entry == "*" => Err((Kind::Method, "remove the list to exempt all methods".into())),
        (Err(_), _) => {
            let remedy = "write one method for each entry, such as \"POST\"";
            let several = several_methods(entry, &KNOWN);
            Err((Kind::Method, several.map_or(remedy.into(), Cow::Owned)))
        }
        (Ok(_), Some(name)) if *name != entry => {
            Err((Kind::MethodCase, format!("write {name:?}").into()))
        }
        (Ok(method), _) => Ok(method),
    }
}

fn several_methods(entry: &str, known: &[&str]) -> Option<String> {
    let known = |part: &str| {
        let name = known.iter().find(|name| name.eq_ignore_ascii_case(part))?;
        Some((*name).to_owned())
    };
    let read = |part: &str| known(part).or_else(|| method(part).ok().map(|it| it.to_string()));
    // Of words without a comma between them, only methods that everybody knows are several.
    as_entries(entry, &[',', ';'], read).or_else(|| as_entries(entry, &[' ', '\t'], known))
}
