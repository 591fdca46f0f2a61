//! The two ways to serve a router: as a Lambda function, or over a socket.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http::{Request, StatusCode};
use lambda_http::{Adapter, Error, LambdaEvent, Service, lambda_runtime, service_fn};
use same_origin::cors::CorsLayer;
use same_origin::proxy::check;
use tokio::net::TcpListener;
use tower::{Layer as _, ServiceExt as _};

use crate::answer::{Answer, printable};
use crate::door::Door;
use crate::event::{Event, Rest};
use crate::public::{Mounted, measure, restore};

/// Serves the router: to the Lambda service if that has started this process, else over a socket, at the
/// address in the first argument or at 127.0.0.1:3000.
///
/// The CORS layer is around all of it, so that the pages it allows can read the refusals that are made here, too.
///
/// `BASE_PATH` in the environment is the base path that a custom domain maps to the function, or the prefix
/// of an ALB's rule. A stage needs no setting: the events name it.
///
/// # Errors
///
/// The address cannot be listened on, or the Lambda service cannot be reached.
pub async fn serve(app: Router, cors: CorsLayer) -> Result<(), Error> {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".into());
        let listener = TcpListener::bind(address).await?;
        println!("listening on http://{}", listener.local_addr()?);
        return Ok(axum::serve(listener, app.layer(cors)).await?);
    }
    let base = std::env::var("BASE_PATH").unwrap_or_default();
    // `lambda_http::run` has one adapter for all events. Here each has its own, for what has to go around it.
    let function = service_fn(move |LambdaEvent { payload, context }| {
        let Event { request, rest } = payload;
        let (app, cors, base) = (app.clone(), cors.clone(), base.clone());
        let routed =
            service_fn(move |request| route(app.clone(), base.clone(), request, rest.clone()));
        let around = cors.layer(routed);
        let mut adapter = Adapter::from(service_fn(move |request| {
            let around = around.clone();
            async move { Ok::<_, Error>(Answer::of(answer(around, request).await).await) }
        }));
        adapter.call(LambdaEvent::new(request, context))
    });
    lambda_runtime::run(function).await
}

/// The answer to one event.
async fn answer<S>(around: S, request: lambda_http::Request) -> Response
where
    S: Service<lambda_http::Request, Response = Response, Error = Infallible>,
{
    let Ok(mut response) = around.oneshot(request).await;
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

/// The router's response, or a refusal.
async fn route(
    app: Router,
    base: String,
    request: lambda_http::Request,
    rest: Option<Rest>,
) -> Result<Response, Infallible> {
    let Some(rest) = rest else {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    };
    let door = Door::of(&request, rest.is_http_api, &base);
    let (mut parts, _) = request.into_parts();
    let Ok(()) = restore(&mut parts, &door, rest.query.as_deref()) else {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    };
    measure(&mut parts.headers, &rest.body);
    let request = Request::from_parts(parts, Body::from(rest.body));
    if check(&request).is_err() {
        return Ok(StatusCode::BAD_REQUEST.into_response());
    }
    Ok(match Mounted::new(app, &door.prefix) {
        Ok(Mounted::Root(app)) => app.oneshot(request).await.into_response(),
        Ok(Mounted::Below(proxy)) => proxy.oneshot(request).await.into_response(),
        Err(errors) => {
            let prefix = &door.prefix;
            eprintln!("the public prefix {prefix:?} cannot be mapped: {errors}");
            return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
    })
}
