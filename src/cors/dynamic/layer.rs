//! The layer with a source, and its service.

use super::future::{ResponseFuture, Shares};
use super::source::{Memory, OriginSource};
use crate::cors::builder::CorsBuilder;
use crate::cors::error::PolicyErrors;
use crate::cors::handle::CorsHandle;
use crate::cors::judge::{Refusal, Verdict};
use crate::cors::layer::{Cors, CorsLayer};
use crate::cors::policy::{Compiled, CorsPolicy};
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
    memory: Arc<Memory>,
}

/// A service with a policy and a source of origins around it; made by [`DynamicCorsLayer`].
#[derive(Clone, Debug)]
pub struct DynamicCors<S> {
    cors: Cors<S>,
    memory: Arc<Memory>,
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
            layer: CorsLayer::new(self.build_beside_source()?),
            memory: Memory::new(source),
        })
    }

    /// The policy alone of [`build_dynamic`](Self::build_dynamic), to
    /// [replace](CorsHandle::replace) that of a [`DynamicCorsLayer`], whose source stays. The list may
    /// be empty; in a [`CorsLayer`] such a policy would allow nobody.
    ///
    /// ```
    /// use same_origin::cors::{CorsPolicy, dynamic::OriginSource};
    /// use std::time::Duration;
    ///
    /// let source = OriginSource::new(|_| async { true });
    /// let handle = CorsPolicy::builder().allow_credentials(true).build_dynamic(source)?.handle();
    /// let settings = handle.policy().settings().max_age(Duration::from_secs(600));
    /// handle.replace(settings.build_beside_source()?);
    /// # Ok::<(), same_origin::cors::PolicyErrors>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`build_dynamic`](Self::build_dynamic).
    pub fn build_beside_source(&self) -> Result<CorsPolicy, PolicyErrors> {
        validate::build_with_source(self)
    }
}

impl DynamicCorsLayer {
    /// A handle by which the policy can be replaced while requests are served; the source stays.
    ///
    /// The other policy is one of [`build_beside_source`](CorsBuilder::build_beside_source). One of
    /// [`build`](CorsBuilder::build) does too, and never has the source asked about insecure origins
    /// with credentials.
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
            memory: Arc::clone(&self.memory),
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
        let policy = self.cors.shared.live().policy().clone();
        let compiled = policy.compiled();
        let verdict = compiled.judge(request.method(), request.headers());
        let Some((value, origin)) = question(compiled, verdict, request.headers()) else {
            return ResponseFuture::known(self.cors.call(request));
        };
        let answer = self.memory.allows(origin);
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

/// The origin that the source has to be asked about, as a value and as an origin.
fn question<'a>(
    policy: &Compiled,
    verdict: Verdict<'_>,
    headers: &'a HeaderMap,
) -> Option<(&'a HeaderValue, Origin)> {
    let unlisted = verdict.refusal() == Some(Refusal::Origin);
    let value = headers.get(ORIGIN).filter(|_| unlisted)?;
    let origin = Origin::try_from(value).ok()?;
    let askable = !policy.credentials() || policy.asks_insecure || origin.is_secure();
    askable.then_some((value, origin))
}
