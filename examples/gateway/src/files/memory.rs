//! Whole answers with small files, plain and compressed, so that a file that everybody asks for is not looked
//! up, opened, read and compressed for each of them.
//!
//! An answer is repeated for a second. Then the file is read again, and the compressed form stays if the
//! bytes behind it are the same: two versions of a file can have one length and one date (an archive that
//! is unpacked, a reproducible build). To ask the file system each time would be exact, and costs a trip
//! to another thread, which is more than the rest of the answer; to ask it on the worker would let a
//! network drive that hangs stop every route.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, IF_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use moka::sync::Cache;
use same_origin::proxy::Body;

use super::Head;
use super::known::{Known, not_modified};
use crate::compress::Codings;

/// The longest file, in bytes, that is read at once and remembered.
pub const SMALL: u64 = 128 << 10;

/// Bytes that a route remembers at most.
const ROOM: u64 = 16 << 20;

/// The size of an answer beside its content and its path, in bytes: its head and its place.
const OVERHEAD: usize = 2 << 10;

/// The time for which an answer is repeated without a look at the file.
const FRESH: Duration = Duration::from_secs(1);

/// The time for which a file must have been as it is to be remembered, as one that is written now may be written again.
/// At least two seconds: `Last-Modified` is cut to whole ones.
const SETTLED: Duration = Duration::from_secs(3);

/// The answers of one directory.
#[derive(Clone, Debug)]
pub struct Memory(Cache<Key, Arc<Answer>>);

/// The facts that an answer depends on: the path in any spelling, and the codings that the client takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    path: Box<str>,
    accepted: Codings,
}

/// An answer of 200.
#[derive(Debug)]
pub struct Answer {
    headers: HeaderMap,
    /// The content as it is sent.
    pub content: Bytes,
    /// The content of the file, which may be the same.
    plain: Bytes,
    read: Instant,
}

impl Memory {
    pub fn new() -> Self {
        let answers = Cache::builder()
            .weigher(|key: &Key, answer: &Arc<Answer>| answer.weight(key))
            .max_capacity(ROOM);
        Self(answers.build())
    }

    /// The answer to a request, if it was given within the last second: to a client that has it already,
    /// a 304.
    pub fn recall(&self, key: &Key, known: &Known) -> Option<Response<Body>> {
        let answer = self.0.get(key)?;
        if answer.read.elapsed() > FRESH {
            return None;
        }
        Some(match known.covers(&answer.headers) {
            true => not_modified(&answer.headers),
            false => answer.whole(),
        })
    }

    /// The answer that is remembered with this key, fresh or not.
    pub fn last(&self, key: &Key) -> Option<Arc<Answer>> {
        self.0.get(key)
    }

    /// Remembers an answer from now on, and gives it.
    pub fn keep(
        &self,
        key: Key,
        headers: HeaderMap,
        content: Bytes,
        plain: Bytes,
    ) -> Response<Body> {
        let answer = Arc::new(Answer {
            headers,
            content,
            plain,
            read: Instant::now(),
        });
        let response = answer.whole();
        self.0.insert(key, answer);
        response
    }
}

impl Key {
    /// `None` for a request that is not a `GET`, or that is answered by the file's state or with a part of it. Whether
    /// the client has the answer already is not asked here.
    pub fn of(head: &Head, accepted: Codings) -> Option<Self> {
        let headers = head.headers();
        let names = [RANGE, IF_MATCH, IF_UNMODIFIED_SINCE];
        // The memory holds answers to `GET`; a `POST` is not answered with a file at all.
        let is_plain =
            head.method() == Method::GET && !names.iter().any(|name| headers.contains_key(name));
        is_plain.then(|| Self {
            path: head.uri().path().into(),
            accepted,
        })
    }

    /// The key of the directory's page, which stands for paths that are not files.
    pub fn of_page(self) -> Self {
        Self {
            path: "/".into(),
            ..self
        }
    }
}

impl Answer {
    fn whole(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.content.clone()));
        *response.headers_mut() = self.headers.clone();
        // For a HEAD, whose content is taken away.
        let length = HeaderValue::from(self.content.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        response
    }

    /// Whether this is still the answer with a file.
    pub fn is_of(&self, headers: &HeaderMap, plain: &Bytes) -> bool {
        self.headers == *headers && self.plain == *plain
    }

    /// The path counts, because one file has as many of them as a client likes: some slashes more are the same file, and
    /// each path is remembered.
    fn weight(&self, key: &Key) -> u32 {
        let content = self.content.len() + self.plain.len();
        u32::try_from(key.path.len() + content + OVERHEAD).unwrap_or(u32::MAX)
    }
}

/// Whether an answer is one to remember: a whole small file that has been as it is for a while.
pub fn is_lasting<B>(found: &Response<B>) -> bool {
    let text = |name| {
        found
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let length = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    let date = text(LAST_MODIFIED).and_then(|date| httpdate::parse_http_date(date).ok());
    let age = date.and_then(|date| SystemTime::now().duration_since(date).ok());
    found.status() == StatusCode::OK
        && length.is_some_and(|length| length <= SMALL)
        && age.is_some_and(|age| age >= SETTLED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_of_a_short_file_have_no_more_room_than_long_files() {
        let memory = Memory::new();
        let length = 10_000;
        for number in 0..3000 {
            let key = Key {
                path: format!("{number:0length$}").into(),
                accepted: Codings::default(),
            };
            memory.keep(key, HeaderMap::new(), Bytes::new(), Bytes::new());
        }
        memory.0.run_pending_tasks();
        assert!(memory.0.entry_count() * length as u64 <= ROOM);
        assert!(memory.0.entry_count() > 1000);
    }
}
