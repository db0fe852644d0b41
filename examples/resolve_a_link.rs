//! The tree without a server: a path to the link at which the drive's data host gives the file's content.
//! `cargo run --example resolve_a_link`

use std::collections::HashMap;
use std::time::Duration;

use alidav::config::{Account, Config, Mount, StateLocation};
use alidav::drive::{Freshness, Path, Tree};
use alidav::sim::{Options, Simulator};
use alidav::state::Store;
use alidav::upstream::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let drive = Simulator::start(Options::default()).await?;
    drive.write("/films/first.mkv", "hardly a film");

    let mut account = Account::named("main");
    account.refresh_token = Some(drive.refresh_token().into());
    account.oauth_token_urls = vec![format!("{}/alicloud/renewapi", drive.url()).parse()?];
    let mut config = Config::new(vec![account], vec![Mount::at("/", "main")]);
    config.upstream.api_url = drive.url().parse()?;

    let store = Store::open(&StateLocation::Memory).await?;
    let client = Client::new(&config.accounts[0], &config, store.clone())?;
    let tree = Tree::new(&config, HashMap::from([("main".to_owned(), client)]), &store);

    let film = tree.stat(&Path::parse("/films/first.mkv")?, Freshness::Cached).await?;
    let link = tree.link(&film, Duration::from_secs(60)).await?;
    // A link is a secret: whoever has it has the file. So it does not print by itself.
    println!("{:?} has {:?} bytes behind {}", film.path, link.size, link.url.expose());
    Ok(())
}

#[test]
fn runs() {
    main().unwrap();
}
