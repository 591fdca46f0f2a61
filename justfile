# `just` lists these.

# List the recipes
default:
    @just --list

# All that CI runs, about half an hour; `just check --here` installs nothing
check *args:
    .ci/run {{args}}

# The demo
demo:
    cargo run --release -p same-origin-gateway

# The tests of the library and the gateway
test *args:
    cargo test --all-features {{args}}

# Tests with browsers and foreign programs
e2e *args:
    cargo test -p e2e {{args}}

# Format and lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The documentation, opened in a browser
doc:
    cargo doc --no-deps --all-features --open

# CPU time beside other proxies
bench *args:
    cargo bench -p e2e --bench proxy -- {{args}}

# The Rust versions that the README states
msrv:
    .ci/msrv

# One fuzz target for so many seconds
fuzz target seconds="60":
    cargo +nightly fuzz run --fuzz-dir tests/fuzz {{target}} -- -max_total_time={{seconds}}
