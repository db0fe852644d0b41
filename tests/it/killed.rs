//! The process is killed at each call of an overwrite: afterwards the old or the new content is there,
//! whole, under the one name.

use std::path::Path;

use alidav::sim::{Fault, FaultKind, Options, Simulator};

use crate::harness::{hrefs, noise, rules, until};
use crate::process::Process;

fn start(sim: &Simulator, folder: &Path) -> Process {
    let file = folder.join("alidav.toml");
    let text = format!(
        "listen = [\"127.0.0.1:0\"]\nstate = \"sqlite:{}\"\n[upstream]\napi_url = \"{url}\"\nlist_per_s = 10000\nother_per_s = 10000\n\
             link_per_s = 10000\n[upload]\npart_size = 200000\n[[account]]\noauth_token_urls = [\"{url}/alicloud/renewapi\"]\n\
             refresh_token = \"{}\"\n[[mount]]\nlink_policy = \"proxy\"\n[anonymous]\npermission = \"write\"\n",
        folder.join("state.db").display(),
        sim.refresh_token(),
        url = sim.url(),
    );
    std::fs::write(&file, text).unwrap();
    Process::serve(&file)
}

async fn listing(http: &reqwest::Client, url: &str) -> Vec<String> {
    let method = reqwest::Method::from_bytes(b"PROPFIND").unwrap();
    let answer = http.request(method, format!("{url}/dav/")).header("depth", "1").header("cache-control", "no-cache");
    hrefs(&answer.send().await.unwrap().text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_overwrite_leaves_the_old_or_the_new_content_whole() {
    let (old, new) = (noise(500_000), noise(700_001));
    // Calls of the overwrite: create, four parts, complete, the removal of the old version.
    for at in 0..7u64 {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        sim.write("/a", old.clone());
        let folder = tempfile::tempdir().unwrap();
        let process = start(&sim, folder.path());
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        assert_eq!(listing(&http, &process.url).await, ["/dav/", "/dav/a"]);
        sim.reset_calls();
        sim.fault(Fault::once("*", FaultKind::Hang).after(at));
        let put = tokio::spawn(http.put(format!("{}/dav/a", process.url)).body(new.clone()).send());
        until(|| sim.calls().values().sum::<u64>() > at).await;
        drop(process);
        assert!(put.await.unwrap().is_err());
        sim.clear_faults();
        let process = start(&sim, folder.path());
        assert_eq!(listing(&http, &process.url).await, ["/dav/", "/dav/a"], "killed at call {at}");
        let content = http.get(format!("{}/dav/a", process.url)).send().await.unwrap().bytes().await.unwrap();
        assert!(content == old || content == new, "killed at call {at}: {} bytes", content.len());
        // Before the commit nothing has changed, after it everything has.
        assert_eq!(content == new, at >= 6, "killed at call {at}");
        drop(process);
    }
}
