//! The layer with a source, and its service.

use super::future::{ResponseFuture, Shares};
use super::source::{Memory, OriginSource};
use crate::cors::builder::CorsBuilder;
use crate::cors::error::PolicyErrors;
use crate::cors::handle::CorsHandle;
use crate::cors::judge::{Refusal, Verdict};
use crate::cors::layer::{Cors, CorsLayer};
use crate::cors::policy::Compiled;
use crate::cors::validate;
use crate::origin::Origin;
use http::header::{HeaderMap, HeaderValue, ORIGIN};
use http::{Request, Response};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// A [`CorsLayer`] with an [`OriginSource`] beside the list of its policy.
///
/// Made by [`CorsBuilder::build_dynamic`].
#[derive(Clone, Debug)]
pub struct DynamicCorsLayer {
    layer: CorsLayer,
    beside: Beside,
}

/// A service with a policy and a source of origins around it; made by [`DynamicCorsLayer`].
#[derive(Clone, Debug)]
pub struct DynamicCors<S> {
    cors: Cors<S>,
    beside: Beside,
}

#[derive(Clone, Debug)]
struct Beside {
    memory: Arc<Memory>,
    /// Of the settings: with credentials, the source is asked about insecure origins, too.
    insecure: bool,
}

impl CorsBuilder {
    /// As [`build`](Self::build), with a source that is asked about origins that are not in the list;
    /// the list may be empty.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); and where all origins are allowed, so that the source would never be
    /// asked.
    pub fn build_dynamic(&self, source: OriginSource) -> Result<DynamicCorsLayer, PolicyErrors> {
        Ok(DynamicCorsLayer {
            layer: CorsLayer::new(validate::build_with_source(self)?),
            beside: Beside {
                memory: Memory::new(source),
                insecure: self.dangerously_allow_insecure_origins,
            },
        })
    }
}

impl DynamicCorsLayer {
    /// A handle by which the policy can be replaced while requests are served; the source stays.
    ///
    /// A [candidate](CorsHandle::report_only) is compared where the source is not asked.
    #[must_use]
    pub fn handle(&self) -> CorsHandle {
        self.layer.handle()
    }
}

impl<S> Layer<S> for DynamicCorsLayer {
    type Service = DynamicCors<S>;

    fn layer(&self, inner: S) -> DynamicCors<S> {
        DynamicCors {
            cors: self.layer.layer(inner),
            beside: self.beside.clone(),
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for DynamicCors<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::<Request<ReqBody>>::poll_ready(&mut self.cors, cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let policy = self.cors.shared.policy();
        let compiled = policy.compiled();
        let verdict = compiled.judge(request.method(), request.headers());
        let Some((value, origin)) = self.beside.question(compiled, verdict, request.headers())
        else {
            return ResponseFuture::known(self.cors.call(request));
        };
        let answer = self.beside.memory.allows(origin);
        if verdict.is_preflight() {
            return ResponseFuture::preflight(answer, policy, request.into_parts().0);
        }
        let shares = Shares {
            allowed: compiled.share(Verdict::Actual(Ok(compiled.grant_to(value)))),
            refused: compiled.share(verdict),
            origin: value.clone(),
        };
        ResponseFuture::actual(self.cors.inner.call(request), answer, shares)
    }
}

impl Beside {
    /// The origin that the source has to be asked about, as a value and as an origin.
    fn question<'a>(
        &self,
        policy: &Compiled,
        verdict: Verdict<'_>,
        headers: &'a HeaderMap,
    ) -> Option<(&'a HeaderValue, Origin)> {
        let unlisted = verdict.refusal() == Some(Refusal::Origin);
        let value = headers.get(ORIGIN).filter(|_| unlisted)?;
        let origin = Origin::try_from(value).ok()?;
        let askable = !policy.credentials() || self.insecure || origin.is_secure();
        askable.then_some((value, origin))
    }
}
