//! A same-origin gateway: page, API and bucket under one origin, so that no browser asks for CORS.
//!
//!     cargo run --release -p same-origin-gateway
//!     cargo run --release -p same-origin-gateway -- --config gateway.toml [--listen ADDR] [--check]
//!
//! Without a configuration it shows what it is for: a demo in the browser, all on loopback.

mod admin;
mod answer;
mod args;
mod compress;
mod config;
mod demo;
mod edge;
mod files;
mod live;
mod observe;
mod reload;
mod routes;
mod run;
mod server;
mod signals;

use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use args::{Args, Command};
use config::{Config, Kept, Text};
use mimalloc::MiMalloc;
use observe::{Diagnostics, PATIENCE};
use server::Workers;
use server::listen::sockets::Sockets;
use server::shutdown::StopSignals;
use signals::Signals;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// It takes less processor time for a request, and less memory for an idle connection, than glibc's; and a static binary
/// has it in the place of musl's. `benches/README.md` has the figures.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Exit status of a start that failed: nothing listened.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let command = match Args::parse() {
        Ok(command) => command,
        Err(error) => {
            complain(&format!("{error}\n\n{}", args::USAGE));
            return ExitCode::from(REFUSED);
        }
    };
    let outcome = match command {
        Command::Help => say(args::USAGE),
        Command::Version => say(env!("CARGO_PKG_VERSION")),
        Command::Check(config, listen) => check(&config, listen),
        Command::Serve(args) => run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(REFUSED)
        }
    }
}

fn check(path: &Path, listen: Option<SocketAddr>) -> Result<(), Error> {
    // Of faults that are not the file's, such as a file of the system's authorities, only a log tells.
    let log = fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time();
    let warnings = Targets::new().with_default(LevelFilter::WARN);
    tracing_subscriber::registry()
        .with(log)
        .with(warnings)
        .init();
    let config = Config::load(path, listen)?;
    for warning in config.warnings.lines() {
        say(&format!("warning: {warning}"))?;
    }
    if let Some(hint) = config.hint {
        say(&format!("hint: {hint}"))?;
    }
    say(&format!("{}: ok", path.display()))
}

/// Serves with a log, whose last line is written before the process ends, or says why it does.
fn run(args: &Args) -> Result<(), Error> {
    let log = fmt::layer()
        .with_writer(|| Diagnostics)
        .with_ansi(std::io::stderr().is_terminal());
    let (filter, problem) = log_filter(std::env::var_os("RUST_LOG").as_deref());
    tracing_subscriber::registry().with(log).with(filter).init();
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
    let served = serve(args);
    Diagnostics::finish(PATIENCE);
    served
}

fn serve(args: &Args) -> Result<(), Error> {
    let sockets = match &args.config {
        Some(_) => Sockets::from_env()?,
        None => Sockets::default(),
    };
    // Before there are handlers: a pipe may be one that nobody writes to, and whoever waits for it can be ended.
    let text = args.config.as_deref().map(Text::read);
    // Not for the demo, which ends with its terminal.
    let signals = text.as_ref().map(|_| Signals::hear()).transpose()?;
    let load = |text: Text| Config::of(&text, args.listen, &Kept::default());
    let config = text.map(load).transpose()?;
    for warning in config.iter().flat_map(|config| config.warnings.lines()) {
        tracing::warn!("{warning}");
    }
    // They end with `workers`, after the tunnels that they serve. The demo needs this thread alone.
    let count = config.as_ref().map_or(Some(1), |config| config.workers);
    let (runtime, workers) = Workers::start(count)?;
    let served = runtime.block_on(async {
        match (config, signals, args.config.as_deref()) {
            (Some(config), Some(signals), Some(path)) => {
                run::gateway(config, path, args, sockets, signals, &workers).await
            }
            _ => show(args.listen).await,
        }
    });
    // Requests that were cut at the end of the drain time are not waited for again.
    runtime.shutdown_background();
    served
}

/// The filter of `RUST_LOG` (levels, and levels of targets), and a problem to tell. An empty text means `info`. So
/// does a text that cannot be read, which is told.
///
/// `EnvFilter` knows spans and their fields, too, for which the first command would build regular expressions.
fn log_filter(said: Option<&OsStr>) -> (Targets, Option<String>) {
    let usual = || Targets::new().with_default(LevelFilter::INFO);
    let said = said.unwrap_or_default().to_string_lossy();
    // One that is empty would be the name of all targets, and hide them.
    let parts = said.split(',').map(str::trim);
    let said = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let said = said.join(",");
    if said.is_empty() {
        return (usual(), None);
    }
    const REMEDY: &str = "write a level, or levels of targets: \"warn,same_origin=debug\"";
    match said.parse::<Targets>() {
        Ok(filter) if hides_the_gateway(&filter, &said) => {
            let problem = format!(
                "RUST_LOG: {said:?} shows nothing of the gateway, whose warnings are shown all the same; {REMEDY}"
            );
            let filter = filter.with_target("same_origin", LevelFilter::WARN);
            (filter, Some(problem))
        }
        Ok(filter) => (filter, None),
        Err(error) => {
            let problem =
                format!("RUST_LOG: {said:?} is not used ({error}), and `info` holds; {REMEDY}");
            (usual(), Some(problem))
        }
    }
}

/// Whether nothing that the gateway says is shown, perhaps by mistake: `inf` is read as the name of a target.
fn hides_the_gateway(filter: &Targets, said: &str) -> bool {
    let is_meant = said.contains('=') || said.eq_ignore_ascii_case("off");
    !is_meant && !filter.would_enable(module_path!(), &tracing::Level::ERROR)
}

/// Serves the demo.
async fn show(listen: Option<SocketAddr>) -> Result<(), Error> {
    let stop = StopSignals::new()?;
    let at_once = server::Settings::plain(Duration::ZERO).fixed();
    let stop = server::shutdown::on_signal(stop, &Arc::default(), at_once);
    let demo = demo::Demo::start(listen, stop).await?;
    say(&format!("listening on {}", demo.origin()?))?;
    tracing::info!("open {} in a browser; Ctrl-C ends the demo", demo.origin()?);
    demo.serve().await;
    Ok(())
}

/// Lines on standard error. Where they cannot be written the exit status says enough: `eprintln!` would panic, with
/// another one.
fn complain(lines: &str) {
    let _unheard = writeln!(std::io::stderr(), "{lines}");
}

/// A line on standard output, at once: whoever started the gateway may wait for it.
fn say(line: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    said.map_err(|error| format!("standard output cannot be written: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_hides_everything_by_mistake_is_told_of() {
        for (said, is_used) in [
            ("warn", true),
            ("WARN", true),
            ("off", true),
            ("same_origin", true),
            ("same_origin_gateway=debug", true),
            ("hyper=debug", true),
            ("warn,same_origin=debug", true),
            ("warn, ", true),
            (" , ", true),
            ("hyper", false),
            ("inf", false),
            ("verbose", false),
            ("[", false),
            ("garbage=x=y", false),
        ] {
            let (filter, problem) = log_filter(Some(OsStr::new(said)));
            assert_eq!(problem.is_none(), is_used, "{said}: {problem:?}");
            let shows = filter.would_enable(module_path!(), &tracing::Level::WARN);
            assert!(is_used || shows, "{said}");
        }
    }
}
