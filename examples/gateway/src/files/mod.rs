//! A directory of static files under a prefix, compressed, with the single-page-application rule.

mod disk;
mod encodings;
mod headers;
mod known;
mod memory;
mod outer;
mod paths;
mod ranges;

use std::convert::Infallible;
use std::future::ready;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use disk::Disk;
pub use headers::{HeaderRule, HeaderRules, PathPattern};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use known::Known;
use memory::{Key, Memory, is_lasting};
pub use outer::OuterPrefix;
use paths::{directory, is_hidden, is_too_long, names_no_file};
use ranges::Part;
use same_origin::proxy::Body;
use tower::{Service, ServiceExt};
use tower_http::services::ServeDir;
use tower_http::services::fs::{DefaultServeDirFallback, ServeFileSystemResponseBody};

use crate::answer::{not_found, refused};
use crate::compress::{Claim, Coding, Codings, compress, compress_at_once, goes_coded};

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, Infallible>> + Send>>;
type Head = Request<Empty<Bytes>>;
type Found = Response<ServeFileSystemResponseBody>;
type Directory = ServeDir<DefaultServeDirFallback, Disk>;

/// Serves the files of a directory: GET and HEAD, ranges, validators, no listings.
#[derive(Clone)]
pub struct Files {
    /// Without a trailing slash; empty for the root.
    prefix: Arc<str>,
    files: Lookup,
    /// Forms that files may be sent in.
    codings: Codings,
    memory: Memory,
    headers: HeaderRules,
}

/// A file, or the page that stands for what the application routes by itself.
#[derive(Clone)]
struct Lookup {
    dir: Directory,
    spa: bool,
}

impl Files {
    /// With `spa`, an unknown path whose last segment has no dot gets the directory's `index.html`. A file `x.js` may be there in a
    /// compressed form, too, as `x.js.br`, `x.js.zst` or `x.js.gz`; others are compressed when they are sent.
    pub fn new(prefix: &str, dir: &Path, spa: bool, codings: Codings) -> Self {
        let prefix = prefix.trim_end_matches('/');
        let mut dir = ServeDir::with_backend(dir, Disk).redirect_path_prefix(prefix);
        for coding in codings.iter() {
            dir = match coding {
                Coding::Zstd => dir.precompressed_zstd(),
                Coding::Br => dir.precompressed_br(),
                Coding::Gzip => dir.precompressed_gzip(),
            };
        }
        Self {
            prefix: prefix.into(),
            files: Lookup { dir, spa },
            codings,
            memory: Memory::new(),
            headers: HeaderRules::default(),
        }
    }

    /// With fields that answers lose and get.
    pub fn with_headers(self, headers: HeaderRules) -> Self {
        Self { headers, ..self }
    }
}

impl<B> Service<Request<B>> for Files {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Response<Body>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(path) = self.headers.path(request.uri().path()) else {
            return self.answer(request, self.codings);
        };
        // The page that stands in for an unknown path has the fields of the root, and not of that path.
        let page = [self.prefix.as_bytes(), b"/"].concat();
        let rules = self.headers.clone();
        let may_be_page = self.files.spa && names_no_file(request.uri().path());
        let may_be_coded = rules.may_be_coded(&path) && (!may_be_page || rules.may_be_coded(&page));
        let codings = if may_be_coded {
            self.codings
        } else {
            Codings::default()
        };
        let answer = self.answer(request, codings);
        Box::pin(async move {
            let mut answer = answer.await?;
            let is_page = answer.extensions().get::<IsPage>().is_some();
            let path = if is_page { page } else { path };
            rules.apply(&path, answer.status(), answer.headers_mut());
            Ok(answer)
        })
    }
}

impl Files {
    /// The answer without the fields of the configuration, as the browser is to see it.
    fn answer<B>(&self, mut request: Request<B>, codings: Codings) -> BoxFuture<Response<Body>> {
        let Some(outer) = request.extensions_mut().remove::<OuterPrefix>() else {
            return self.own_answer(request, codings);
        };
        let answer = self.own_answer(request, codings);
        Box::pin(async move {
            let mut answer = answer.await?;
            outer.apply(answer.headers_mut());
            Ok(answer)
        })
    }

