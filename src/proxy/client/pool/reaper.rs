//! Connections that lie idle too long, which the clock closes.

use super::Pool;
use crate::proxy::ticker::{self, Ticked, Ticker};
use std::sync::Arc;
use tokio::runtime::Handle;

impl Pool {
    /// Starts the clock if it does not go: one task for a pool, not one for a connection or a request.
    pub(super) fn start_reaper(self: &Arc<Self>) {
        let here = Handle::try_current().ok().map(|runtime| runtime.id());
        if here == self.runtime {
            ticker::start(self);
        }
    }
}

impl Ticked for Pool {
    fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    fn tick(self: &Arc<Self>) -> bool {
        self.sweep()
    }
}
