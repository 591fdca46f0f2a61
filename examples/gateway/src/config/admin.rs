//! The table `[admin]`: the listener for probes, metrics and purges.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Value;

use super::route::own_address::overlap;
use super::{Checker, listen};

/// The port of the examples.
const PORT: u16 = 9090;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminTable {
    listen: Option<String>,
    ready_upstreams: Option<Value>,
}

impl Checker<'_> {
    pub(super) fn admin(&mut self, admin: AdminTable) -> Option<SocketAddr> {
        self.ready_upstreams = admin.ready_upstreams;
        let Some(text) = &admin.listen else {
            let message = "missing; write \"127.0.0.1:9090\", or remove the table [admin]";
            self.problems.add("admin.listen".to_owned(), message);
            return None;
        };
        // Not the gateway's own port, where the file has taken the usual one.
        let taken = self.listen.map_or(listen::PORT, |listen| listen.port());
        let example = if taken == PORT { PORT + 1 } else { PORT };
        let written = match listen::address_as(text, example) {
            // A port alone would be proposed as it is.
            Err(_) if text.parse() == Ok(taken) => Err(format!(
                "{text:?} is not an address with a port; write \"127.0.0.1:{example}\""
            )),
            written => written,
        };
        let address = self.value("admin.listen", written, |message| message)?;
        self.admin = Some(address);
        if let Some(listen) = self.listen.filter(|listen| overlap(*listen, address)) {
            let message = format!(
                "{text:?} is where the gateway itself listens ({listen}); write another port, which the public cannot reach"
            );
            self.problems.push("admin.listen", message);
        }
        if !address.ip().to_canonical().is_loopback() {
            let warning = "whoever reaches this address can read the metrics and empty the caches; \
                           write \"127.0.0.1:9090\", unless the network keeps others out";
            self.warnings.push("admin.listen", warning);
        }
        Some(address)
    }
}