    /// The answer as if no proxy had taken a prefix away.
    fn own_answer<B>(&self, request: Request<B>, codings: Codings) -> BoxFuture<Response<Body>> {
        if let Some(response) = refused(&request) {
            return Box::pin(ready(Ok(response)));
        }
        let path = request.uri().path();
        // A directory's path gets its slash by a redirect, which after two slashes would name a host
        // (RFC 3986 4.2).
        if is_too_long(path) || is_hidden(path) || path.starts_with("//") {
            return Box::pin(ready(Ok(not_found())));
        }
        if let Some(path) = directory(path) {
            return self.own_answer_at(path, request, codings);
        }
        let (mut head, _body) = request.into_parts();
        match below(&self.prefix, &head.uri) {
            Target::Below(uri) => head.uri = uri,
            Target::Beside(location) => return Box::pin(ready(Ok(redirect(location)))),
        }
        ranges::ask(&head.method, &mut head.headers);
        // RFC 9110 9.3.2: a HEAD is told what a GET would be, whose content the routes take away. A file
        // is read when its content is asked for, unless it is small.
        if head.method == Method::HEAD {
            head.method = Method::GET;
        }
        self.found(Request::from_parts(head, Empty::new()), codings)
    }

    /// The answer to a request that ends in an encoded slash: at the same path with a plain one, by which relative links
    /// work, if there is anything.
    fn own_answer_at<B>(
        &self,
        path: String,
        mut request: Request<B>,
        codings: Codings,
    ) -> BoxFuture<Response<Body>> {
        let query = request.uri().query().map(|query| format!("?{query}"));
        let target = path + &query.unwrap_or_default();
        let (Ok(uri), Ok(location)) = (target.parse(), HeaderValue::try_from(target)) else {
            return Box::pin(ready(Ok(not_found())));
        };
        *request.uri_mut() = uri;
        let answer = self.own_answer(request, codings);
        Box::pin(async move {
            let answer = answer.await?;
            Ok(match answer.status() {
                StatusCode::NOT_FOUND => answer,
                _ => redirect(location),
            })
        })
    }

    /// The answer to a request that may be answered with a file, from memory or from the disk.
    fn found(&self, mut head: Head, codings: Codings) -> BoxFuture<Response<Body>> {
        let accepted = codings.accepted(head.headers());
        let known = Known::take(&mut head);
        let claim = head.extensions_mut().remove::<Claim>();
        let key = Key::of(&head, accepted);
        let remembers = |key| self.memory.recall(key, &known);
        if let Some(answer) = key.as_ref().and_then(remembers) {
            return Box::pin(ready(Ok(answer)));
        }
        encodings::ask(accepted, head.headers_mut());
        let (files, memory) = (self.files.clone(), self.memory.clone());
        Box::pin(async move {
            let found = files.oneshot(head).await?;
            let page = found.extensions().get::<IsPage>().copied();
            let found = match key {
                Some(key) if is_lasting(&found) => remembered(&memory, key, accepted, found).await,
                Some(_) | None => coded(accepted, claim.as_ref(), &known, found),
            };
            let mut answer = known.answer(found);
            if let Some(page) = page {
                answer.extensions_mut().insert(page);
            }
            Ok(answer)
        })
    }
}

/// The answer with a file in the form that the client takes, compressed while it is sent.
fn coded(accepted: Codings, claim: Option<&Claim>, known: &Known, found: Found) -> Response<Body> {
    let (parts, file) = found.into_parts();
    // A client that has the form already needs no encoder, of which there may be none.
    if parts.status == StatusCode::OK && !matches!(known, Known::Nothing) {
        let head = Response::from_parts(parts.clone(), Body::empty());
        let head = with_tag(compress_at_once(accepted, head));
        if known.covers(head.headers()) {
            return head;
        }
    }
    with_tag(compress(accepted, claim, Response::from_parts(parts, file)))
}

fn with_tag(mut coded: Response<Body>) -> Response<Body> {
    encodings::answer(coded.status(), coded.headers_mut());
    coded
}

/// The same, read as a whole and remembered.
async fn remembered(memory: &Memory, key: Key, accepted: Codings, found: Found) -> Response<Body> {
    let key = match found.extensions().get::<IsPage>() {
        Some(IsPage) => key.of_page(),
        None => key,
    };
    let (parts, file) = found.into_parts();
    let Ok(plain) = whole(file).await else {
        return failed();
    };
    let found = Response::from_parts(parts, Body::from(plain.clone()));
    let (parts, body) = with_tag(compress_at_once(accepted, found)).into_parts();
    let last = memory
        .last(&key)
        .filter(|last| last.is_of(&parts.headers, &plain));
    let content = match last {
        Some(last) => last.content.clone(),
        None => match whole(body).await {
            Ok(content) => content,
            Err(_) => return failed(),
        },
    };
    memory.keep(key, parts.headers, content, plain)
}

