//! Listeners: TCP, TLS over it, and unix sockets.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};
use tokio_rustls::TlsAcceptor;

use crate::config::{ListenAddr, Tls};
use crate::server::error::Error;

/// Connections that wait in the system's queue to be accepted; more are turned away by the system, whose own bound may be lower.
const BACKLOG: u32 = 1024;

/// An open port or socket.
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

/// A connection before its handshake.
pub(super) enum Raw {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Listener {
    pub(super) async fn bind(address: &ListenAddr) -> Result<Self, Error> {
        let bound = match address {
            ListenAddr::Tcp(addr) => bind_tcp(*addr).map(Self::Tcp),
            ListenAddr::Unix(path) => bind_unix(path).await.map(|listener| Self::Unix(listener, path.clone())),
        };
        bound.map_err(|error| Error::Listen { address: address.to_string(), error })
    }

    /// As printed: with the port that was given.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }

    pub(super) fn url(&self, tls: bool) -> String {
        match self {
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
            Self::Unix(listener, _) => Ok(Raw::Unix(listener.accept().await?.0)),
        }
    }
}

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

fn listen_unix(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    socket.listen(BACKLOG)
}

/// A socket that a dead process left behind is replaced. One that answers is not, nor is anything else of
/// that name.
async fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    match listen_unix(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            let dead = is_socket(path)? && UnixStream::connect(path).await.is_err_and(refused);
            if !dead {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            listen_unix(path)
        }
        result => result,
    }
}

fn is_socket(path: &Path) -> io::Result<bool> {
    Ok(std::fs::symlink_metadata(path)?.file_type().is_socket())
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
    Unix(UnixStream),
}

impl Raw {
    /// The address of the peer; absent on a unix socket.
    pub(super) fn peer(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(_, address) => Some(*address),
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
            (Self::Unix(stream), _) => Ok(Stream::Unix(stream)),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
