//! The guard's word on the `Origin` of a request that it let through, for who comes behind it.

use http::Extensions;

use crate::guard::judge::Standing;

/// The owner of the page that made a request which a guard let through, by its `Origin` alone.
///
/// The guard leaves it in the extensions of each request that has an `Origin`, whatever rule let the request
/// through: a safe method or an exempt path admits pages of other sites, too. The proxy's `rewrite_origin` goes by
/// it.
///
/// ```
/// use same_origin::guard::Admitted;
///
/// # let request = http::Request::new(());
/// match Admitted::of(request.extensions()) {
///     Some(admitted) if admitted.is_own_or_trusted_origin() => {} // one's own pages
///     Some(_) => {}                                               // other sites' pages
///     None => {}                                                  // no `Origin`, or no guard
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Admitted {
    /// The origin is the request's own.
    OwnOrigin,
    /// The origin is trusted.
    TrustedOrigin,
    /// The origin is neither: the request was let through on another ground.
    ForeignOrigin,
}

/// The word is in the type: a value without bytes needs no room of its own on the heap, so that requests
/// with an `Origin` cost no allocation where the extensions have room for one more.
#[derive(Clone, Copy)]
struct Own;
#[derive(Clone, Copy)]
struct Trusted;
#[derive(Clone, Copy)]
struct Foreign;

impl Admitted {
    /// The judgement that the guards before this place have left; `None` where the request has no `Origin`, and where
    /// there is no guard. Of several guards the one that trusts least counts.
    #[must_use]
    pub fn of(extensions: &Extensions) -> Option<Self> {
        if extensions.get::<Foreign>().is_some() {
            Some(Self::ForeignOrigin)
        } else if extensions.get::<Trusted>().is_some() {
            Some(Self::TrustedOrigin)
        } else {
            extensions.get::<Own>().map(|_| Self::OwnOrigin)
        }
    }

    /// Whether the page is of this server's own origin or of a trusted one.
    #[must_use]
    pub fn is_own_or_trusted_origin(self) -> bool {
        matches!(self, Self::OwnOrigin | Self::TrustedOrigin)
    }

    /// Leaves the word beside that of an outer guard.
    #[inline]
    pub(crate) fn leave(standing: Standing, extensions: &mut Extensions) {
        match standing {
            Standing::Own => drop(extensions.insert(Own)),
            Standing::Trusted => drop(extensions.insert(Trusted)),
            Standing::Foreign => drop(extensions.insert(Foreign)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guard_that_trusts_least_counts() {
        let mut extensions = Extensions::new();
        assert_eq!(Admitted::of(&extensions), None);
        for (standing, word) in [
            (Standing::Own, Admitted::OwnOrigin),
            (Standing::Trusted, Admitted::TrustedOrigin),
            (Standing::Own, Admitted::TrustedOrigin),
            (Standing::Foreign, Admitted::ForeignOrigin),
            (Standing::Own, Admitted::ForeignOrigin),
        ] {
            Admitted::leave(standing, &mut extensions);
            assert_eq!(Admitted::of(&extensions), Some(word));
        }
    }
}
