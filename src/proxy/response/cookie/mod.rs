//! Cookies on their way back: mapped to the public origin, and given the attributes that it wants of them.

pub(crate) mod attributes;
pub(crate) mod mapper;
pub(crate) mod rewrite;

/// An attribute's name, and its value if it has one.
fn attribute(part: &[u8]) -> (&[u8], Option<&[u8]>) {
    match part.iter().position(|byte| *byte == b'=') {
        Some(equals) => (trim(&part[..equals]), Some(trim(&part[equals + 1..]))),
        None => (trim(part), None),
    }
}

fn trim(value: &[u8]) -> &[u8] {
    crate::fields::trim(value)
}
