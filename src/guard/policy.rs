//! The guard: what remains of the settings when all that is wrong has been refused.

use std::fmt;
use std::sync::Arc;

use crate::guard::config::builder::{Exemption, GuardBuilder, Mode};
use crate::guard::exempt::Exempt;
use crate::guard::request::host::Hosts;
use crate::origin::OriginSet;

/// Rules for requests of other sites' pages, and for the names by which a server is reached.
///
/// A guard is built of settings that were all checked ([`Guard::builder`]) and never changes. Its clones
/// share one memory. [`Display`](fmt::Display) prints it as the table of a configuration file that would
/// build it again.
///
/// ```
/// use same_origin::guard::Guard;
///
/// let guard = Guard::builder()
///     .hosts(["app.example.com"])
///     .trust(["https://partner.example"])
///     .build()?;
/// assert_eq!(
///     guard.to_string(),
///     "mode = \"strict\"\n\
///      hosts = [\"app.example.com\"]\n\
///      trust = [\"https://partner.example\"]\n",
/// );
/// # Ok::<(), same_origin::guard::GuardErrors>(())
/// ```
#[derive(Clone)]
pub struct Guard(Arc<Compiled>);

/// A guard, with all that is compared ready for it.
pub(crate) struct Compiled {
    pub(crate) mode: Mode,
    /// `None`: all are answered.
    pub(crate) hosts: Option<Hosts>,
    /// `None`: each request names its own.
    pub(crate) public_origins: Option<OriginSet>,
    /// The origins of `trust` and those of CORS.
    pub(crate) trusted: OriginSet,
    pub(crate) exempt: Exempt,
    pub(crate) require_browser_fields: bool,
    pub(crate) report_only: bool,
    pub(crate) settings: GuardBuilder,
}

impl Guard {
    /// The settings of a new guard, none of them set.
    pub fn builder() -> GuardBuilder {
        GuardBuilder::default()
    }

    /// The settings that build this guard.
    pub fn settings(&self) -> GuardBuilder {
        self.0.settings.clone()
    }

    /// The requests that are judged.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.0.mode
    }

    /// The origins that are trusted, those of CORS among them.
    #[must_use]
    pub fn trusted(&self) -> &OriginSet {
        &self.0.trusted
    }

    /// Whether requests are judged and logged, and never refused.
    #[must_use]
    pub fn is_report_only(&self) -> bool {
        self.0.report_only
    }

    pub(crate) fn new(compiled: Compiled) -> Self {
        Self(Arc::new(compiled))
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.0
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GuardBuilder {
            mode: _,
            hosts,
            public_origins,
            trust,
            dangerously_exempt,
            dangerously_allow_any_extension,
            require_browser_fields,
            report_only,
            trusted_by_cors,
        } = &self.0.settings;
        let mode = match self.0.mode {
            Mode::Strict => "strict",
            Mode::Credentials => "credentials",
        };
        writeln!(f, "mode = {mode:?}")?;
        for (key, list) in [
            ("hosts", hosts),
            ("public_origins", public_origins),
            ("trust", trust),
        ] {
            if let Some(entries) = list {
                writeln!(f, "{key} = {entries:?}")?;
            }
        }
        if !trusted_by_cors.is_empty() {
            let origins: Vec<&str> = trusted_by_cors
                .iter()
                .map(|origin| origin.as_str())
                .collect();
            writeln!(f, "# trusted by CORS: {origins:?}")?;
        }
        if let Some(exemptions) = dangerously_exempt {
            write_exemptions(f, exemptions)?;
        }
        for (key, switch) in [
            (
                "dangerously_allow_any_extension",
                *dangerously_allow_any_extension,
            ),
            ("require_browser_fields", *require_browser_fields),
            ("report_only", *report_only),
        ] {
            if switch {
                writeln!(f, "{key} = true")?;
            }
        }
        Ok(())
    }
}

fn write_exemptions(f: &mut fmt::Formatter<'_>, exemptions: &[Exemption]) -> fmt::Result {
    f.write_str("dangerously_exempt = [")?;
    for (i, exemption) in exemptions.iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{{ path = {:?}", exemption.path)?;
        if let Some(methods) = &exemption.methods {
            write!(f, ", methods = {methods:?}")?;
        }
        f.write_str(" }")?;
    }
    f.write_str("]\n")
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.settings.fmt(f)
    }
}
