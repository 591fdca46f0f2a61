//! One application on a port of its own.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::sockets::serve_http;

/// Serves until dropped.
pub struct Server {
    #[allow(dead_code, reason = "who gives the port knows the address")]
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub async fn start(app: Router, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        Self::on(listener.expect("a free port"), app, tls)
    }

    /// For an application that has to know its own address.
    pub fn on(listener: TcpListener, app: Router, tls: Option<TlsAcceptor>) -> Self {
        let address = listener.local_addr().expect("the port");
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (app, tls) = (app.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve_http(stream, app).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve_http(stream, app).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, accepting }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
