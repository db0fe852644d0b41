//! Listeners: TCP, TLS over it, and unix sockets where the system has them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::config::{ListenAddr, Tls};
use crate::server::error::Error;

#[cfg(unix)]
mod unix;

/// Connections that wait in the system's queue to be accepted; more are turned away by the system, whose own bound may be lower.
const BACKLOG: u32 = 1024;

/// An open port or socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, PathBuf),
}

/// A connection before its handshake.
pub(super) enum Raw {
    Tcp(TcpStream, IpAddr),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listener {
    pub(super) async fn bind(address: &ListenAddr) -> Result<Self, Error> {
        let bound = match address {
            ListenAddr::Tcp(addr) => bind_tcp(*addr).map(Self::Tcp),
            #[cfg(unix)]
            ListenAddr::Unix(path) => {
                unix::bind(path, BACKLOG).await.map(|listener| Self::Unix(listener, path.clone()))
            }
            #[cfg(not(unix))]
            ListenAddr::Unix(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no unix sockets")),
        };
        bound.map_err(|error| Error::Listen { address: address.to_string(), error })
    }

    /// As printed: with the port that was given.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(..) => None,
        }
    }

    pub(super) fn url(&self, tls: bool) -> String {
        match self {
            #[cfg(unix)]
            Self::Unix(_, path) => format!("unix:{}", path.display()),
            Self::Tcp(_) => {
                let scheme = if tls { "https" } else { "http" };
                self.local().map(|addr| format!("{scheme}://{addr}")).unwrap_or_default()
            }
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Raw> {
        match self {
            Self::Tcp(listener) => {
                let (stream, addr) = listener.accept().await?;
                // Head and body in two small packets would wait for each other (clients reference, section 7).
                stream.set_nodelay(true)?;
                Ok(Raw::Tcp(stream, addr.ip()))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => Ok(Raw::Unix(listener.accept().await?.0)),
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            std::fs::remove_file(path).ok();
        }
    }
}

/// As tokio does it, but for the queue.
fn bind_tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Reads certificate and key.
pub(super) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, Error> {
    let fail = |file: &Path, problem: String| Error::Tls { file: file.to_owned(), problem };
    let chain = CertificateDer::pem_file_iter(&tls.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fail(&tls.cert, format!("is no certificate chain in PEM: {error}")))?;
    if chain.is_empty() {
        return Err(fail(&tls.cert, "holds no certificate".to_owned()));
    }
    let key =
        PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| fail(&tls.key, format!("is no key in PEM: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fail(&tls.cert, error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| fail(&tls.cert, format!("does not go with the key {}: {error}", tls.key.display())))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A connection after its handshake.
pub(super) enum Stream {
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Raw {
    /// The address of the peer; absent on a unix socket.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// Does the TLS handshake, where there is one, within a time.
    pub(super) async fn handshake(self, acceptor: Option<&TlsAcceptor>, limit: Duration) -> io::Result<Stream> {
        match (self, acceptor) {
            (Self::Tcp(stream, _), None) => Ok(Stream::Tcp(stream)),
            (Self::Tcp(stream, _), Some(acceptor)) => {
                match tokio::time::timeout(limit, acceptor.accept(stream)).await {
                    Ok(stream) => Ok(Stream::Tls(Box::new(stream?))),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                }
            }
            // A unix socket does not leave the machine.
            #[cfg(unix)]
            (Self::Unix(stream), _) => Ok(Stream::Unix(stream)),
        }
    }
}

/// A call that each kind of connection answers itself.
macro_rules! delegate {
    ($this:expr, $stream:ident => $call:expr) => {
        match $this {
            Stream::Tcp($stream) => $call,
            Stream::Tls($stream) => $call,
            #[cfg(unix)]
            Stream::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        delegate!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}
