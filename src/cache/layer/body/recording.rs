//! A response that is stored while it goes to its client.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use http_body::Frame;

use crate::cache::layer::flight::{Ahead, End, Lead};
use crate::cache::rules::Storable;
use crate::cache::shared::Shared;
use crate::cache::store::Insertion;
use crate::cache::store::entry::{self, Moment, Stored};
use crate::cache::store::key::Key;
use crate::cache::store::targets::Began;
use crate::own::own_values;

/// The place at which a response is to be stored.
pub(crate) struct Place {
    pub(crate) key: Key,
    /// Others wait for it.
    pub(crate) lead: Option<Lead>,
}

/// The head of a response that is to be stored, and how its body has to be.
pub(crate) struct Draft {
    pub(crate) shared: Arc<Shared>,
    pub(crate) place: Place,
    /// The request's fields.
    pub(crate) request: HeaderMap,
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) storable: Storable,
    pub(crate) moment: Moment,
    pub(crate) began: Began,
}

/// The state of a recording after a frame.
pub(crate) enum Progress {
    GoesOn,
    Whole,
    Lost,
}

/// A response, as far as it has come.
///
/// The body is copied, once: a chunk that was read from a connection may keep a buffer of many times its
/// size, and then the bound would be one on paper. So are the values of its head.
pub(crate) struct Recording {
    draft: Option<Draft>,
    /// The bytes that it takes by its head.
    bare: usize,
    shared: Arc<Shared>,
    data: Vec<u8>,
    /// Bytes of room that are taken for `data`.
    room: u64,
    trailers: Option<HeaderMap>,
}

impl Draft {
    /// Tells later requests that the response is too long to be stored, so that they do not wait for it.
    fn let_go_for_length(&self) {
        if let Some(lead) = &self.place.lead {
            self.shared.store.note_too_long(lead.name());
        }
    }

    /// Sets what those who wait are told at its end.
    fn set_end(&mut self, end: End) {
        if let Some(lead) = &mut self.place.lead {
            lead.set_end(end);
        }
    }

    /// Tells those who ask next that there is nothing to wait for.
    fn let_go(&self) {
        if let Some(lead) = &self.place.lead {
            self.shared.store.note_unstored(lead.name());
        }
    }
}

impl Recording {
    /// `None` if there is no room for it.
    pub(crate) fn begin(draft: Draft) -> Option<Box<Self>> {
        let shared = Arc::clone(&draft.shared);
        let bare = entry::bare_size(&draft.headers, &draft.storable.selection);
        let expected = draft.storable.length.unwrap_or(0);
        let fits = shared.store.fits(&draft.place.key, bare, expected);
        if !fits || !shared.store.reserve(expected) {
            draft.let_go();
            return None;
        }
        let mut recording = Box::new(Self {
            draft: Some(draft),
            bare,
            shared,
            data: Vec::new(),
            room: expected,
            trailers: None,
        });
        // No longer than an object may be: that has been judged.
        recording
            .data
            .reserve_exact(usize::try_from(expected).unwrap_or(0));
        Some(recording)
    }

    /// Takes the next of what the body gives: a frame, its end or its failure.
    pub(crate) fn record<E>(
        &mut self,
        frame: Option<&Result<Frame<Bytes>, E>>,
        is_end_stream: bool,
    ) -> Progress {
        let progress = self.add(frame, is_end_stream);
        // RFC 9111 3.3: what was recorded may be as long as was announced all the same.
        if matches!(progress, Progress::Lost) {
            self.lose();
        }
        progress
    }

    fn add<E>(&mut self, frame: Option<&Result<Frame<Bytes>, E>>, is_end_stream: bool) -> Progress {
        match frame {
            Some(Err(_)) => {
                self.set_end(End::Failed);
                Progress::Lost
            }
            None if self.needs_end_of_stream() && !is_end_stream => {
                self.set_end(End::Over);
                Progress::Lost
            }
            None => Progress::Whole,
            Some(Ok(frame)) => {
                if let Some(chunk) = frame.data_ref() {
                    if !self.data(chunk) {
                        return Progress::Lost;
                    }
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.trailers(trailers);
                    return Progress::Whole;
                }
                if is_end_stream {
                    Progress::Whole
                } else {
                    Progress::GoesOn
                }
            }
        }
    }

