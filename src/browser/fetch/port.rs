//! Ports that browsers connect to in no case, as servers of other protocols listen there.

use crate::browser::engine::{Engine, Quirk};

/// Fetch #bad-port.
const BAD: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Fetch #block-bad-port.
pub(crate) fn is_bad(port: u16, engine: Engine) -> bool {
    let excepted = matches!(port, 4190 | 6679) && engine.has(Quirk::FewerBadPorts);
    BAD.binary_search(&port).is_ok() && !excepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_other_protocols_are_bad() {
        // By the standard, in Chromium.
        for (port, bad) in [
            (0, [true, true]),
            (25, [true, true]),
            (80, [false, false]),
            (443, [false, false]),
            (4190, [true, false]),
            (5060, [true, true]),
            (6000, [true, true]),
            (6666, [true, true]),
            (6670, [false, false]),
            (6679, [true, false]),
            (8080, [false, false]),
            (10080, [true, true]),
        ] {
            let by = [Engine::Standard, Engine::Chromium].map(|engine| is_bad(port, engine));
            assert_eq!(by, bad, "{port}");
        }
        assert!(BAD.is_sorted());
    }
}
