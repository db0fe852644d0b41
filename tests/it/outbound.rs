//! Behind a proxy: every call and every byte takes it, and it is told who asks.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use alidav::config::Account;
use alidav::state::Store;
use alidav::upstream::{Client, DataErrorKind, SignedUrl};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Fixture, noise, sha1};

/// `me:secret`, as a forwarding proxy is told it (RFC 7617).
const CREDENTIAL: &str = "proxy-authorization: basic bwu6c2vjcmv0";

/// What a proxy on a free port saw.
#[derive(Default)]
struct Seen {
    forwarded: AtomicUsize,
    tunnels: AtomicUsize,
    strangers: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Kind {
    Forwarding,
    Socks,
}

async fn proxy(kind: Kind) -> (u16, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Seen::default());
    let shared = seen.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let seen = shared.clone();
            tokio::spawn(async move {
                match kind {
                    Kind::Forwarding => forward(client, &seen).await,
                    Kind::Socks => socks(client, &seen).await,
                }
            });
        }
    });
    (port, seen)
}

/// RFC 9110: plain requests name their whole address, `CONNECT` is for the rest, which is refused here.
async fn forward(mut client: TcpStream, seen: &Seen) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    if !text.to_lowercase().contains(CREDENTIAL) {
        seen.strangers.fetch_add(1, Ordering::SeqCst);
        return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    }
    if text.starts_with("CONNECT host.example:443 ") {
        seen.tunnels.fetch_add(1, Ordering::SeqCst);
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await;
    }
    let target: reqwest::Url = text.split(' ').nth(1).and_then(|target| target.parse().ok()).unwrap();
    let mut server = TcpStream::connect((target.host_str().unwrap(), target.port().unwrap())).await?;
    seen.forwarded.fetch_add(1, Ordering::SeqCst);
    // The simulated drive takes whole addresses too, so that the bytes pass as they are.
    server.write_all(&head).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

/// RFC 1928 with a name and a password by RFC 1929.
async fn socks(mut client: TcpStream, seen: &Seen) -> io::Result<()> {
    let mut greeting = [0; 2];
    client.read_exact(&mut greeting).await?;
    let mut methods = vec![0; greeting[1].into()];
    client.read_exact(&mut methods).await?;
    client.write_all(&[5, 2]).await?;
    let mut login = [0; 11];
    client.read_exact(&mut login).await?;
    if !methods.contains(&2) || &login != b"\x01\x02me\x06secret" {
        seen.strangers.fetch_add(1, Ordering::SeqCst);
        return client.write_all(&[1, 1]).await;
    }
    client.write_all(&[1, 0]).await?;
    let mut asked = [0; 10];
    client.read_exact(&mut asked).await?;
    assert_eq!(asked[..8], [5, 1, 0, 1, 127, 0, 0, 1]);
    let mut server = TcpStream::connect(("127.0.0.1", u16::from_be_bytes([asked[8], asked[9]]))).await?;
    seen.tunnels.fetch_add(1, Ordering::SeqCst);
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, asked[8], asked[9]]).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_films_and_uploads_take_the_proxy() {
    for (kind, scheme) in [(Kind::Forwarding, "http"), (Kind::Socks, "socks5"), (Kind::Socks, "socks5h")] {
        let (port, seen) = proxy(kind).await;
        let url = format!("{scheme}://me:secret@127.0.0.1:{port}");
        let world = Fixture::with(|config| config.upstream.outbound_proxy = Some(url.parse().unwrap())).await;
        let film = noise(300_000);
        let put = world.request("PUT", "/dav/film.mkv").body(film.clone()).send().await.unwrap();
        assert_eq!(put.status(), 201, "{scheme}");
        let got = world.get("/dav/film.mkv").await.bytes().await.unwrap();
        assert_eq!(sha1(&got), sha1(&film));
        let passed = seen.forwarded.load(Ordering::SeqCst) + seen.tunnels.load(Ordering::SeqCst);
        assert!(passed >= 2, "{scheme}: {passed} connections: one for calls, one for data");
        assert_eq!(seen.strangers.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn encrypted_links_go_through_a_tunnel_and_its_refusal_is_told_without_the_secret() {
    let (port, seen) = proxy(Kind::Forwarding).await;
    let mut config = crate::harness::config(&alidav::sim::Simulator::start(Default::default()).await.unwrap());
    config.upstream.outbound_proxy = Some(format!("http://me:secret@127.0.0.1:{port}").parse().unwrap());
    let store = Store::open(&config.state).await.unwrap();
    let client = Client::new(&Account::named("main"), &config, store).unwrap();
    let link = SignedUrl::parse("https://host.example/film?x-oss-signature=geheim").unwrap();
    let error = client.data_host().get(&link, 0..10).await.unwrap_err().to_string();
    assert_eq!(seen.tunnels.load(Ordering::SeqCst), 1);
    assert_eq!(seen.strangers.load(Ordering::SeqCst), 0);
    assert!(error.contains("tunnel"), "{error}");
    assert!(!error.contains("secret") && !error.contains("geheim"), "{error}");
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_breaks_the_connection() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    let tls = rustls::ServerConfig::builder().with_no_client_auth();
    let tls = tls.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(acceptor.accept(client));
        }
    });
    let config = crate::harness::config(&alidav::sim::Simulator::start(Default::default()).await.unwrap());
    let store = Store::open(&config.state).await.unwrap();
    let client = Client::new(&Account::named("main"), &config, store).unwrap();
    let link = SignedUrl::parse(&format!("https://localhost:{port}/film")).unwrap();
    let error = client.data_host().get(&link, 0..10).await.unwrap_err();
    // Which is what leads to the host that the drive named.
    assert_eq!(error.kind, DataErrorKind::Broken, "{error}");
    assert!(error.to_string().contains("ertificate"), "{error}");
}
