//! The process is killed at each call of an overwrite: afterwards the old or the new content is there,
//! whole, under the one name.

use std::path::Path;
use std::time::Duration;

use alidav::sim::{Fault, FaultKind, Options, Simulator};

use crate::harness::{client, hrefs, noise, rules, until};
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

/// Paths of all that the drive itself has.
async fn on_drive(http: &reqwest::Client, sim: &Simulator) -> Vec<String> {
    let tree = http.get(format!("{}/sim/tree", sim.url())).send().await.unwrap();
    let tree: serde_json::Value = tree.json().await.unwrap();
    tree.as_array().unwrap().iter().map(|row| row["path"].as_str().unwrap().to_owned()).collect()
}

/// The old or the new content is there, once, by memory and anew and on the drive itself; and gone when it is removed.
async fn one_version(sim: &Simulator, folder: &Path, versions: [&[u8]; 2], what: &str) -> Vec<u8> {
    let http = client();
    let process = start(sim, folder);
    // A copy that had not got its name shows until the drive has been asked for it.
    let listed = listing(&http, &process.url).await;
    assert_eq!(listed.iter().filter(|href| *href == "/dav/a").count(), 1, "{what}");
    let content = http.get(format!("{}/dav/a", process.url)).send().await.unwrap().bytes().await.unwrap();
    assert!(versions.contains(&&*content), "{what}: {} bytes", content.len());
    let once = async { while on_drive(&http, sim).await != ["/a"] {} };
    tokio::time::timeout(Duration::from_secs(30), once).await.unwrap_or_else(|_| panic!("{what}: two versions"));
    assert_eq!(listing(&http, &process.url).await, ["/dav/", "/dav/a"], "{what}");
    let again = http.get(format!("{}/dav/a", process.url)).send().await.unwrap().bytes().await.unwrap();
    assert!(again == content, "{what}");
    let removed = http.delete(format!("{}/dav/a", process.url)).send().await.unwrap();
    assert_eq!(removed.status(), 204, "{what}");
    for _ in 0..2 {
        assert_eq!(listing(&http, &process.url).await, ["/dav/"], "{what}");
        assert!(on_drive(&http, sim).await.is_empty(), "{what}");
    }
    content.to_vec()
}

