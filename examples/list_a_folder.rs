//! A simulated drive, alidav over it, and a look at a folder by WebDAV: `cargo run --example list_a_folder`.

use alidav::config::{Account, Config, ListenAddr, Mount, Permission, StateLocation};
use alidav::server::Server;
use alidav::sim::{Options, Simulator};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let drive = Simulator::start(Options::default()).await?;
    drive.write("/films/first.mkv", "hardly a film");

    // An account is signed in by a refresh token, which a token server renews; here the drive is that, too.
    let mut account = Account::named("main");
    account.refresh_token = Some(drive.refresh_token().into());
    account.oauth_token_urls = vec![format!("{}/alicloud/renewapi", drive.url()).parse()?];

    let mut config = Config::new(vec![account], vec![Mount::at("/", "main")]);
    config.upstream.api_url = drive.url().parse()?;
    config.listen = vec![ListenAddr::Tcp(([127, 0, 0, 1], 0).into())];
    config.state = StateLocation::Memory;
    config.anonymous = Permission::Read;
    let server = Server::start(&config).await?;

    // The client's own TLS, which `reqwest` leaves to whoever builds it; alidav has chosen none for the process.
    rustls::crypto::ring::default_provider().install_default().ok();
    let http = reqwest::Client::builder().no_proxy().build()?;
    let request = http.request(reqwest::Method::from_bytes(b"PROPFIND")?, format!("{}/dav/films/", server.urls()[0]));
    let listing = request.header("depth", "1").send().await?.error_for_status()?.text().await?;
    println!("{listing}");
    assert!(listing.contains("/dav/films/first.mkv"));

    server.stop().await;
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
