//! The servers of the demo: what answers at each origin, under the notebook's eyes.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use same_origin::cors::PolicyErrors;
use same_origin::proxy::{Body, Peer};
use serde::Serialize;
use tower::service_fn;

use super::api::{Api, STAGE};
use super::bucket;
use super::lab::{Lab, Server};
use super::page::Page;
use super::policies::ByPolicy;
use crate::routes::Table;
use crate::server::{AnyHandler, Listener, Stop, serve};

/// The largest request body that is read.
const BODY: usize = 64 * 1024;

/// The state that the servers share.
#[derive(Clone)]
pub struct Servers {
    pub lab: Lab,
    pub stop: Stop,
    pub api: Arc<Api>,
    /// The origins of the pages.
    pub pages: [String; 3],
}

impl Servers {
    pub fn spawn_page(&self, listener: Listener, page: Page) {
        let (page, api) = (Arc::new(page), self.api.clone());
        let answer = move |request| ready(page.answer(&api, &request));
        self.spawn(Server::Page, listener, answer);
    }

    pub fn spawn_api(&self, listener: Listener) -> Result<(), PolicyErrors> {
        let api = self.api.clone();
        let service = service_fn(move |request: Request<()>| {
            let (_policy, path) = below_stage(&request).unwrap_or_default();
            ready(Ok::<_, Infallible>(api.answer(path, &request)))
        });
        let policies = ByPolicy::new(&service, &self.pages)?;
        let api = self.api.clone();
        let answer = move |request: Request<()>| {
            let (api, policies) = (api.clone(), policies.clone());
            async move {
                let Some((policy, _)) = below_stage(&request) else {
                    return not_found();
                };
                // The mistake that the page shows: the token is asked for in front of CORS, so the 401
                // has no CORS headers, and a preflight, which never has a token, gets one too.
                let policy = if policy == "token-first" {
                    if let Err(why) = api.tokens.judge(request.headers()) {
                        return Api::unauthorized(why);
                    }
                    "any".to_owned()
                } else {
                    policy.to_owned()
                };
                policies
                    .call(&policy, request)
                    .await
                    .unwrap_or_else(not_found)
            }
        };
        self.spawn(Server::Api, listener, answer);
        Ok(())
    }

    pub fn spawn_bucket(&self, listener: Listener) -> Result<(), PolicyErrors> {
        let api = self.api.clone();
        let service = service_fn(move |request: Request<()>| {
            ready(Ok::<_, Infallible>(bucket::answer(&api.signer, &request)))
        });
        let policies = ByPolicy::new(&service, &self.pages)?;
        let answer = move |request: Request<()>| {
            let policies = policies.clone();
            let policy = request.uri().path().split('/').nth(1).map(str::to_owned);
            async move {
                let policy = policy.unwrap_or_default();
                policies
                    .call(&policy, request)
                    .await
                    .unwrap_or_else(not_found)
            }
        };
        self.spawn(Server::Bucket, listener, answer);
        Ok(())
    }

    pub async fn serve_gateway(self, listener: Listener, table: Arc<Table>) {
        let lab = self.lab;
        let handle = move |peer: &Peer, request| {
            let (table, peer) = (table.clone(), peer.clone());
            let answer = move |request| async move { table.answer(&peer, request).await };
            lab.clone().watch(Server::Gateway, request, answer)
        };
        serve(listener, AnyHandler::new(handle), self.stop).await;
    }

    fn spawn<F, A>(&self, server: Server, listener: Listener, answer: F)
    where
        F: Fn(Request<()>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Response<Body>> + Send,
    {
        let lab = self.lab.clone();
        let handle = move |_: &Peer, request| {
            let answer = answer.clone();
            let answer = move |request| async move {
                match read(request).await {
                    Ok(request) => answer(request).await,
                    Err(refused) => refused,
                }
            };
            lab.clone().watch(server, request, answer)
        };
        let handle = AnyHandler::new(handle);
        tokio::spawn(serve(listener, handle, self.stop.clone()));
    }
}

/// The policy's name and what follows it in `/prod/policy/what/follows`.
fn below_stage<B>(request: &Request<B>) -> Option<(&str, &str)> {
    let path = request.uri().path().strip_prefix(STAGE)?;
    path.strip_prefix('/')?.split_once('/')
}

/// The request without its body, once that has arrived; no endpoint of the demo looks into it.
async fn read(request: Request<Body>) -> Result<Request<()>, Response<Body>> {
    let (head, body) = request.into_parts();
    match Limited::new(body, BODY).collect().await {
        Ok(_body) => Ok(Request::from_parts(head, ())),
        Err(_) => {
            let why = serde_json::json!({ "error": "the body is too large or was cut" });
            Err(reply(StatusCode::PAYLOAD_TOO_LARGE, &why))
        }
    }
}

pub fn reply(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Each run is to see the servers, not a cache.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub fn not_found() -> Response<Body> {
    reply(
        StatusCode::NOT_FOUND,
        &serde_json::json!({ "error": "not found" }),
    )
}
