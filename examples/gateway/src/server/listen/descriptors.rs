//! File descriptors: a connection of a client takes one, and the one to its upstream, or a file, another. Many
//! connections are idle, so that two of three descriptors are for clients, and the third is for what they ask for.

/// Descriptors for everything else: the listeners, logs, files of TLS.
const OTHERS: u64 = 64;
/// Descriptors of a worker: its runtime waits for sockets, for signals and to be woken.
const OF_A_WORKER: u64 = 4;

/// The number of connections that there is room for, if it is fewer than are wanted. The process's limit is raised as
/// far as the system lets it first.
pub fn room_for(wanted: usize, workers: usize) -> Option<usize> {
    let others = OTHERS + OF_A_WORKER * workers as u64;
    let needed = others + (wanted as u64 * 3).div_ceil(2);
    #[cfg(unix)]
    let open = rlimit::increase_nofile_limit(needed).ok()?;
    #[cfg(not(unix))]
    let open = needed;
    fits(wanted, open.saturating_sub(others))
}

fn fits(wanted: usize, left: u64) -> Option<usize> {
    let room = usize::try_from(left / 3 * 2).unwrap_or(usize::MAX).max(1);
    (room < wanted).then_some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_three_are_for_clients() {
        for (wanted, left, room) in [
            (16_384, 960, Some(640)),
            (16_384, 65_536, None),
            (640, 960, None),
            (641, 960, Some(640)),
            (10, 0, Some(1)),
            (10, u64::MAX, None),
        ] {
            assert_eq!(fits(wanted, left), room, "{wanted} of {left}");
        }
    }
}
