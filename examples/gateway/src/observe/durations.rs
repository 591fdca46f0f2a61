//! Histograms of the durations of requests, by route.
//!
//! The exporter's own keep each duration until they are asked for: a gateway that nobody scrapes would grow without
//! end. These are a few counters, and cost a request half as much.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const NAME: &str = "same_origin_request_duration_seconds";

/// Upper bounds of the buckets, in microseconds, and as text in seconds: from a hit in memory to a long poll.
const BOUNDS: [(u64, &str); 14] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (10_000_000, "10"),
];

/// Durations of the requests of one route.
#[derive(Debug)]
pub struct Durations {
    route: String,
    /// The last one is for what is above all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// Microseconds.
    sum: AtomicU64,
}

/// The durations of all routes that there have been: a route that is configured again counts on.
static ALL: Mutex<Vec<Arc<Durations>>> = Mutex::new(Vec::new());

impl Durations {
    pub fn of(route: &str) -> Arc<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.iter().find(|known| known.route == route) {
            return Arc::clone(known);
        }
        let new = Arc::new(Self {
            route: route.to_owned(),
            buckets: Default::default(),
            sum: AtomicU64::new(0),
        });
        all.push(Arc::clone(&new));
        new
    }

    pub fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|(bound, _)| micros <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    fn render(&self, text: &mut String) {
        let route = &self.route;
        let mut count = 0;
        let bounds = BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        // Writing to a string does not fail.
        for (bucket, bound) in self.buckets.iter().zip(bounds) {
            count += bucket.load(Ordering::Relaxed);
            let _ = writeln!(
                text,
                "{NAME}_bucket{{route={route:?},le={bound:?}}} {count}"
            );
        }
        let sum = Duration::from_micros(self.sum.load(Ordering::Relaxed)).as_secs_f64();
        let _ = writeln!(text, "{NAME}_sum{{route={route:?}}} {sum}");
        let _ = writeln!(text, "{NAME}_count{{route={route:?}}} {count}");
    }
}

/// Writes all of them in the text format of Prometheus.
pub fn render(text: &mut String) {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let _ = writeln!(
        text,
        "# HELP {NAME} Time from a request's head to its response's last byte.\n# TYPE {NAME} histogram"
    );
    for durations in all {
        durations.render(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_count_all_below_their_bounds() {
        let durations = Durations::of("/a\"b");
        for micros in [0, 250, 251, 10_000_000, 10_000_001] {
            durations.record(Duration::from_micros(micros));
        }
        assert!(Arc::ptr_eq(&durations, &Durations::of("/a\"b")));
        let mut text = String::new();
        durations.render(&mut text);
        for line in [
            "_bucket{route=\"/a\\\"b\",le=\"0.00025\"} 2\n",
            "le=\"0.0005\"} 3\n",
            "le=\"2.5\"} 3\n",
            "le=\"10\"} 4\n",
            "le=\"+Inf\"} 5\n",
            "_sum{route=\"/a\\\"b\"} 20.000502\n",
            "_count{route=\"/a\\\"b\"} 5\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
