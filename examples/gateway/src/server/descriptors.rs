//! File descriptors: a connection of a client takes one, and the one to its upstream, or a file, another.

/// Descriptors for everything else: the listeners, logs, files of TLS.
const OTHERS: u64 = 64;

/// The number of connections that there is room for, if it is fewer than are wanted. The process's limit is raised as
/// far as the system lets it first.
pub fn room_for(wanted: usize) -> Option<usize> {
    let needed = OTHERS + 2 * wanted as u64;
    #[cfg(unix)]
    let open = rlimit::increase_nofile_limit(needed).ok()?;
    #[cfg(not(unix))]
    let open = needed;
    fits(wanted, open)
}

fn fits(wanted: usize, open: u64) -> Option<usize> {
    let room = usize::try_from(open.saturating_sub(OTHERS) / 2)
        .unwrap_or(usize::MAX)
        .max(1);
    (room < wanted).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_takes_two() {
        for (wanted, open, room) in [
            (16_384, 1024, Some(480)),
            (16_384, 65_536, None),
            (480, 1024, None),
            (481, 1024, Some(480)),
            (10, 0, Some(1)),
            (10, u64::MAX, None),
        ] {
            assert_eq!(fits(wanted, open), room, "{wanted} of {open}");
        }
    }
}