    /// Adds a chunk; `false` if the body turns out to be too long.
    fn data(&mut self, chunk: &Bytes) -> bool {
        let length = self.data.len() as u64 + chunk.len() as u64;
        let Some(draft) = &self.draft else {
            return false;
        };
        let most = draft.storable.length.unwrap_or(self.shared.limits.object);
        if length > most {
            draft.let_go_for_length();
            return false;
        }
        if length > self.room {
            let grown = (2 * self.room).clamp(length, most);
            if !self.shared.store.reserve(grown - self.room) {
                draft.let_go();
                return false;
            }
            self.room = grown;
            let room = usize::try_from(grown).unwrap_or(usize::MAX);
            self.data.reserve_exact(room - self.data.len());
        }
        self.data.extend_from_slice(chunk);
        true
    }

    fn trailers(&mut self, trailers: &HeaderMap) {
        let mut trailers = trailers.clone();
        own_values(&mut trailers);
        self.trailers = Some(trailers);
    }

    /// Whether others may wait for it.
    pub(crate) fn is_shared(&self) -> bool {
        self.lead().is_some()
    }

    /// Lets those who wait for it read its body ahead of its client.
    pub(crate) fn offer(&self, body: Weak<dyn Ahead>) {
        if let Some(lead) = self.lead() {
            lead.offer(body);
        }
    }

    fn set_end(&mut self, end: End) {
        if let Some(draft) = &mut self.draft {
            draft.set_end(end);
        }
    }

    fn lead(&self) -> Option<&Lead> {
        self.draft.as_ref()?.place.lead.as_ref()
    }

    /// The body, as far as it has come.
    pub(crate) fn data_so_far(&self) -> &[u8] {
        &self.data
    }

    /// Whether it may still be stored.
    pub(crate) fn is_live(&self) -> bool {
        self.draft.is_some()
    }

    /// It will not be stored, which nobody is to wait for. Its data and their room stay until it is dropped.
    fn lose(&mut self) {
        self.draft = None;
    }

    /// Whether nothing but the end itself says that a stream of HTTP/2 is whole.
    pub(crate) fn needs_end_of_stream(&self) -> bool {
        let open =
            |draft: &Draft| draft.version == Version::HTTP_2 && draft.storable.length.is_none();
        self.draft.as_ref().is_some_and(open)
    }

    /// Stores the response, if its body is whole. Gives the body.
    pub(crate) fn finish(mut self: Box<Self>) -> Bytes {
        self.set_end(End::Over);
        let stored = self.is_whole().then(|| self.store()).flatten();
        self.draft = None;
        stored.unwrap_or_else(|| std::mem::take(&mut self.data).into())
    }

    fn is_whole(&self) -> bool {
        let length = self.draft.as_ref().and_then(|draft| draft.storable.length);
        length.is_none_or(|length| length == self.data.len() as u64)
    }

    fn release(&mut self) {
        self.shared.store.release(std::mem::take(&mut self.room));
    }

    /// `None` if it has not become one to store.
    fn store(&mut self) -> Option<Bytes> {
        let mut draft = self.draft.take()?;
        self.release();
        let targets = &self.shared.store.targets;
        let Some(snapshot) = targets.snapshot(&draft.place.key, draft.began) else {
            // It was changed while it was on its way.
            draft.set_end(End::Changed);
            return None;
        };
        draft.set_end(End::Over);
        let Place { key, lead } = draft.place;
        let body = Bytes::from(std::mem::take(&mut self.data).into_boxed_slice());
        let trailers = self.trailers.take();
        let rest = entry::size_of_rest(&body, trailers.as_ref(), &snapshot);
        let stored = Stored {
            status: draft.status,
            version: draft.version,
            headers: draft.headers,
            body: body.clone(),
            trailers,
            life: draft.storable.life,
            selection: draft.storable.selection,
            part: draft.storable.part,
            moment: draft.moment,
            snapshot,
            size: self.bare + rest,
        };
        let store = &self.shared.store;
        match store.insert(key, stored, &draft.request) {
            Insertion::Stored => {
                self.shared.counters.stored.fetch_add(1, Ordering::Relaxed);
            }
            Insertion::Outdated => {}
            Insertion::TooLarge => {
                if let Some(lead) = &lead {
                    store.note_too_long(lead.name());
                }
            }
        }
        // Now those that wait find it.
        drop(lead);
        Some(body)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // A server that has sent as many bytes as were announced does not ask for the end.
        let length = self.draft.as_ref().and_then(|draft| draft.storable.length);
        if length == Some(self.data.len() as u64) {
            self.store();
        }
        self.release();
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}