async fn whole<B: http_body::Body<Data = Bytes>>(body: B) -> Result<Bytes, B::Error> {
    Ok(body.collect().await?.to_bytes())
}

fn failed() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// Marks a page that stands for a path that is not a file.
#[derive(Clone, Copy, Debug)]
struct IsPage;

/// The target of a request below a prefix.
#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// To a file of the directory.
    Below(Uri),
    /// To the prefix itself, without the slash that relative links of its page need.
    Beside(HeaderValue),
}

fn below(prefix: &str, uri: &Uri) -> Target {
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let rest = target.strip_prefix(prefix).unwrap_or(target);
    if rest.starts_with('/') {
        // A rest that begins with a slash is a target as the whole was one.
        return Target::Below(rest.parse().unwrap_or_default());
    }
    let location = HeaderValue::try_from(format!("{prefix}/{rest}"));
    Target::Beside(location.unwrap_or(HeaderValue::from_static("/")))
}

fn redirect(location: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

impl Service<Head> for Lookup {
    type Response = Found;
    type Error = Infallible;
    type Future = BoxFuture<Found>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, head: Head) -> Self::Future {
        let Self { dir, spa } = self.clone();
        Box::pin(async move {
            let page = (spa && names_no_file(head.uri().path())).then(|| index(&head));
            let found = read(&dir, head).await?;
            match page {
                Some(page) if found.status() == StatusCode::NOT_FOUND => {
                    let mut found = read(&dir, page).await?;
                    found.extensions_mut().insert(IsPage);
                    Ok(found)
                }
                Some(_) | None => Ok(found),
            }
        })
    }
}

/// The same request for the directory's page.
fn index(head: &Head) -> Head {
    let mut page = head.clone();
    *page.uri_mut() = Uri::default();
    page
}

/// A file, or the part of it that is asked for.
async fn read(dir: &Directory, mut head: Head) -> Result<Found, Infallible> {
    let part = Part::of(&head);
    // RFC 9110 14.2: a range is one of the plain file, which every client can put together.
    if part.is_some() {
        head.headers_mut().remove(header::ACCEPT_ENCODING);
    }
    let found = in_best_form(dir, head).await?;
    match part {
        Some(part) if part.must_be_whole(&found) => in_best_form(dir, part.whole).await,
        Some(part) if part.may_be_of_coded(&found) => {
            let whole = in_best_form(dir, part.whole).await?;
            Ok(if goes_coded(&whole) { whole } else { found })
        }
        Some(_) | None => Ok(found),
    }
}

/// A file in the form that the client likes most of those that are there. An empty one is not a form of anything, because
/// nothing takes some bytes in each coding: a compressor that fails leaves such.
async fn in_best_form(dir: &Directory, head: Head) -> Result<Found, Infallible> {
    let takes_coding = head.headers().contains_key(header::ACCEPT_ENCODING);
    let plain = takes_coding.then(|| head.clone());
    let found = dir.clone().oneshot(head).await?;
    match plain {
        Some(mut plain) if is_empty_form(&found) => {
            plain.headers_mut().remove(header::ACCEPT_ENCODING);
            dir.clone().oneshot(plain).await
        }
        Some(_) | None => Ok(found),
    }
}

fn is_empty_form(found: &Found) -> bool {
    let headers = found.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::CONTENT_ENCODING) && length.is_some_and(|length| length == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_taken_off_and_its_root_gets_its_slash() {
        let below = |prefix, uri: &'static str| match below(prefix, &Uri::from_static(uri)) {
            Target::Below(uri) => uri.to_string(),
            Target::Beside(location) => format!("-> {}", location.to_str().unwrap()),
        };
        assert_eq!(below("", "/a?b"), "/a?b");
        assert_eq!(below("/docs", "/docs/a%20b?c"), "/a%20b?c");
        assert_eq!(below("/docs", "/docs/"), "/");
        assert_eq!(below("/docs", "/docs"), "-> /docs/");
        assert_eq!(below("/docs", "/docs?a=b"), "-> /docs/?a=b");
    }
}
