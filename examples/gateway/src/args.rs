//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

use crate::config::listen;

pub const USAGE: &str = "\
usage: same-origin-gateway [--listen ADDR]                     the demo, on loopback
       same-origin-gateway --config FILE [--listen ADDR] [--check]

  --config FILE   what to serve, as TOML; without it the demo is served
  --listen ADDR   listen here (127.0.0.1:8080; port 0: any that is free), whatever the file says
  --check         report every problem of the file and exit: 0 if there is none, 2 otherwise
  --help, --version

Logs go to standard error; RUST_LOG chooses which (info by default).";

pub struct Args {
    pub config: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
}

pub enum Command {
    Serve(Args),
    /// The check of a file, and the address of the command line, which goes before the file's.
    Check(PathBuf, Option<SocketAddr>),
    Help,
    Version,
}

impl Args {
    pub fn parse() -> Result<Command, lexopt::Error> {
        Self::from_parser(Parser::from_env())
    }

    fn from_parser(mut parser: Parser) -> Result<Command, lexopt::Error> {
        let mut args = Self {
            config: None,
            listen: None,
        };
        let mut check = None;
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("config") => once(&mut args.config, "config", parser.value()?.into())?,
                Arg::Long("listen") => once(
                    &mut args.listen,
                    "listen",
                    parser.value()?.parse_with(listen::address)?,
                )?,
                Arg::Long("check") => once(&mut check, "check", ())?,
                Arg::Short('h') | Arg::Long("help") => return Ok(Command::Help),
                Arg::Short('V') | Arg::Long("version") => return Ok(Command::Version),
                Arg::Short(_) | Arg::Long(_) | Arg::Value(_) => return Err(arg.unexpected()),
            }
        }
        Ok(match (check, args.config) {
            // A check without a file would say of none that it is good.
            (Some(()), None) => return Err("--check needs --config FILE".into()),
            (Some(()), Some(config)) => Command::Check(config, args.listen),
            (None, config) => Command::Serve(Self { config, ..args }),
        })
    }
}

/// Sets an option; of two values one would be for nothing.
fn once<T>(option: &mut Option<T>, name: &str, value: T) -> Result<(), lexopt::Error> {
    match option.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("--{name} is given twice").into()),
    }
}
