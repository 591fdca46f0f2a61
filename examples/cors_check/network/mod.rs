//! The way to the servers, and the question before what may change something.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, COOKIE};
use same_origin::browser::{Exchange, Web};
use same_origin::proxy::{_pem as pem, Client, Timeouts};

use crate::args::Args;
use crate::shown::shown;

/// The web as it is, found and trusted as the arguments say.
///
/// # Errors
/// The file of authorities that cannot be read, or a system without any.
pub fn web(args: &Args) -> Result<Web, String> {
    let client = Client::builder().timeouts(Timeouts::default().connect(args.timeout));
    let client = match args.authorities.is_empty() {
        true => client,
        false => client.tls_config(Arc::new(trusting(&args.authorities)?)),
    };
    let client = client.build().map_err(|error| error.to_string())?;
    let web = Web::network_by(client)
        .deadline(args.timeout)
        .engine(args.engine);
    let addresses = args.addresses.iter();
    let web = addresses.fold(web, |web, (origin, address)| web.resolve(origin, *address));
    let (preflight_only, yes) = (args.preflight_only, args.yes);
    Ok(web.permit(move |request| permits(request, preflight_only, yes)))
}

/// The system's authorities and those of the files.
fn trusting(files: &[PathBuf]) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    // A system without any is not a fault where one's own are given.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for file in files {
        let wrong = |error: &dyn std::fmt::Display| format!("--cacert {}: {error}", file.display());
        for certificate in pem::certificates(file).map_err(|error| wrong(&error))? {
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// A request that may change something is announced: the server will do it. On a terminal it is asked about.
fn permits(request: &Exchange, preflight_only: bool, yes: bool) -> bool {
    if request.is_preflight() || request.method().is_safe() {
        return true;
    }
    let request = shown(&announcement(request));
    if preflight_only {
        eprintln!("not sent: {request}");
        return false;
    }
    let asks = !yes && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !asks {
        eprintln!("sending {request}");
        return true;
    }
    eprint!("send {request}? [y/N] ");
    let mut answer = String::new();
    let _ = std::io::stderr().flush();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The request without its secrets: `PUT https://… with authorization, cookie and 2 bytes`.
fn announcement(request: &Exchange) -> String {
    let headers = request.headers();
    let mut with: Vec<_> = headers
        .keys()
        .map(|name| name.as_str())
        .filter(|name| is_of_script(name) || *name == COOKIE)
        .map(str::to_owned)
        .collect();
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    with.extend(length.map(|length| format!("{length} bytes of body")));
    let with = match with.is_empty() {
        true => String::new(),
        false => format!(" with {}", with.join(", ")),
    };
    format!("{} {}{with}", request.method(), request.url())
}

/// Not one that every request of a browser has.
fn is_of_script(name: &str) -> bool {
    let own = [
        "accept",
        "accept-language",
        "content-length",
        "cookie",
        "host",
        "origin",
        "referer",
        "user-agent",
    ];
    !own.contains(&name) && !name.starts_with("sec-fetch-")
}

#[cfg(test)]
mod tests;
