//! A cache as configuration.

use std::time::Duration;

use same_origin::cache::{Cache, CacheBuilder};

#[test]
fn a_table_is_a_configuration() {
    let read = |text: &str| toml::from_str::<CacheBuilder>(text);
    assert_eq!(read("").unwrap(), Cache::builder());
    let builder = read("size = \"10MiB\"\nobject = 1000\nstale = \"1m 30s\"").unwrap();
    let same = Cache::builder()
        .size(10 << 20)
        .object(1000)
        .stale(Duration::from_secs(90));
    assert_eq!(builder, same);
    let written = toml::to_string(&builder).unwrap();
    assert_eq!(read(&written).unwrap(), builder);
}

#[test]
fn what_does_not_fit_is_told_with_a_remedy() {
    for (text, expected) in [
        ("sise = 1", "unknown field `sise`"),
        ("size = \"64M\"", "\"64M\" is not a size; write \"64MiB\""),
        ("size = \"1.5MB\"", "is not a size; write it like"),
        ("size = -1", "write a number above 0"),
        ("size = true", "a size, such as"),
        ("stale = 5", "a duration with its unit"),
        ("stale = \"5\"", "is not a duration"),
    ] {
        let error = toml::from_str::<CacheBuilder>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn sizes_are_by_1000_or_by_1024() {
    for (text, bytes) in [
        ("\"64MB\"", 64_000_000),
        ("\"1MB\"", 1_000_000),
        ("\"10MiB\"", 10 << 20),
        ("\"2 GiB\"", 2 << 30),
        ("4096", 4096),
    ] {
        let builder = toml::from_str::<CacheBuilder>(&format!("size = {text}")).unwrap();
        assert_eq!(builder, Cache::builder().size(bytes), "{text}");
    }
}
