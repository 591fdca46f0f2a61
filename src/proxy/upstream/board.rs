//! Where requests read a list of upstreams that changes, and who writes on it.

use crate::proxy::client::ConnectTo;
use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::Origins;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::balance::Member;
use crate::proxy::upstream::endpoint::Endpoint;
use arc_swap::{ArcSwap, Guard};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

/// What follows the changes once there is a board to write them on.
pub(crate) type Changes = Box<dyn FnOnce(Arc<Board>) -> Following + Send>;
type Following = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The list as the requests see it.
pub(crate) struct Board {
    /// Who all of them are.
    service: Upstream,
    members: ArcSwap<Vec<Arc<Member>>>,
    origins: Origins,
    /// How many are being asked for the first time.
    expected: AtomicUsize,
    /// Told when one of them has answered.
    answered: Notify,
}

/// Somebody is being asked for the first time, until this is dropped.
#[cfg(feature = "dns")]
pub(crate) struct Expected(Arc<Board>);

#[cfg(feature = "dns")]
impl Drop for Expected {
    fn drop(&mut self) {
        self.0.expected.fetch_sub(1, Ordering::AcqRel);
        self.0.answered.notify_waiters();
    }
}

impl Board {
    pub(crate) fn new(service: Upstream, origins: Origins) -> Arc<Self> {
        Arc::new(Self {
            service,
            members: ArcSwap::default(),
            origins,
            expected: AtomicUsize::new(0),
            answered: Notify::new(),
        })
    }

    #[cfg(feature = "dns")]
    pub(crate) fn expect(self: &Arc<Self>) -> Expected {
        self.expected.fetch_add(1, Ordering::AcqRel);
        Expected(Arc::clone(self))
    }

    /// Whether there is still somebody to be asked before the list can be called empty.
    fn is_open(&self) -> bool {
        self.expected.load(Ordering::Acquire) > 0 && self.members.load().is_empty()
    }

    async fn settle(&self) {
        loop {
            let answered = self.answered.notified();
            if !self.is_open() {
                return;
            }
            answered.await;
        }
    }

    pub(crate) fn member(&self, endpoint: &Endpoint) -> Arc<Member> {
        let named = endpoint.name.as_ref();
        // An endpoint's name was checked as an upstream's is.
        let named = named.and_then(|name| self.service.named(name).ok());
        let upstream = named.unwrap_or_else(|| self.service.clone());
        let (protocol, authority) = (upstream.protocol, upstream.authority.clone());
        let place = ConnectTo::new(protocol, authority, endpoint.address);
        Arc::new(Member::new(upstream, Some(place)))
    }

    pub(crate) fn publish(&self, members: Vec<Arc<Member>>) {
        let mut origins = vec![self.service.origin()];
        for member in &members {
            let origin = member.upstream.origin();
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        self.origins.replace(origins);
        #[cfg(feature = "tracing")]
        tracing::debug!(
            upstream = self.service.authority.as_str(),
            endpoints = members.len(),
            "the list of endpoints has changed"
        );
        self.members.store(Arc::new(members));
    }
}

/// A board and who writes on it; dropped, the writing ends.
pub(crate) struct Discovery {
    board: Arc<Board>,
    begun: AtomicBool,
    following: Mutex<State>,
    /// How long a request waits for the first answer.
    patience: Duration,
    /// What it means that the list is empty.
    empty: ProxyErrorKind,
}

enum State {
    /// There was no runtime yet.
    Waiting(Following),
    Running(AbortHandle),
    /// The changes came to their end at once.
    Ended,
}

impl Discovery {
    pub(crate) fn new(
        board: Arc<Board>,
        changes: Changes,
        patience: Duration,
        empty: ProxyErrorKind,
    ) -> Self {
        let following = changes(Arc::clone(&board));
        let discovery = Self {
            board,
            begun: AtomicBool::new(false),
            following: Mutex::new(State::Waiting(following)),
            patience,
            empty,
        };
        discovery.begin();
        discovery
    }

    /// Why there is nobody to go to.
    pub(crate) fn why_none(&self) -> ProxyErrorKind {
        if self.board.members.load().is_empty() {
            self.empty
        } else {
            ProxyErrorKind::NoUpstream
        }
    }

    pub(crate) fn service(&self) -> &Upstream {
        &self.board.service
    }

    pub(crate) fn members(&self) -> Guard<Arc<Vec<Arc<Member>>>> {
        if !self.begun.load(Ordering::Acquire) {
            self.begin();
        }
        self.board.members.load()
    }

    /// Whether an empty list was not the last word: it was being asked for the first time, and now
    /// something is known.
    pub(crate) async fn is_expected(&self) -> bool {
        self.board.is_open()
            && tokio::time::timeout(self.patience, self.board.settle())
                .await
                .is_ok()
    }

    /// Begins to follow the changes, if there is a runtime to do it in. What is known at once is there
    /// for the first request.
    fn begin(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut state = self
            .following
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *state = match std::mem::replace(&mut *state, State::Ended) {
            State::Waiting(mut following) => {
                let mut nobody = Context::from_waker(Waker::noop());
                match following.as_mut().poll(&mut nobody) {
                    Poll::Ready(()) => State::Ended,
                    Poll::Pending => State::Running(runtime.spawn(following).abort_handle()),
                }
            }
            begun => begun,
        };
        self.begun.store(true, Ordering::Release);
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        let state = self
            .following
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let State::Running(task) = state {
            task.abort();
        }
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("service", &self.board.service)
            .field("members", &self.board.members.load().len())
            .finish_non_exhaustive()
    }
}
