//! The table of attempts.

use std::fmt;

use crate::browser::outcome::response::Outcome;

/// The attempts of other sites' pages and what became of them; see [`attacks`](crate::browser::attacks).
#[derive(Clone, Debug)]
pub struct AttackReport {
    attempts: Vec<Attempt>,
}

/// One attempt: who, by what means, with what result.
#[derive(Clone, Debug)]
pub struct Attempt {
    attacker: String,
    means: String,
    verdict: AttackVerdict,
    outcome: Outcome,
}

/// A result of an attempt, with the status that the server answered; the harmless ones come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AttackVerdict {
    /// The browser sent nothing but, perhaps, a preflight that was refused.
    NotSent,
    /// The service failed.
    NotAnswered,
    /// The server refused it.
    Refused(u16),
    /// A request that by its method changes nothing, and whose answer the page cannot read.
    Unreadable(u16),
    /// It was done or read, but without the user's cookies.
    WithoutCookies(u16),
    /// It was done, or read, in the user's name.
    GotThrough(u16),
}

impl AttackReport {
    pub(super) fn new(attempts: Vec<Attempt>) -> Self {
        Self { attempts }
    }

    /// All attempts.
    pub fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter()
    }

    /// The attempts that were done, or read, in the user's name.
    pub fn got_through(&self) -> impl Iterator<Item = &Attempt> {
        let through = |attempt: &&Attempt| matches!(attempt.verdict, AttackVerdict::GotThrough(_));
        self.attempts.iter().filter(through)
    }

    /// For tests.
    ///
    /// # Panics
    /// When an attempt got through, or none was made; the message is the table of those that did and the
    /// trace of the first.
    #[track_caller]
    pub fn assert_none_got_through(&self) {
        assert!(
            !self.attempts.is_empty(),
            "nothing was tried: say what there is to attack by `change`, `socket` or `secret`"
        );
        let through = Self::new(self.got_through().cloned().collect());
        if let Some(first) = through.attempts.first() {
            panic!("{through}\n{}", first.outcome.trace());
        }
    }
}

impl Attempt {
    pub(super) fn new(
        attacker: String,
        means: String,
        verdict: AttackVerdict,
        outcome: Outcome,
    ) -> Self {
        Self {
            attacker,
            means,
            verdict,
            outcome,
        }
    }

    /// The page that attacked: its origin, or the kind of page.
    #[must_use]
    pub fn attacker(&self) -> &str {
        &self.attacker
    }

    /// The means and the address, such as `form, POST /transfer`.
    #[must_use]
    pub fn means(&self) -> &str {
        &self.means
    }

    /// The result.
    #[must_use]
    pub fn verdict(&self) -> AttackVerdict {
        self.verdict
    }

    /// Every request of the attempt.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }
}

impl fmt::Display for AttackVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent => f.write_str("not sent"),
            Self::NotAnswered => f.write_str("not answered"),
            Self::Refused(status) => write!(f, "refused, {status}"),
            Self::Unreadable(status) => write!(f, "cannot be read, {status}"),
            Self::WithoutCookies(status) => write!(f, "done without cookies, {status}"),
            Self::GotThrough(status) => write!(f, "GOT THROUGH, {status}"),
        }
    }
}

impl fmt::Display for AttackReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: fn(&Attempt) -> &str| {
            let cells = self.attempts.iter().map(column);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (attacker, means) = (width(Attempt::attacker), width(Attempt::means));
        for attempt in &self.attempts {
            writeln!(
                f,
                "{:means$}  {:attacker$}  {}",
                attempt.means, attempt.attacker, attempt.verdict
            )?;
        }
        Ok(())
    }
}
