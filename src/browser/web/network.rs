//! The web as it is: origins that are real servers, reached by this crate's client.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use http_body::Frame;
use tokio::time::{Instant, Sleep};
use tower_service::Service;

use super::Web;
use super::server::{Body, Server};
use crate::proxy::deadline::after;
use crate::proxy::upstream::destination::{Destination, Protocol};
use crate::proxy::{Body as ProxyBody, Client, ClientBuildError, ConnectTo};

type BoxError = Box<dyn Error + Send + Sync>;

/// The way to origins that have no service of their own.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    client: Client,
    addresses: BTreeMap<String, SocketAddr>,
    deadline: Duration,
}

impl Web {
    /// The web as it is: every origin without a [service](Web::origin) is a real server, reached over TLS or
    /// plain TCP, by HTTP/1.1 or 2, within 30 seconds for each answer.
    ///
    /// The browser stays simulated: it sends what a browser sends and nothing else, and its requests do
    /// arrive.
    ///
    /// ```no_run
    /// use same_origin::browser::Web;
    ///
    /// # async fn check() -> Result<(), Box<dyn std::error::Error>> {
    /// let web = Web::network()?;
    /// let outcome = web.page("https://app.example.com").fetch("https://api.example.com/items").send().await;
    /// println!("{}", outcome.trace());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When a client with the system's certificates cannot be built.
    pub fn network() -> Result<Self, ClientBuildError> {
        Ok(Self::network_by(Client::new()?))
    }

    /// The same by a client of one's own, for example with other root certificates.
    pub fn network_by(client: Client) -> Self {
        let network = Network {
            client,
            addresses: BTreeMap::new(),
            deadline: Duration::from_secs(30),
        };
        Self {
            network: Some(network),
            ..Self::new()
        }
    }

    /// Finds an origin at this address, whatever DNS says: `https://api.example.com` of a staging machine.
    ///
    /// TLS still asks for the origin's own name. Means nothing without [`network`](Web::network).
    pub fn resolve(mut self, origin: &str, address: SocketAddr) -> Self {
        if let Some(network) = &mut self.network {
            network.addresses.insert(origin.to_owned(), address);
        }
        self
    }

    /// The time for each answer of the network, from the request to the last byte: 30 seconds by default. Then
    /// the fetch fails, and the cause is an [`io::Error`] of the kind `TimedOut`.
    pub fn deadline(mut self, time: Duration) -> Self {
        if let Some(network) = &mut self.network {
            network.deadline = time;
        }
        self
    }
}

impl Network {
    /// The server of an origin, such as `https://api.example.com`.
    pub(crate) fn server(&self, origin: &str) -> Option<Server> {
        let (scheme, authority) = origin.split_once("://")?;
        let (scheme, protocol) = match scheme {
            "https" => (Scheme::HTTPS, Protocol::Https),
            "http" => (Scheme::HTTP, Protocol::Http),
            _ => return None,
        };
        let authority: Authority = authority.parse().ok()?;
        let address = self.addresses.get(origin);
        let destination = Destination::new(protocol, &authority).ok()?;
        let connect_to = address.map(|address| ConnectTo::new(destination.at(Some(*address))));
        Some(Server::new(Remote {
            network: self.clone(),
            scheme,
            authority,
            connect_to,
        }))
    }
}

/// A real server.
#[derive(Clone)]
struct Remote {
    network: Network,
    scheme: Scheme,
    authority: Authority,
    connect_to: Option<ConnectTo>,
}

impl Remote {
    /// The request in absolute form, as the client takes it.
    fn addressed(&self, request: Request<Body>) -> Result<Request<ProxyBody>, BoxError> {
        let (mut head, body) = request.into_parts();
        let target = head.uri.path_and_query().cloned();
        head.uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(target.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()?;
        if let Some(connect_to) = &self.connect_to {
            head.extensions.insert(connect_to.clone());
        }
        Ok(Request::from_parts(head, ProxyBody::new(body)))
    }

    /// The head, as soon as it is there: what CORS says of it does not wait for a body without an end.
    async fn answer(mut self, request: Request<Body>) -> Result<Response<InTime>, BoxError> {
        let request = self.addressed(request)?;
        let end = after(Instant::now(), self.network.deadline);
        match tokio::time::timeout_at(end, self.network.client.call(request)).await {
            Ok(answered) => Ok(answered?.map(|body| InTime {
                body,
                end: Box::pin(tokio::time::sleep_until(end)),
                time: self.network.deadline,
            })),
            Err(_) => Err(late("answer", self.network.deadline)),
        }
    }
}

fn late(what: &str, time: Duration) -> BoxError {
    io::Error::new(
        io::ErrorKind::TimedOut,
        format!("no {what} within {time:?}"),
    )
    .into()
}

/// A body that is an error unless its end comes in time.
struct InTime {
    body: ProxyBody,
    end: Pin<Box<Sleep>>,
    time: Duration,
}

impl http_body::Body for InTime {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // Before the body, which may have more to give whenever it is asked.
        if self.end.as_mut().poll(cx).is_ready() {
            let late = late("end of the body", self.time);
            return Poll::Ready(Some(Err(late)));
        }
        Pin::new(&mut self.body).poll_frame(cx).map_err(Into::into)
    }
}

impl Service<Request<Body>> for Remote {
    type Response = Response<InTime>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}
