//! Connections out: straight or by the configured proxy, plain or by TLS.
//!
//! Answers for the way to a host. An `http://` proxy forwards plain requests and tunnels encrypted ones
//! (RFC 9110, sections 7.1 and 9.3.6); a SOCKS proxy tunnels all. What is sent is the caller's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

/// The port of a SOCKS proxy that names none (RFC 1928).
const SOCKS_PORT: u16 = 1080;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens connections by TLS where the address asks for it.
pub(in crate::upstream) type Outbound = HttpsConnector<Way>;

/// How connections leave this machine.
#[derive(Clone)]
pub(in crate::upstream) enum Way {
    Straight(HttpConnector),
    Forwarding { proxy: Uri, to_proxy: HttpsConnector<HttpConnector>, tunnel: Tunnel<HttpsConnector<HttpConnector>> },
    Socks(SocksV5<HttpConnector>),
}

/// The connector, and what a forwarding proxy wants to see in plain requests.
///
/// # Errors
/// The proxy's address makes no sense.
pub(in crate::upstream) fn outbound(
    proxy: Option<&Url>,
    tls: Arc<rustls::ClientConfig>,
    connect_timeout: Duration,
) -> Result<(Outbound, Option<HeaderValue>), BoxError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    let (way, header) = match proxy {
        None => (Way::Straight(tcp), None),
        Some(proxy) => by_proxy(proxy, tcp, &tls)?,
    };
    Ok(((way, tls).into(), header))
}

fn by_proxy(
    proxy: &Url,
    tcp: HttpConnector,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<(Way, Option<HeaderValue>), BoxError> {
    let matcher = Matcher::builder().all(proxy.as_str()).build();
    // Any address will do: this proxy is for all of them.
    let proxy_settings =
        matcher.intercept(&Uri::from_static("https://any/")).ok_or("the proxy's address is no proxy's")?;
    let uri = proxy_settings.uri().clone();
    if proxy.scheme().starts_with("socks5") {
        let port = uri.port_u16().unwrap_or(SOCKS_PORT);
        let address = format!("{}://{}:{port}", proxy.scheme(), uri.host().unwrap_or_default()).parse()?;
        let mut socks = SocksV5::new(address, tcp).local_dns(proxy.scheme() == "socks5");
        if let Some((user, password)) = proxy_settings.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        return Ok((Way::Socks(socks), None));
    }
    let to_proxy: HttpsConnector<HttpConnector> = (tcp, tls.clone()).into();
    let mut tunnel = Tunnel::new(uri.clone(), to_proxy.clone());
    let header = proxy_settings.basic_auth().cloned();
    if let Some(header) = &header {
        tunnel = tunnel.with_auth(header.clone());
    }
    Ok((Way::Forwarding { proxy: uri, to_proxy, tunnel }, header))
}

impl Service<Uri> for Way {
    type Response = Wire;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Wire, BoxError>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // None of the connectors below ever makes its caller wait here.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let mut way = self.clone();
        Box::pin(async move {
            let (io, forwarded) = match &mut way {
                Self::Straight(tcp) => (MaybeHttpsStream::Http(tcp.call(target).await?), false),
                Self::Socks(socks) => (MaybeHttpsStream::Http(socks.call(target).await?), false),
                Self::Forwarding { tunnel, .. } if target.scheme() == Some(&Scheme::HTTPS) => {
                    (tunnel.call(target).await?, false)
                }
                Self::Forwarding { proxy, to_proxy, .. } => (to_proxy.call(proxy.clone()).await?, true),
            };
            Ok(Wire { io, forwarded })
        })
    }
}

pin_project! {
    /// One open connection.
    pub(in crate::upstream) struct Wire {
        #[pin]
        io: MaybeHttpsStream<TokioIo<TcpStream>>,
        // Requests name their whole address: a proxy is to pass them on.
        forwarded: bool,
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.forwarded)
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_read(cx, buf)
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.project().io.poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().io.poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().io.poll_write_vectored(cx, bufs)
    }
}
