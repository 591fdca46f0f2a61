//! The two ways to serve a router: as a Lambda function, or over a socket.

use crate::answer::printable;
use crate::door::Door;
use crate::event::mend;
use crate::public::{Mounted, restore};
use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::{Request, StatusCode};
use lambda_http::{Adapter, Error, lambda_runtime, service_fn};
use same_origin::proxy::check;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tower::util::MapRequest;

/// Serves the router: to the Lambda service if that has started this process, else over a socket, at the
/// address in the first argument or at 127.0.0.1:3000.
///
/// `BASE_PATH` in the environment is the base path that a custom domain maps to the function, or the prefix
/// of an ALB's rule. A stage needs no setting: the events name it.
///
/// # Errors
///
/// The address cannot be listened on, or the Lambda service cannot be reached.
pub async fn serve(app: Router) -> Result<(), Error> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        return Ok(axum::serve(listener, app).await?);
    }
    let base = std::env::var("BASE_PATH").unwrap_or_default();
    let function = service_fn(move |request| {
        let (app, base) = (app.clone(), base.clone());
        async move { Ok::<_, Error>(answer(app, &base, request).await) }
    });
    // `lambda_http::run` without its last line, because an event has to be mended before it is made a request.
    lambda_runtime::run(MapRequest::new(Adapter::from(function), mend)).await
}

/// The router's answer to one event.
async fn answer(app: Router, base: &str, request: lambda_http::Request) -> Response {
    let door = Door::of(&request);
    let prefix = door.prefix(base);
    let (mut parts, body) = request.into_parts();
    let Ok(()) = restore(&mut parts, &door) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let request = Request::from_parts(parts, Body::new(body));
    if check(&request).is_err() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut response = match Mounted::new(app, &prefix) {
        Ok(Mounted::Root(app)) => app.oneshot(request).await.into_response(),
        Ok(Mounted::Below(proxy)) => proxy.oneshot(request).await.into_response(),
        Err(errors) => {
            eprintln!("the public prefix {prefix:?} cannot be mapped: {errors}");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    // The rest is what a server's connection does to a response (RFC 9110 6.4.1, 8.6).
    match response.status() {
        StatusCode::NO_CONTENT => {
            response.headers_mut().remove(CONTENT_LENGTH);
            *response.body_mut() = Body::empty();
        }
        StatusCode::NOT_MODIFIED => *response.body_mut() = Body::empty(),
        _ => {}
    }
    printable(response.headers_mut());
    response
}
