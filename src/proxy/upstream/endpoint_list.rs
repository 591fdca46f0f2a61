//! A list of endpoints that changes: the requests read it, one task writes it.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::proxy::error::ProxyErrorKind;
use crate::proxy::mount::map::Origins;
use crate::proxy::upstream::Upstream;
use crate::proxy::upstream::endpoint::Endpoint;
use crate::proxy::upstream::member::Member;

/// Makes the source of a list's changes.
pub(crate) type Changes = Box<dyn FnOnce(Arc<EndpointList>) -> Source + Send>;
/// Gives the future that writes the changes into their list, and another one that goes on if the first was dropped.
pub(crate) type Source = Box<dyn FnMut() -> Writing + Send>;
type Writing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The list as the requests see it.
pub(crate) struct EndpointList {
    /// The upstream that all of them are endpoints of.
    service: Upstream,
    members: ArcSwap<Vec<Arc<Member>>>,
    origins: Origins,
    /// First look-ups under way.
    first_lookups: AtomicUsize,
    /// Told when one of them has ended.
    answered: Notify,
}

/// A first look-up under way, until this is dropped.
#[cfg(feature = "dns")]
pub(crate) struct FirstLookup(Arc<EndpointList>);

#[cfg(feature = "dns")]
impl Drop for FirstLookup {
    fn drop(&mut self) {
        self.0.first_lookups.fetch_sub(1, Ordering::AcqRel);
        self.0.answered.notify_waiters();
    }
}

impl EndpointList {
    pub(crate) fn new(service: Upstream, origins: Origins) -> Arc<Self> {
        Arc::new(Self {
            service,
            members: ArcSwap::default(),
            origins,
            first_lookups: AtomicUsize::new(0),
            answered: Notify::new(),
        })
    }

    #[cfg(feature = "dns")]
    pub(crate) fn first_lookup(self: &Arc<Self>) -> FirstLookup {
        self.first_lookups.fetch_add(1, Ordering::AcqRel);
        FirstLookup(Arc::clone(self))
    }

    /// Whether the list is empty only because its first look-up has not ended.
    fn is_open(&self) -> bool {
        self.first_lookups.load(Ordering::Acquire) > 0 && self.members.load().is_empty()
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

    #[cfg(feature = "dns")]
    pub(crate) fn is_empty(&self) -> bool {
        self.members.load().is_empty()
    }

    pub(crate) fn member(&self, endpoint: &Endpoint) -> Arc<Member> {
        let named = endpoint.name.as_ref();
        // An endpoint's name was checked as an upstream's is.
        let named = named.and_then(|name| self.service.named(name).ok());
        let mut upstream = named.unwrap_or_else(|| self.service.clone());
        upstream.destination = upstream.destination.at(endpoint.address);
        Arc::new(Member::new(upstream))
    }

    pub(crate) fn publish(&self, members: Vec<Arc<Member>>) {
        let mut origins = vec![self.service.destination.clone()];
        for member in &members {
            let destination = &member.upstream.destination;
            if !origins
                .iter()
                .any(|known| known.is_same_origin(destination))
            {
                origins.push(destination.clone());
            }
        }
        self.origins.replace(origins);
        #[cfg(feature = "tracing")]
        tracing::debug!(
            upstream = self.service.destination.authority().as_str(),
            endpoints = members.len(),
            "the list of endpoints has changed"
        );
        self.members.store(Arc::new(members));
    }
}

/// A list and its writer, which ends when this is dropped.
pub(crate) struct Discovery {
    list: Arc<EndpointList>,
    /// Whether a task writes, or nothing more is to come.
    is_written: Arc<AtomicBool>,
    writer: Mutex<Writer>,
    /// The time for which a request waits for the first answer.
    patience: Duration,
    /// The failure of a request when the list is empty.
    empty: ProxyErrorKind,
}

struct Writer {
    source: Source,
    /// `None` if there was no runtime yet, or the changes came to their end at once.
    task: Option<AbortOnDropHandle<()>>,
}

/// Held by the task that writes. A runtime that ends drops both.
struct Alive {
    is_written: Arc<AtomicBool>,
    has_ended: bool,
}

impl Alive {
    async fn until_end_of(mut self, writing: Writing) {
        writing.await;
        self.has_ended = true;
    }
}

impl Drop for Alive {
    /// Another runtime has to go on. Not after a panic: there would be another one.
    fn drop(&mut self) {
        if !self.has_ended && !std::thread::panicking() {
            self.is_written.store(false, Ordering::Release);
        }
    }
}

impl Discovery {
    pub(crate) fn new(
        list: Arc<EndpointList>,
        changes: Changes,
        patience: Duration,
        empty: ProxyErrorKind,
    ) -> Self {
        let source = changes(Arc::clone(&list));
        let discovery = Self {
            list,
            is_written: Arc::default(),
            writer: Mutex::new(Writer { source, task: None }),
            patience,
            empty,
        };
        discovery.begin();
        discovery
    }

    /// The reason why there is no endpoint.
    pub(crate) fn why_empty(&self) -> ProxyErrorKind {
        self.empty
    }

    pub(crate) fn service(&self) -> &Upstream {
        &self.list.service
    }

    pub(crate) fn members(&self) -> Guard<Arc<Vec<Arc<Member>>>> {
        if !self.is_written.load(Ordering::Acquire) {
            self.begin();
        }
        self.list.members.load()
    }

    /// Whether an empty list was not the last word: its first look-up was under way, and has ended now.
    pub(crate) async fn is_awaited(&self) -> bool {
        self.list.is_open()
            && tokio::time::timeout(self.patience, self.list.settle())
                .await
                .is_ok()
    }

    /// Begins to follow the changes, if there is a runtime to do it in, or goes on where one has ended. Changes
    /// that are ready at once are there for the first request.
    fn begin(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_written.load(Ordering::Acquire) {
            return;
        }
        let mut writing = (writer.source)();
        let mut nobody = Context::from_waker(Waker::noop());
        // As in its task: a stream that panics, by a timer of a runtime that is over, ends itself and not a request.
        let polled = catch_unwind(AssertUnwindSafe(|| writing.as_mut().poll(&mut nobody)));
        // Set now, when the changes that are ready are in the list, so that no other request begins as well; and
        // before the task is spawned, because that may be dropped at once.
        self.is_written.store(true, Ordering::Release);
        if !matches!(polled, Ok(Poll::Pending)) {
            return;
        }
        let alive = Alive {
            is_written: Arc::clone(&self.is_written),
            has_ended: false,
        };
        let task = runtime.spawn(alive.until_end_of(writing));
        writer.task = Some(AbortOnDropHandle::new(task));
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery")
            .field("service", &self.list.service)
            .field("members", &self.list.members.load().len())
            .finish_non_exhaustive()
    }
}
