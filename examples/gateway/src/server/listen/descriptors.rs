//! File descriptors: a connection of a client takes one, and the one to its upstream, or a file, another. So half of them
//! are for clients, and more where there are many: limits hold the other half.

/// Descriptors for everything else: the listeners, logs, files of TLS.
const OTHERS: u64 = 64;
/// Descriptors of a worker: its runtime waits for sockets, for signals and to be woken.
const OF_A_WORKER: u64 = 4;
/// The most that are kept for upstreams and files: as many as the limits of one route let its upstreams have (1,024
/// requests, 256 idle connections, 4,096 tunnels), and some for files. Connections beyond that are idle ones.
const KEPT: u64 = 6144;

/// The number of connections that there is room for, if it is fewer than are wanted. The process's limit is raised as
/// far as the system lets it first.
pub fn room_for(wanted: usize, workers: usize) -> Option<usize> {
    let others = OTHERS + OF_A_WORKER * workers as u64;
    // All that there are, and not what these connections need: one of HTTP/2 may ask for a hundred files at once.
    #[cfg(unix)]
    let open = rlimit::increase_nofile_limit(u64::MAX).ok()?;
    #[cfg(not(unix))]
    let open = u64::MAX;
    fits(wanted, open.saturating_sub(others))
}

fn fits(wanted: usize, left: u64) -> Option<usize> {
    let room = left - KEPT.min(left / 2);
    let room = usize::try_from(room).unwrap_or(usize::MAX).max(1);
    (room < wanted).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_is_kept_for_what_clients_ask_for_and_no_more_than_that_may_be() {
        for (wanted, left, room) in [
            (16_384, 960, Some(480)),
            (16_384, 19_932, Some(13_788)),
            (16_384, 22_528, None),
            (16_384, 65_536, None),
            (480, 960, None),
            (481, 960, Some(480)),
            (10, 0, Some(1)),
            (10, u64::MAX, None),
        ] {
            assert_eq!(fits(wanted, left), room, "{wanted} of {left}");
        }
    }
}
