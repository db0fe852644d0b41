//! Random operations beside a simple model: after each step the tree and its contents are what the model
//! says, whatever went wrong on the way. `ALIDAV_TEST_LONG=1` makes it long.

use std::collections::BTreeMap;

use alidav::sim::{Fault, FaultKind};

use crate::harness::{World, header, hrefs};

/// What is at a path; folders have no content, and their paths end in a slash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    content: Option<Vec<u8>>,
    /// Value of a property that a client stored.
    note: Option<String>,
}

const NOTHING: &str = r#"<D:propertyupdate xmlns:D="DAV:"/>"#;

type Tree = BTreeMap<String, Node>;

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

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

/// What is stored of a folder's members stays behind when the folder is copied.
fn copy(tree: &mut Tree, from: &str, to: &str, moved: bool) {
    let node = |path: &str, node: &Node| {
        let top = path.trim_end_matches('/') == from;
        Node { note: node.note.clone().filter(|_| moved || top), ..node.clone() }
    };
    let below: Vec<_> = tree
        .iter()
        .filter(|(path, _)| *path == from || path.starts_with(&format!("{from}/")))
        .map(|(path, old)| (format!("{to}{}", &path[from.len()..]), node(path, old)))
        .collect();
    remove(tree, to);
    tree.extend(below);
}

/// The same files and folders, whatever is noted of them.
fn same_content(a: &Tree, b: &Tree) -> bool {
    a.len() == b.len() && a.iter().all(|(path, node)| b.get(path).is_some_and(|other| other.content == node.content))
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
    match random.below(8) {
        6 => {
            let number = format!("note-{number}");
            let body = format!(
                r#"<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><n xmlns="urn:t">{number}</n></D:prop></D:set></D:propertyupdate>"#
            );
            let at = if folder { format!("{path}/") } else { path.clone() };
            if let Some(node) = after.get_mut(&at) {
                node.note = Some(number);
            }
            Step { method: "PROPPATCH", path, to: None, body: body.into_bytes(), after }
        }
        7 => {
            if has_parent(tree, &path) && !exists(tree, &path) {
                after.insert(path.clone(), Node { content: Some(Vec::new()), note: None });
            }
            Step { method: "LOCK", path, to: None, body: LOCK.into(), after }
        }
        0 | 1 => {
            let body = format!("content {number} ").repeat(usize::try_from(random.below(40_000)).unwrap()).into_bytes();
            if has_parent(tree, &path) && !folder {
                after.entry(path.clone()).or_default().content = Some(body.clone());
            }
            Step { method: "PUT", path, to: None, body, after }
        }
        2 => {
            if has_parent(tree, &path) && !exists(tree, &path) {
                after.insert(format!("{path}/"), Node::default());
            }
            Step { method: "MKCOL", path, to: None, body: Vec::new(), after }
        }
        3 => {
            remove(&mut after, &path);
            Step { method: "DELETE", path, to: None, body: Vec::new(), after }
        }
        kind => {
            if possible {
                copy(&mut after, &path, &to, kind == 5);
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
        let listing = answer.text().await.unwrap();
        let notes: Vec<Option<String>> = listing.split("<D:response>").skip(1).map(note).collect();
        for (href, note) in hrefs(&listing).into_iter().zip(notes).skip(1) {
            let path = href.strip_prefix("/dav").unwrap().to_owned();
            let content = if href.ends_with('/') {
                folders.push(href);
                None
            } else {
                Some(world.get(&href).await.bytes().await.unwrap().to_vec())
            };
            assert!(tree.insert(path.clone(), Node { content, note }).is_none(), "{path} is listed twice");
        }
    }
    tree
}

fn note(response: &str) -> Option<String> {
    let (_, rest) = response.split_once("note-")?;
    Some(format!("note-{}", rest.split('<').next()?))
}

/// While somebody else holds the lock nothing changes; then it is given back.
async fn try_the_lock(world: &World, path: &str, token: &str, locked: &Tree, what: &str) {
    let url = format!("/dav{path}");
    for (method, body) in [("PUT", "intruder"), ("DELETE", ""), ("PROPPATCH", NOTHING), ("MOVE", "")] {
        let request = world.request(method, &url).header("destination", world.url("/dav/stolen"));
        let request = if body.is_empty() { request } else { request.body(body) };
        let status = request.send().await.unwrap().status();
        assert!(status.is_client_error(), "{what}: {method} of a locked path gave {status}");
    }
    assert_eq!(seen(world).await, *locked, "{what}: a locked path changed");
    let unlock = world.request("UNLOCK", &url).header("lock-token", token).send().await.unwrap();
    assert_eq!(unlock.status(), 204, "{what}");
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
            // What the drive replaces from behind is another item: nothing is noted of it.
            tree.insert(name, Node { content: Some(format!("behind {number}").into_bytes()), note: None });
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
        let request = if body.is_empty() && method != "PUT" { request } else { request.body(body) };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        world.sim.clear_faults();
        let found = seen(&world).await;
        let what = format!("seed {seed} step {number}: {method} {path} {to:?} gave {status}");
        if status.is_success() {
            assert!(found == after, "{what}\nexpected {}\nfound {}", shown(&after), shown(&found));
            if method == "LOCK" {
                try_the_lock(&world, &path, header(&answer, "lock-token"), &found, &what).await;
            }
        } else if status.is_server_error() {
            // An answer was lost: it happened or it did not, never by half.
            assert!(
                same_content(&found, &after)
                    || same_content(&found, &tree)
                    || doubtful_copy(method, &found, &tree, &after),
                "{what}\nfound {:?}",
                found.keys()
            );
        } else {
            assert!(found == tree, "{what}\nexpected {}\nfound {}", shown(&tree), shown(&found));
        }
        tree = found;
    }
}

/// A copy whose answer was lost may stand under its first name: nothing that was there is missing.
fn doubtful_copy(method: &str, found: &Tree, before: &Tree, after: &Tree) -> bool {
    let content = |tree: &Tree, path: &str| tree.get(path).map(|node| node.content.clone());
    matches!(method, "COPY" | "MOVE")
        && before.keys().all(|path| {
            let now = content(found, path);
            now == content(before, path) || now == content(after, path)
        })
}

fn shown(tree: &Tree) -> String {
    let node = |(path, node): (&String, &Node)| {
        format!("{path} {:?} {}", node.content.as_ref().map(Vec::len), node.note.as_deref().unwrap_or_default())
    };
    tree.iter().map(node).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_tree_is_what_the_model_says() {
    #[expect(clippy::disallowed_methods, reason = "a switch of the test, not a setting")]
    let long = std::env::var_os("ALIDAV_TEST_LONG").is_some();
    for seed in 0..if long { 40 } else { 4 } {
        run(seed, if long { 400 } else { 60 }).await;
    }
}
