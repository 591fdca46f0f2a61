//! One exchange through a proxy whose upstream is a function: no socket, no runtime.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use same_origin::proxy::{Body, Peer, ProxyBuilder};
use tower::Service;

/// The response, and the head that the upstream saw, if it was asked.
pub fn exchange(
    proxy: ProxyBuilder,
    mut request: Request<Body>,
    answer: Response<()>,
) -> (Response<Body>, Option<http::request::Parts>) {
    let seen = Arc::new(Mutex::new(None));
    let (log, answer) = (Arc::clone(&seen), Arc::new(Mutex::new(Some(answer))));
    let upstream = tower::service_fn(move |request: Request<Body>| {
        *log.lock().expect("one thread") = Some(request.into_parts().0);
        let answer = answer
            .lock()
            .expect("one thread")
            .take()
            .unwrap_or_default();
        std::future::ready(Ok::<_, Infallible>(answer.map(|()| Body::empty())))
    });
    let mut proxy = proxy.build_with_client(upstream).expect("a proxy");
    let peer = Peer::new("192.0.2.1:1".parse().expect("an address"));
    request.extensions_mut().insert(peer);
    let mut future = pin!(proxy.call(request));
    let Poll::Ready(Ok(response)) = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("an upstream that is a function makes nobody wait");
    };
    let seen = seen.lock().expect("one thread").take();
    (response, seen)
}
