//! The table of readings.

use std::fmt;

use super::verdict::Readability;
use crate::browser::outcome::response::Outcome;

/// The answers that pages can and cannot read; see [`readable`](crate::browser::readable()).
#[derive(Clone, Debug)]
pub struct ReadableReport {
    readings: Vec<Reading>,
}

/// One answer to one probe of one page.
#[derive(Clone, Debug)]
pub struct Reading {
    page: String,
    probe: String,
    request: String,
    readability: Readability,
    outcome: Outcome,
}

impl ReadableReport {
    pub(super) fn new(readings: Vec<Reading>) -> Self {
        Self { readings }
    }

    /// All answers.
    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.readings.iter()
    }

    /// The answers that cannot be read.
    pub fn faults(&self) -> impl Iterator<Item = &Reading> {
        let faults = |reading: &&Reading| !reading.readability.passed();
        self.readings.iter().filter(faults)
    }

    /// Whether every answer can be read.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults().next().is_none()
    }

    /// For tests.
    ///
    /// # Panics
    /// When an answer cannot be read, or nothing was tried; the message is the table and the trace of the first of them.
    #[track_caller]
    pub fn assert_readable(&self) {
        assert!(
            !self.readings.is_empty(),
            "nothing was tried: give `readable` at least one page"
        );
        if let Some(first) = self.faults().next() {
            panic!("\n{self}\n{}", first.outcome.trace());
        }
    }
}

impl Reading {
    pub(super) fn new(
        page: String,
        probe: String,
        request: String,
        readability: Readability,
        outcome: Outcome,
    ) -> Self {
        Self {
            page,
            probe,
            request,
            readability,
            outcome,
        }
    }

    /// The page's origin.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The probe in words, such as `no token`.
    #[must_use]
    pub fn probe(&self) -> &str {
        &self.probe
    }

    /// Method and path of the call that the probe was made from.
    #[must_use]
    pub fn request(&self) -> &str {
        &self.request
    }

    /// Whether the page can read the answer.
    #[must_use]
    pub fn readability(&self) -> &Readability {
        &self.readability
    }

    /// Every request of the probe, and every check.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl fmt::Display for Readability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readable(status) => write!(f, "readable, {status}"),
            Self::NotProvoked(status) => write!(f, "readable, {status} (not refused)"),
            Self::Unreadable { status, layer } => write!(
                f,
                "NO: {status} cannot be read; put {layer} inside of the CORS layer"
            ),
            Self::PreflightRefused { status, layer } => write!(
                f,
                "NO: {layer} ({status}); put the CORS layer outside of it"
            ),
            Self::NotAllowed(console) => write!(f, "NO: the policy does not allow it: {console}"),
            Self::NotAnswered(error) => write!(f, "no answer: {error}"),
        }
    }
}

impl fmt::Display for ReadableReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: fn(&Reading) -> &str| {
            let cells = self.readings.iter().map(column);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let page = width(Reading::page);
        let (probe, request) = (width(Reading::probe), width(Reading::request));
        for reading in &self.readings {
            writeln!(
                f,
                "{:page$}  {:request$}  {:probe$}  {}",
                reading.page, reading.request, reading.probe, reading.readability
            )?;
        }
        Ok(())
    }
}
