//! Random operations beside a simple model: after each step the tree and its contents are what the model
//! says, whatever went wrong on the way. `ALIDAV_TEST_LONG=1` makes it long.

use std::collections::BTreeMap;

use alidav::sim::{Fault, FaultKind};

use crate::harness::{World, hrefs};

/// Paths to contents; folders have none and end in a slash.
type Tree = BTreeMap<String, Option<Vec<u8>>>;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn path(&mut self) -> String {
        const NAMES: [&str; 4] = ["a", "b", "%C3%A9", "x%20y"];
        let depth = 1 + self.below(3);
        (0..depth).map(|_| format!("/{}", NAMES[usize::try_from(self.below(4)).unwrap()])).collect()
    }
}

fn exists(tree: &Tree, path: &str) -> bool {
    tree.contains_key(path) || tree.contains_key(&format!("{path}/"))
}

fn has_parent(tree: &Tree, path: &str) -> bool {
    let parent = &path[..path.rfind('/').unwrap()];
    parent.is_empty() || tree.contains_key(&format!("{parent}/"))
}

fn remove(tree: &mut Tree, path: &str) {
    tree.retain(|other, _| other != path && !other.starts_with(&format!("{path}/")));
}

fn copy(tree: &mut Tree, from: &str, to: &str) {
    let below: Vec<_> = tree
        .iter()
        .filter(|(path, _)| *path == from || path.starts_with(&format!("{from}/")))
        .map(|(path, content)| (format!("{to}{}", &path[from.len()..]), content.clone()))
        .collect();
    remove(tree, to);
    tree.extend(below);
}

/// One operation: its request, and the tree after it has succeeded.
struct Step {
    method: &'static str,
    path: String,
    to: Option<String>,
    body: Vec<u8>,
    after: Tree,
}

fn step(random: &mut Random, tree: &Tree, number: u64) -> Step {
    let (path, to) = (random.path(), random.path());
    let mut after = tree.clone();
    let folder = tree.contains_key(&format!("{path}/"));
    let inside = to == path || to.starts_with(&format!("{path}/")) || path.starts_with(&format!("{to}/"));
    let possible = exists(tree, &path) && has_parent(tree, &to) && !inside;
    match random.below(6) {
        0 | 1 => {
            let body = format!("content {number} ").repeat(usize::try_from(random.below(40_000)).unwrap()).into_bytes();
            if has_parent(tree, &path) && !folder {
                after.insert(path.clone(), Some(body.clone()));
            }
            Step { method: "PUT", path, to: None, body, after }
        }
        2 => {
            if has_parent(tree, &path) && !exists(tree, &path) {
                after.insert(format!("{path}/"), None);
            }
            Step { method: "MKCOL", path, to: None, body: Vec::new(), after }
        }
        3 => {
            remove(&mut after, &path);
            Step { method: "DELETE", path, to: None, body: Vec::new(), after }
        }
        kind => {
            if possible {
                copy(&mut after, &path, &to);
                if kind == 5 {
                    remove(&mut after, &path);
                }
            }
            Step { method: if kind == 5 { "MOVE" } else { "COPY" }, path, to: Some(to), body: Vec::new(), after }
        }
    }
}

/// The tree as a client sees it that asks for fresh listings.
async fn seen(world: &World) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec!["/dav/".to_owned()];
    while let Some(folder) = folders.pop() {
        let answer = world
            .request("PROPFIND", &folder)
            .header("depth", "1")
            .header("cache-control", "no-cache")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 207, "{folder}");
        for href in hrefs(&answer.text().await.unwrap()).into_iter().skip(1) {
            let path = href.strip_prefix("/dav").unwrap().to_owned();
            let content = if href.ends_with('/') {
                folders.push(href);
                None
            } else {
                Some(world.get(&href).await.bytes().await.unwrap().to_vec())
            };
            assert!(tree.insert(path.clone(), content).is_none(), "{path} is listed twice");
        }
    }
    tree
}

fn fault(random: &mut Random) -> Fault {
    const CALLS: [&str; 8] = [
        "openFile/create",
        "openFile/complete",
        "openFile/move",
        "openFile/copy",
        "openFile/update",
        "openFile/recyclebin/trash",
        "data PUT",
        "openFile/async_task/get",
    ];
    let kind = match random.below(5) {
        0 => FaultKind::Code { status: 500, code: "InternalError".to_owned(), retry_after_ms: None },
        1 => FaultKind::Code { status: 429, code: "TooManyRequests".to_owned(), retry_after_ms: Some(20) },
        2 => FaultKind::CloseBefore,
        3 => FaultKind::CloseAfter,
        _ => FaultKind::Code { status: 401, code: "AccessTokenExpired".to_owned(), retry_after_ms: None },
    };
    Fault::once(CALLS[usize::try_from(random.below(8)).unwrap()], kind)
}

async fn run(seed: u64, steps: u64) {
    let world = World::with(|config| config.upload.part_size = 150_000).await;
    let mut random = Random(seed);
    let mut tree = Tree::new();
    for number in 0..steps {
        if random.below(8) == 0 {
            // Another program of the user writes; the view is refreshed by looking.
            let name = format!("/behind{}", random.below(3));
            world.sim.write(&name, format!("behind {number}"));
            tree.insert(name, Some(format!("behind {number}").into_bytes()));
            assert_eq!(seen(&world).await, tree, "seed {seed} step {number}: behind our back");
        }
        let Step { method, path, to, body, after } = step(&mut random, &tree, number);
        if random.below(3) == 0 {
            world.sim.fault(fault(&mut random));
        }
        let mut request = world.request(method, &format!("/dav{path}"));
        if let Some(to) = &to {
            request = request.header("destination", world.url(&format!("/dav{to}")));
        }
        let request = if method == "PUT" { request.body(body) } else { request };
        let status = request.send().await.unwrap().status();
        world.sim.clear_faults();
        let found = seen(&world).await;
        let what = format!("seed {seed} step {number}: {method} {path} {to:?} gave {status}");
        if status.is_success() {
            assert!(found == after, "{what}\nexpected {:?}\nfound {:?}", after.keys(), found.keys());
        } else if status.is_server_error() {
            // An answer was lost: it happened or it did not, never by half.
            assert!(
                found == after || found == tree || doubtful_copy(method, &found, &tree, &after),
                "{what}\nfound {:?}",
                found.keys()
            );
        } else {
            assert!(found == tree, "{what}\nexpected {:?}\nfound {:?}", tree.keys(), found.keys());
        }
        tree = found;
    }
}

/// A copy whose answer was lost may stand under its first name: nothing that was there is missing.
fn doubtful_copy(method: &str, found: &Tree, before: &Tree, after: &Tree) -> bool {
    matches!(method, "COPY" | "MOVE")
        && before.iter().all(|(path, content)| found.get(path) == Some(content) || after.get(path) == found.get(path))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_tree_is_what_the_model_says() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test, not a setting")]
    let long = std::env::var_os("ALIDAV_TEST_LONG").is_some();
    for seed in 0..if long { 40 } else { 4 } {
        run(seed, if long { 400 } else { 60 }).await;
    }
}
