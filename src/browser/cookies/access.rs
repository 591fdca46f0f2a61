//! A request, as far as the cookie jar has to know it.

/// The cookies that go along by their `SameSite` (RFC 6265bis 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SiteMode {
    /// All: the site asks itself.
    Strict,
    /// All but the strict: another site leads a window here, by a safe method.
    Lax,
    /// As `None`, but some browsers send young cookies without `SameSite`: a window comes with a POST.
    LaxUnsafe,
    /// Those with `SameSite=None` only.
    None,
}

/// CHIPS: the key of partitioned cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// The site in the address bar.
    pub(crate) site: String,
    /// A page of another site is between the address bar and the request.
    pub(crate) cross_site: bool,
}

/// A request's access to the jar.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) mode: SiteMode,
    pub(crate) partition: Partition,
    /// Cookies without a partition are there at all: they are not blocked as those of a third party.
    pub(crate) unpartitioned: bool,
}

impl Access {
    /// The access of a page's own requests to its site.
    pub(crate) fn first_party(site: String) -> Self {
        Self {
            mode: SiteMode::Strict,
            partition: Partition {
                site,
                cross_site: false,
            },
            unpartitioned: true,
        }
    }
}
