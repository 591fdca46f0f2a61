//! The decision on a request, and the rule that made it.

use std::fmt;

use http::StatusCode;

/// The decision on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The request may go on.
    Admitted(Admission),
    /// The request is answered in place of the application.
    Refused(Refusal),
}

/// The rule by which a request may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Admission {
    /// The method is safe, and no upgrade is asked for.
    SafeMethod,
    /// The path is exempt.
    Exempt,
    /// In the mode [`Credentials`](crate::guard::Mode::Credentials): the request carries none.
    NoCredentials,
    /// The browser says that the page is of the same origin.
    SameOrigin,
    /// The browser says that the user made the request, and no page.
    UserInitiated,
    /// The origin is trusted.
    TrustedOrigin,
    /// The origin is the request's own.
    OwnOrigin,
    /// The request has none of the fields that browsers send.
    NoBrowser,
}

/// The rule that a request fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refusal {
    /// The request names a host that is not answered.
    ForeignHost,
    /// The request names no host, or no single valid one.
    NoHost,
    /// The browser says that the page is of another origin of the same site.
    SameSite,
    /// The browser says that the page is of another site.
    CrossSite,
    /// `Sec-Fetch-Site` holds what no browser sends: another word, a list, several lines, nothing.
    InvalidFetchSite,
    /// The origin is `null`, which the pages of all sites can send.
    NullOrigin,
    /// There are several `Origin` lines, which no browser sends.
    SeveralOrigins,
    /// The origin is the request's own but for the scheme.
    OtherScheme,
    /// The origin is another one, or not an origin.
    ForeignOrigin,
    /// The request has none of the fields that browsers send, and they are required.
    NoBrowserFields,
}

impl Verdict {
    /// Whether the request may go on.
    #[must_use]
    pub fn is_admitted(self) -> bool {
        matches!(self, Self::Admitted(_))
    }

    /// The rule by which the request may go on, if it may.
    #[must_use]
    pub fn admission(self) -> Option<Admission> {
        match self {
            Self::Admitted(admission) => Some(admission),
            Self::Refused(_) => None,
        }
    }

    /// The rule that the request fails, if it does.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Admitted(_) => None,
            Self::Refused(refusal) => Some(refusal),
        }
    }
}

impl Admission {
    /// The number of the rule in the [module's documentation](super#the-rules).
    #[must_use]
    pub fn rule(self) -> u8 {
        match self {
            Self::SafeMethod => 2,
            Self::Exempt => 3,
            Self::NoCredentials => 4,
            Self::SameOrigin | Self::UserInitiated => 5,
            Self::TrustedOrigin => 6,
            Self::OwnOrigin => 8,
            Self::NoBrowser => 9,
        }
    }
}

impl Refusal {
    /// The number of the rule in the [module's documentation](super#the-rules).
    #[must_use]
    pub fn rule(self) -> u8 {
        match self {
            Self::ForeignHost | Self::NoHost => 1,
            Self::SameSite | Self::CrossSite | Self::InvalidFetchSite => 7,
            Self::NullOrigin | Self::SeveralOrigins | Self::OtherScheme | Self::ForeignOrigin => 8,
            Self::NoBrowserFields => 9,
        }
    }

    /// The status of the answer: 421 for a host that is not answered (RFC 9110 15.5.20), 400 where no single valid one
    /// is named (RFC 9112 3.2, RFC 9113 8.3.1), else 403.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::SameSite
            | Self::CrossSite
            | Self::InvalidFetchSite
            | Self::NullOrigin
            | Self::SeveralOrigins
            | Self::OtherScheme
            | Self::ForeignOrigin
            | Self::NoBrowserFields => StatusCode::FORBIDDEN,
        }
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SafeMethod => "the method is safe",
            Self::Exempt => "the path is exempt",
            Self::NoCredentials => "the request carries no credentials of a browser",
            Self::SameOrigin => "the page is of the same origin",
            Self::UserInitiated => "the user made the request",
            Self::TrustedOrigin => "the origin is trusted",
            Self::OwnOrigin => "the origin is the request's own",
            Self::NoBrowser => "no browser sent the request",
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignHost => "the host is not answered here",
            Self::NoHost => "the request names no single valid host",
            Self::SameSite => "the page is of another origin of the same site",
            Self::CrossSite => "the page is of another site",
            Self::InvalidFetchSite => "Sec-Fetch-Site is invalid",
            Self::NullOrigin => "the origin is null",
            Self::SeveralOrigins => "there are several Origin lines",
            Self::OtherScheme => "the origin differs from the request's own in its scheme",
            Self::ForeignOrigin => "the origin is neither the server's own nor trusted",
            Self::NoBrowserFields => "the request has neither Sec-Fetch-Site nor Origin",
        })
    }
}
