//! Content codings: those that a route may use, and those of them that a client takes (RFC 9110 12.5.3).

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A content coding that browsers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    Zstd,
    Br,
    Gzip,
}

/// Codings without repetition, the best one first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Codings([Option<Coding>; Coding::ALL.len()]);

impl Coding {
    pub const ALL: [Self; 3] = [Self::Zstd, Self::Br, Self::Gzip];

    /// The name in `Content-Encoding`, and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
        }
    }

    /// Whether a client means this coding. `x-gzip` is another name of gzip (RFC 9110 8.4.1.3).
    fn is(self, name: &str) -> bool {
        let name = match name.split_at_checked(2) {
            Some((x, rest)) if self == Self::Gzip && x.eq_ignore_ascii_case("x-") => rest,
            _ => name,
        };
        name.eq_ignore_ascii_case(self.name())
    }
}

impl Codings {
    /// Every coding: the newer one first, which is the smaller and the faster to read.
    pub const ALL: Self = Self([Some(Coding::Zstd), Some(Coding::Br), Some(Coding::Gzip)]);

    /// Adds a coding behind the others. Returns whether it was not there yet.
    pub fn push(&mut self, coding: Coding) -> bool {
        if self.iter().any(|other| other == coding) {
            return false;
        }
        let free = self.0.iter_mut().find(|place| place.is_none());
        free.is_some_and(|place| place.replace(coding).is_none())
    }

    pub fn iter(self) -> impl Iterator<Item = Coding> {
        self.0.into_iter().flatten()
    }

    pub fn first(self) -> Option<Coding> {
        self.iter().next()
    }

    /// Those that a client likes no less than the plain form, the one that it likes most first. Where it
    /// does not care, the order is ours.
    ///
    /// A coding that is not listed weighs what `*` does, and without that nothing. A client that likes no form that
    /// there is may be sent the plain one, rather than a 406.
    pub fn accepted(self, headers: &HeaderMap) -> Self {
        let weights = Weights::of(headers);
        let plain = weights.identity.or(weights.others).unwrap_or(0);
        let mut liked: Vec<(Coding, u16)> = self
            .iter()
            .map(|coding| (coding, weights.of_coding(coding)))
            .filter(|(_, weight)| *weight > 0 && *weight >= plain)
            .collect();
        liked.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
        let mut accepted = Self::default();
        for (coding, _) in liked {
            accepted.push(coding);
        }
        accepted
    }

    /// The codings as an `Accept-Encoding` whose weights keep their order. `None` if there is not one.
    pub fn field(self) -> Option<HeaderValue> {
        let weights = ["1", "0.9", "0.8"];
        let listed = self.iter().zip(weights);
        let listed: Vec<_> = listed
            .map(|(coding, weight)| format!("{};q={weight}", coding.name()))
            .collect();
        HeaderValue::try_from(listed.join(", "))
            .ok()
            .filter(|field| !field.is_empty())
    }
}

/// Elements of an `Accept-Encoding` that are read. Browsers send five, and a head has room for ten thousand, which take
/// two milliseconds from everybody else.
const MOST_ELEMENTS: usize = 64;

/// The weights of an `Accept-Encoding`, in thousandths; the first word on a coding counts.
#[derive(Default)]
struct Weights {
    codings: [Option<u16>; Coding::ALL.len()],
    identity: Option<u16>,
    others: Option<u16>,
}

impl Weights {
    fn of(headers: &HeaderMap) -> Self {
        let mut weights = Self::default();
        // A name that is not ASCII is not one of ours; the others of its line may be.
        let lines = headers.get_all(ACCEPT_ENCODING).iter();
        let lines: Vec<_> = lines
            .map(|line| String::from_utf8_lossy(line.as_bytes()))
            .collect();
        let elements = lines.iter().flat_map(|line| line.split(','));
        for coding in elements.take(MOST_ELEMENTS) {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
            let (name, weight) = (name.trim(), thousandths(weight));
            for (place, coding) in weights.codings.iter_mut().zip(Coding::ALL) {
                if coding.is(name) {
                    *place = place.or(weight);
                }
            }
            if name.eq_ignore_ascii_case("identity") {
                weights.identity = weights.identity.or(weight);
            } else if name == "*" {
                weights.others = weights.others.or(weight);
            }
        }
        weights
    }

    fn of_coding(&self, coding: Coding) -> u16 {
        let known = Coding::ALL.iter().zip(self.codings);
        let own = known.filter(|(known, _)| **known == coding);
        let own = own.filter_map(|(_, weight)| weight).next();
        own.or(self.others).unwrap_or(0)
    }
}

/// RFC 9110 12.4.2: from 0 to 1, with at most three digits after the point; more of them are cut.
fn thousandths(parameter: &str) -> Option<u16> {
    let (name, weight) = parameter.trim().split_once('=')?;
    let weight: f32 = weight.parse().ok()?;
    let legal = name.eq_ignore_ascii_case("q") && (0.0..=1.0).contains(&weight);
    legal.then_some((weight * 1000.0).round() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(codings: Codings, field: &str) -> String {
        let mut headers = HeaderMap::new();
        if !field.is_empty() {
            headers.insert(ACCEPT_ENCODING, field.parse().unwrap());
        }
        let names: Vec<_> = codings
            .accepted(&headers)
            .iter()
            .map(Coding::name)
            .collect();
        names.join(" ")
    }

    #[test]
    fn codings_are_chosen_as_the_client_weighs_them() {
        for (field, wanted) in [
            ("", ""),
            ("gzip, deflate, br, zstd", "zstd br gzip"),
            ("gzip, deflate", "gzip"),
            ("GZIP;Q=0.5, br;q=1", "br gzip"),
            ("gzip;q=1, br;q=0.5, zstd;q=0.7", "gzip zstd br"),
            ("x-gzip", "gzip"),
            ("*", "zstd br gzip"),
            ("*;q=0.5, gzip", "gzip zstd br"),
            ("br;q=0, *", "zstd gzip"),
            ("identity;q=0.5, gzip;q=0.5, br;q=0.4", "gzip"),
            ("identity, gzip;q=0.5", ""),
            ("gzip;q=0", ""),
            ("gzip;q=2", ""),
            ("gzip;q=x", ""),
            ("identity;q=0", ""),
            ("*;q=0", ""),
            ("x-br", ""),
            ("é, gzip", "gzip"),
            ("é, gzip;q=0, *", "zstd br"),
        ] {
            assert_eq!(accepted(Codings::ALL, field), wanted, "{field}");
        }
    }

    #[test]
    fn of_a_list_without_end_the_beginning_counts() {
        let list = |first: &str| format!("{first}{}br", "x,".repeat(MOST_ELEMENTS));
        assert_eq!(accepted(Codings::ALL, &list("")), "");
        assert_eq!(accepted(Codings::ALL, &list("gzip,")), "gzip");
    }

    #[test]
    fn the_order_is_the_routes_where_the_client_has_none() {
        let mut codings = Codings::default();
        assert!(codings.push(Coding::Gzip) && codings.push(Coding::Br));
        assert!(!codings.push(Coding::Gzip));
        assert_eq!(accepted(codings, "zstd, br, gzip"), "gzip br");
        assert_eq!(accepted(codings, "br, gzip;q=0.9"), "br gzip");
        assert_eq!(codings.field().unwrap(), "gzip;q=1, br;q=0.9");
        assert_eq!(Codings::default().field(), None);
    }
}
