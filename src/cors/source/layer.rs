//! The layer with a source, and its service.

use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::{HeaderMap, HeaderValue, ORIGIN};
use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use super::future::{EitherHeaders, Kept, Preflight, ResponseFuture};
use super::lookup::{Memory, OriginSource};
use crate::cors::config::{CorsBuilder, PolicyErrors};
use crate::cors::handle::CorsHandle;
use crate::cors::judge::{Refusal, Verdict};
use crate::cors::layer::{Cors, CorsLayer, obey};
use crate::cors::policy::Compiled;
use crate::origin::Origin;

/// A [`CorsLayer`] with an [`OriginSource`] beside the list of its policy.
///
/// Made by [`CorsBuilder::layer_with_source`].
#[derive(Clone, Debug)]
pub struct SourcedCorsLayer {
    layer: CorsLayer,
    memory: Arc<Memory>,
}

/// A service with a policy and a source of origins around it; made by [`SourcedCorsLayer`].
#[derive(Clone, Debug)]
pub struct SourcedCors<S> {
    cors: Cors<S>,
    memory: Arc<Memory>,
}

impl CorsBuilder {
    /// As [`layer`](Self::layer), with a source that is asked about origins that are not in the list; the
    /// list may be empty.
    ///
    /// # Errors
    ///
    /// As of [`build_with_source`](Self::build_with_source); and where the source may be asked about
    /// [nothing at once](OriginSource::max_in_flight).
    pub fn layer_with_source(
        &self,
        source: OriginSource,
    ) -> Result<SourcedCorsLayer, PolicyErrors> {
        match (self.build_with_source(), source.mistake()) {
            (Ok(policy), None) => Ok(SourcedCorsLayer {
                layer: CorsLayer::new(policy),
                memory: Memory::new(source),
            }),
            (Ok(_), Some(mistake)) => Err(mistake.into()),
            (Err(errors), Some(mistake)) => Err(errors.and(mistake)),
            (Err(errors), None) => Err(errors),
        }
    }
}

impl SourcedCorsLayer {
    /// As [`CorsLayer::tell_refusals`].
    #[must_use]
    pub fn tell_refusals(mut self, tell: bool) -> Self {
        self.layer = self.layer.tell_refusals(tell);
        self
    }

    /// A handle by which the policy can be replaced while requests are served; the source stays.
    ///
    /// The other policy is one of [`build_with_source`](CorsBuilder::build_with_source). One of
    /// [`build`](CorsBuilder::build) does too, and never has the source asked about insecure origins
    /// with credentials.
    ///
    /// A [candidate](CorsHandle::report_only) is compared where the source is not asked.
    #[must_use]
    pub fn handle(&self) -> CorsHandle {
        self.layer.handle()
    }
}

impl<S> Layer<S> for SourcedCorsLayer {
    type Service = SourcedCors<S>;

    fn layer(&self, inner: S) -> SourcedCors<S> {
        SourcedCors {
            cors: self.layer.layer(inner),
            memory: Arc::clone(&self.memory),
        }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SourcedCors<S>
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
        let Cors {
            inner,
            shared,
            tells_refusals: tells,
        } = &mut self.cors;
        // Read once: by two policies an origin that each of them lets through could be refused.
        let live = shared.current();
        let policy = live.policy();
        let compiled = policy.compiled();
        let verdict = compiled.judge(request.method(), request.headers());
        let Some((value, origin)) = question(compiled, verdict, request.headers()) else {
            return ResponseFuture::known(obey(live, shared.log(), inner, *tells, request));
        };
        let answer = self.memory.allows(origin);
        if verdict.is_preflight() {
            let asked = Preflight {
                policy: policy.clone(),
                parts: request.into_parts().0,
                shared: Arc::clone(shared),
                tells_refusals: *tells,
            };
            return ResponseFuture::preflight(answer, asked);
        }
        let told = tells.then_some(Refusal::Origin);
        let headers = EitherHeaders {
            allowed: compiled.response_headers(Verdict::Actual(Ok(compiled.grant_to(value)))),
            refused: compiled.response_headers(verdict).telling(told),
            kept: Kept::of(&request, value, shared),
        };
        drop(live);
        ResponseFuture::actual(inner.call(request), answer, headers)
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
