//! The way of an unsafe request, which ends what is stored of its target.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use tokio::time::Instant;
use tower_service::Service;

use crate::cache::http::control::RequestControl;
use crate::cache::http::status::Forward;
use crate::cache::layer::body::Body;
use crate::cache::layer::body::recording;
use crate::cache::layer::fetch::{Trial, send};
use crate::cache::rules::changes::Sent;
use crate::cache::shared::Shared;
use crate::cache::store::key;

/// Sends an unsafe request on, and notes what it changes (RFC 9111 4.4).
pub(crate) async fn change<S, Q, R>(
    shared: Arc<Shared>,
    mut service: S,
    request: Request<Q>,
) -> Result<Response<Body<R>>, S::Error>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: http_body::Body<Data = Bytes>,
{
    let (parts, body) = request.into_parts();
    let sent = Sent::of(&parts);
    // RFC 9111 5.2.1.5.
    let may_keep = parts.method == Method::POST && !RequestControl::of(&parts.headers).no_store;
    let kept = may_keep.then(|| (key::of(&parts), parts.headers.clone()));
    let began = Instant::now();
    let response = send(&mut service, Request::from_parts(parts, body)).await?;
    let status = response.status();
    if !status.is_success() && !status.is_redirection() {
        return Ok(shared.passed(response, Forward::Method));
    }
    let named = |field| sent.named(response.headers(), &field);
    let at = named(header::CONTENT_LOCATION);
    for target in [named(header::LOCATION), at.clone()].into_iter().flatten() {
        shared.change(&target);
    }
    shared.change(&sent.target);
    if let Some(destination) = &sent.destination {
        shared.change(destination);
    }
    let is_at = at.as_deref() == Some(&*sent.target);
    match kept.filter(|_| is_at) {
        None => Ok(shared.passed(response, Forward::Method)),
        Some((key, headers)) => {
            // The result of the change is what a GET gets from now on, so that it is as of now.
            let arrival = Trial {
                sent: began,
                began: shared.store.targets.now(),
            }
            .arrived();
            let place = recording::Place { key, lead: None };
            Ok(shared.posted(place, headers, response, &arrival))
        }
    }
}
