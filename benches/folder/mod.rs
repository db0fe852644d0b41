//! A folder of so many files, listed by alidav in this process.

use std::collections::HashMap;

use alidav::config::{Account, Config, Mount, Permission, StateLocation};
use alidav::dav::{Context, Dav};
use alidav::drive::{Path, Tree};
use alidav::protocol::RequestId;
use alidav::sim::{Options, Rules, Simulator};
use alidav::state::Store;
use alidav::upstream::Client;
use http::Request;
use http_body_util::{BodyExt as _, Empty};

/// Who asks.
pub(crate) fn context() -> Context {
    Context {
        request: RequestId::random(),
        user: None,
        base_path: Path::root(),
        permission: Permission::Read,
        address: "127.0.0.1".parse().unwrap(),
        hosts: Vec::new(),
        reader: 0,
    }
}

/// The question.
pub(crate) fn propfind(path: &str) -> Request<Empty<bytes::Bytes>> {
    Request::builder().method("PROPFIND").uri(path).header("depth", "1").body(Empty::new()).unwrap()
}

/// Takes a body piece by piece, as a connection does.
pub(crate) async fn length<B: http_body::Body<Data = bytes::Bytes>>(body: B) -> usize
where
    B::Error: std::fmt::Debug,
{
    let mut body = std::pin::pin!(body);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().into_data().map_or(0, |data| data.len());
    }
    length
}

/// The server, over a drive with such a folder.
pub(crate) async fn alidav(entries: usize) -> (Simulator, Dav) {
    let rules = Rules { rate_limits: false, ..Rules::default() };
    let sim = Simulator::start(Options { rules, ..Options::default() }).await.unwrap();
    sim.fill("/folder", entries as u64);
    let mut account = Account::named("main");
    account.oauth_token_urls = vec![format!("{}/alicloud/renewapi", sim.url()).parse().unwrap()];
    account.refresh_token = Some(sim.refresh_token().into());
    let mut config = Config::new(vec![account], vec![Mount::at("/", "main")]);
    config.dav_prefix = String::new();
    config.upstream.api_url = sim.url().parse().unwrap();
    config.upstream.list_per_s = 100_000.0;
    let store = Store::open(&StateLocation::Memory).await.unwrap();
    let client = Client::new(&config.accounts[0], &config, store.clone()).unwrap();
    let tree = Tree::new(&config, HashMap::from([("main".to_owned(), client)]), &store);
    (sim, Dav::open(&config, tree, &store).await.unwrap())
}
