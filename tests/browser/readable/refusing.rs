//! The layers that refuse, as they are found around routers.

use std::time::Duration;

use axum::extract::Request as AxumRequest;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::{Method, StatusCode};

async fn unless(refused: bool, status: u16, request: AxumRequest, next: Next) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    match refused {
        true => status.into_response(),
        false => next.run(request).await,
    }
}

pub fn text(request: &AxumRequest, name: &str) -> String {
    let value = request.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

pub async fn tokens(request: AxumRequest, next: Next) -> Response {
    let refused = text(&request, "authorization") != "Bearer good";
    unless(refused, 401, request, next).await
}

pub async fn tokens_but_of_preflights(request: AxumRequest, next: Next) -> Response {
    let refused = text(&request, "authorization") != "Bearer good";
    let refused = refused && request.method() != Method::OPTIONS;
    unless(refused, 401, request, next).await
}

pub async fn large_bodies(request: AxumRequest, next: Next) -> Response {
    let length: usize = text(&request, "content-length").parse().unwrap_or(0);
    unless(length > 1 << 20, 413, request, next).await
}

pub async fn unknown_types(request: AxumRequest, next: Next) -> Response {
    let refused = text(&request, "accept") == "application/x-unknown";
    unless(refused, 400, request, next).await
}

pub async fn other_contents(request: AxumRequest, next: Next) -> Response {
    let refused = text(&request, "content-type") == "text/plain";
    unless(refused, 415, request, next).await
}

pub async fn foreign_origins(request: AxumRequest, next: Next) -> Response {
    let refused = request.method() == Method::OPTIONS && text(&request, "x-csrf").is_empty();
    unless(refused, 403, request, next).await
}

pub async fn odd_methods(request: AxumRequest, next: Next) -> Response {
    let usual = matches!(*request.method(), Method::GET | Method::POST);
    unless(!usual, 405, request, next).await
}

pub async fn missing_slashes(request: AxumRequest, next: Next) -> Response {
    match request.uri().path() {
        "/items" => Redirect::permanent("/items/").into_response(),
        _ => next.run(request).await,
    }
}

pub async fn slow_answers(request: AxumRequest, next: Next) -> Response {
    let answer = tokio::time::timeout(Duration::from_millis(50), next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}

pub async fn panics(request: AxumRequest, next: Next) -> Response {
    let answer = tokio::spawn(next.run(request)).await;
    answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Takes the place of every failed answer, headers and all.
pub async fn error_pages(answer: Response) -> Response {
    match answer.status().is_client_error() {
        true => (answer.status(), "sorry").into_response(),
        false => answer,
    }
}

/// The same for the complaint of an extractor alone.
pub async fn complaints(answer: Response) -> Response {
    match answer.status().as_u16() {
        400 | 422 => (StatusCode::BAD_REQUEST, "what?").into_response(),
        _ => answer,
    }
}
