//! A folder of so many files, listed by alidav in this process.

use std::collections::HashMap;

use alidav::config::{Account, Config, Mount, Permission, StateLocation};
use alidav::dav::{Context, Dav};
use alidav::drive::{Path, Tree};
use alidav::sim::{Options, Rules, Simulator};
use alidav::state::Store;
use alidav::upstream::Client;
use http::Request;
use http_body_util::Empty;

/// Who asks.
pub(crate) fn context() -> Context {
    Context {
        user: None,
        base_path: Path::root(),
        permission: Permission::Read,
        address: "127.0.0.1".parse().unwrap(),
        hosts: Vec::new(),
        reader: 0,
    }
}

/// The question.
pub(crate) fn propfind() -> Request<Empty<bytes::Bytes>> {
    Request::builder().method("PROPFIND").uri("/folder/").header("depth", "1").body(Empty::new()).unwrap()
}

/// The server, over a drive with such a folder.
pub(crate) async fn alidav(entries: usize) -> (Simulator, Dav) {
    let rules = Rules { rate_limits: false, ..Rules::default() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    for n in 0..entries {
        sim.write(&format!("/folder/file number {n:06}.mkv"), "");
    }
    let mut account = Account::named("main");
    account.oauth_token_urls = vec![format!("{}/alicloud/renewapi", sim.url()).parse().unwrap()];
    account.refresh_token = Some(sim.refresh_token().into());
    let mut config = Config::new(vec![account], vec![Mount::at("/", "main")]);
    config.dav_prefix = String::new();
    config.upstream.api_url = sim.url().parse().unwrap();
    config.upstream.list_per_s = 100_000.0;
    let store = Store::open(&StateLocation::Memory).await.unwrap();
    let client = Client::new(&config.accounts[0], &config.upstream, store.clone()).unwrap();
    let tree = Tree::new(&config, HashMap::from([("main".to_owned(), client)]), &store);
    (sim, Dav::open(&config, tree, &store).await.unwrap())
}
