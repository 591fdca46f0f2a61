//! The CORS policies that the page compares: one server under each of them, chosen by a segment of
//! the path.

use std::convert::Infallible;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{Request, Response};
use same_origin::cors::{Any, Cors, CorsBuilder, CorsLayer, CorsPolicy, PolicyErrors};
use tower::{Layer, Service, ServiceExt};

/// A service once without CORS and once under each policy.
#[derive(Clone)]
pub struct ByPolicy<S> {
    none: S,
    any: Cors<S>,
    null: Cors<S>,
    null_credentials: Cors<S>,
    page: Cors<S>,
}

impl<S: Clone> ByPolicy<S> {
    /// `pages` are the origins of the demo's pages.
    pub fn new(service: &S, pages: &[String]) -> Result<Self, PolicyErrors> {
        let guard = |builder: CorsBuilder| -> Result<Cors<S>, PolicyErrors> {
            let policy = builder
                .allow_headers([
                    AUTHORIZATION,
                    CONTENT_TYPE,
                    HeaderName::from_static("x-amz-date"),
                ])
                .max_age(Duration::from_secs(600))
                .build()?;
            Ok(CorsLayer::from(policy).layer(service.clone()))
        };
        Ok(Self {
            none: service.clone(),
            any: guard(CorsPolicy::builder().allow_origins(Any))?,
            null: guard(CorsPolicy::builder().allow_null_origin(true))?,
            // The policy that a signed redirect over three origins with credentials needs. It lets everyone read with
            // cookies, so it is for servers that take nothing but a signature as authority.
            null_credentials: guard(
                CorsPolicy::builder()
                    .allow_null_origin(true)
                    .allow_credentials(true)
                    .dangerously_allow_credentialed_null_origin(true),
            )?,
            page: guard(
                CorsPolicy::builder()
                    .allow_origins(pages)
                    .allow_credentials(true),
            )?,
        })
    }

    /// Answers under the policy of this name; `None` if there is none.
    pub async fn call<B, R>(&self, policy: &str, request: Request<B>) -> Option<Response<R>>
    where
        S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
        Cors<S>: Service<Request<B>, Response = Response<R>, Error = Infallible>,
    {
        let guarded = match policy {
            "none" => return Some(ready(self.none.clone(), request).await),
            "any" => &self.any,
            "null" => &self.null,
            "null-credentials" => &self.null_credentials,
            "page" => &self.page,
            _ => return None,
        };
        Some(ready(guarded.clone(), request).await)
    }
}

async fn ready<S, B, R>(service: S, request: Request<B>) -> Response<R>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible>,
{
    let Ok(response) = service.oneshot(request).await;
    response
}