// Keeps 84, 90.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_overwrite_leaves_the_old_or_the_new_content_whole() {
    let (old, new) = (noise(500_000), noise(700_001));
    // Calls of the overwrite: create, four parts, complete, the removal of the old version.
    for at in 0..7u64 {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        sim.write("/a", old.clone());
        let folder = tempfile::tempdir().unwrap();
        let process = start(&sim, folder.path());
        let http = client();
        assert_eq!(listing(&http, &process.url).await, ["/dav/", "/dav/a"]);
        sim.reset_calls();
        sim.fault(Fault::once("*", FaultKind::Hang).after(at));
        let put = tokio::spawn(http.put(format!("{}/dav/a", process.url)).body(new.clone()).send());
        until(|| sim.calls().values().sum::<u64>() > at).await;
        drop(process);
        assert!(put.await.unwrap().is_err());
        sim.clear_faults();
        let what = format!("killed at call {at}");
        let content = one_version(&sim, folder.path(), [&old, &new], &what).await;
        // Before the commit nothing has changed, after it everything has.
        assert_eq!(content == new, at >= 6, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_is_killed_after_an_answer_was_lost() {
    let (old, new) = (noise(500), noise(701));
    // What was done though its answer was lost, and the call after it, at which the process is killed.
    for (call, next, known) in [
        ("openFile/complete", "openFile/get", false),
        ("openFile/complete", "openFile/recyclebin/trash", false),
        ("openFile/create", "openFile/list", true),
        ("openFile/create", "openFile/recyclebin/trash", true),
    ] {
        let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
        sim.write("/a", old.clone());
        let folder = tempfile::tempdir().unwrap();
        let process = start(&sim, folder.path());
        let http = client();
        if known {
            // The drive has the content, so that the first call attaches it.
            sim.write("/known", new.clone());
        }
        listing(&http, &process.url).await;
        sim.reset_calls();
        sim.fault(Fault::once(call, FaultKind::CloseAfter));
        sim.fault(Fault::once(next, FaultKind::Hang));
        let put = tokio::spawn(http.put(format!("{}/dav/a", process.url)).body(new.clone()).send());
        until(|| sim.calls().get(next).is_some_and(|count| *count > 0)).await;
        drop(process);
        assert!(put.await.unwrap().is_err());
        sim.clear_faults();
        sim.remove("/known");
        let what = format!("killed at {next} after {call} without an answer");
        assert!(one_version(&sim, folder.path(), [&old, &new], &what).await == new, "{what}");
    }
}

// Keeps 90.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_copy_or_move_over_a_file_leaves_one_version() {
    let (old, new) = (noise(500), noise(701));
    for method in ["COPY", "MOVE"] {
        // The copy or move, its naming, the removal of the old version.
        for at in 0..3u64 {
            let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
            sim.write("/a", old.clone());
            sim.write("/s/b", new.clone());
            let folder = tempfile::tempdir().unwrap();
            let process = start(&sim, folder.path());
            let http = client();
            listing(&http, &process.url).await;
            http.get(format!("{}/dav/s/b", process.url)).send().await.unwrap();
            sim.reset_calls();
            sim.fault(Fault::once("*", FaultKind::Hang).after(at));
            let change = http
                .request(method.parse().unwrap(), format!("{}/dav/s/b", process.url))
                .header("destination", format!("{}/dav/a", process.url));
            let change = tokio::spawn(change.send());
            until(|| sim.calls().values().sum::<u64>() > at).await;
            drop(process);
            assert!(change.await.unwrap().is_err());
            sim.clear_faults();
            let what = format!("{method} killed at call {at}");
            // The source is no part of it.
            sim.remove("/s");
            one_version(&sim, folder.path(), [&old, &new], &what).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_copy_or_move_to_a_new_name_has_happened_or_not() {
    for (method, at) in [("COPY", 0u64), ("COPY", 1), ("MOVE", 0), ("MOVE", 1)] {
        // The call is not made, or made without an answer.
        for kind in [FaultKind::Hang, FaultKind::CloseAfter] {
            let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
            sim.write("/s/b", noise(701));
            sim.mkdir("/f");
            let folder = tempfile::tempdir().unwrap();
            let process = start(&sim, folder.path());
            let http = client();
            listing(&http, &process.url).await;
            for path in ["s", "f"] {
                http.get(format!("{}/dav/{path}/x", process.url)).send().await.unwrap();
            }
            sim.reset_calls();
            sim.fault(Fault::once("*", kind.clone()).after(at));
            sim.fault(Fault::always("*", FaultKind::Hang).after(at + 1));
            let change = http
                .request(method.parse().unwrap(), format!("{}/dav/s/b", process.url))
                .header("destination", format!("{}/dav/f/a", process.url));
            let change = tokio::spawn(change.send());
            let calls = if matches!(kind, FaultKind::Hang) { at } else { at + 1 };
            until(|| sim.calls().values().sum::<u64>() > calls).await;
            drop(process);
            assert!(change.await.unwrap().is_err());
            sim.clear_faults();
            let process = start(&sim, folder.path());
            let done = if method == "COPY" { vec!["/f", "/f/a", "/s", "/s/b"] } else { vec!["/f", "/f/a", "/s"] };
            let ends = [done, vec!["/f", "/s", "/s/b"]];
            let ended = async {
                loop {
                    let paths = on_drive(&http, &sim).await;
                    if ends.iter().any(|end| paths == *end) {
                        break;
                    }
                }
            };
            let what = format!("{method} killed at call {at} {kind:?}");
            let ended = tokio::time::timeout(Duration::from_secs(30), ended).await;
            assert!(ended.is_ok(), "{what}: {:?}", on_drive(&http, &sim).await);
            drop(process);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_serves_from_a_state_store() {
    let sim = Simulator::start(Options { rules: rules(), ..Options::default() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = start(&sim, folder.path());
    let file = folder.path().join("alidav.toml");
    let command = |name: &str| {
        let mut command = crate::process::alidav();
        command.arg(name).arg("--config").arg(&file);
        tokio::task::block_in_place(|| command.output().unwrap())
    };
    let second = command("serve");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("state.db") && said.contains("another alidav serves from it"), "{said}");
    let check = command("check");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    assert_eq!(listing(&client(), &first.url).await, ["/dav/"]);
    // However it ends, the next one may serve.
    drop(first);
    let next = start(&sim, folder.path());
    assert_eq!(listing(&client(), &next.url).await, ["/dav/"]);
}
