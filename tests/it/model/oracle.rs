//! The model: what a request or another program makes of a tree, and which trees the answers explain.

use std::collections::BTreeMap;

use alidav::sim::Simulator;

use super::steps::{Act, Behind, Place, Request};

/// What is at a path; folders have no content, and their paths end in a slash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) content: Option<Vec<u8>>,
    /// Value of a property that a client stored.
    pub(super) note: Option<String>,
}

pub(super) type Tree = BTreeMap<String, Node>;

pub(super) fn exists(tree: &Tree, path: &str) -> bool {
    tree.contains_key(path) || is_folder(tree, path)
}

pub(super) fn is_folder(tree: &Tree, path: &str) -> bool {
    tree.contains_key(&format!("{path}/"))
}

pub(super) fn has_parent(tree: &Tree, path: &str) -> bool {
    let parent = &path[..path.rfind('/').unwrap()];
    parent.is_empty() || is_folder(tree, parent)
}

pub(super) fn within<'a>(tree: &'a Tree, path: &str) -> impl Iterator<Item = (&'a String, &'a Node)> {
    let below = format!("{path}/");
    tree.iter().filter(move |(other, _)| **other == below[..below.len() - 1] || other.starts_with(&below))
}

pub(super) fn remove(tree: &mut Tree, path: &str) {
    tree.retain(|other, _| other != path && !other.starts_with(&format!("{path}/")));
}

/// What is stored of a folder's members stays behind when the folder is copied.
pub(super) fn copy(tree: &mut Tree, from: &str, to: &str, moved: bool) {
    let node = |path: &str, node: &Node| {
        let top = path.trim_end_matches('/') == from;
        Node { note: node.note.clone().filter(|_| moved || top), ..node.clone() }
    };
    let copied: Vec<_> =
        within(tree, from).map(|(path, old)| (format!("{to}{}", &path[from.len()..]), node(path, old))).collect();
    remove(tree, to);
    tree.extend(copied);
}

/// The same files and folders, whatever is noted of them.
pub(super) fn same_content(a: &Tree, b: &Tree) -> bool {
    a.len() == b.len() && a.iter().all(|(path, node)| b.get(path).is_some_and(|other| other.content == node.content))
}

/// What a request writes: different each time.
pub(super) fn content(size: usize, mark: &str) -> Vec<u8> {
    mark.bytes().chain([b' ']).cycle().take(size).collect()
}

/// The tree after a request has succeeded; `mark` tells its content from others'.
pub(super) fn after(tree: &Tree, request: &Request, mark: &str) -> Tree {
    let mut after = tree.clone();
    let path = request.at.key();
    match &request.act {
        Act::Put(size) if has_parent(tree, &path) && !is_folder(tree, &path) => {
            after.entry(path).or_default().content = Some(content(*size, mark));
        }
        Act::Mkcol if has_parent(tree, &path) && !exists(tree, &path) => {
            after.insert(format!("{path}/"), Node::default());
        }
        Act::Lock if has_parent(tree, &path) && !exists(tree, &path) => {
            after.insert(path, Node { content: Some(Vec::new()), note: None });
        }
        Act::Note => {
            let at = if is_folder(tree, &path) { format!("{path}/") } else { path };
            if let Some(node) = after.get_mut(&at) {
                node.note = Some(format!("note-{mark}"));
            }
        }
        Act::Delete => remove(&mut after, &path),
        Act::Copy(to) | Act::Move(to) => {
            let to = to.key();
            let inside = format!("{to}/").starts_with(&format!("{path}/")) || path.starts_with(&format!("{to}/"));
            let moved = matches!(request.act, Act::Move(_));
            if exists(tree, &path) && has_parent(tree, &to) && !inside {
                copy(&mut after, &path, &to, moved);
                if moved {
                    remove(&mut after, &path);
                }
            }
        }
        Act::Put(_) | Act::Mkcol | Act::Lock => {}
    }
    after
}

/// A request of a step and what its client was told; nothing where the answer never came.
pub(super) struct Asked<'a> {
    pub(super) request: &'a Request,
    pub(super) mark: String,
    pub(super) status: Option<u16>,
}

impl Asked<'_> {
    pub(super) fn doubtful(&self) -> bool {
        self.status.is_none_or(|status| status >= 500)
    }

    pub(super) fn outcomes(&self, tree: &Tree) -> Vec<Tree> {
        match self.status {
            Some(200..300) => vec![after(tree, self.request, &self.mark)],
            Some(400..500) => vec![tree.clone()],
            _ => vec![after(tree, self.request, &self.mark), tree.clone()],
        }
    }
}

/// The trees that some order of a step's requests explains.
pub(super) fn explained(tree: &Tree, asked: &[Asked<'_>]) -> Vec<Tree> {
    let then = |first: &Asked<'_>, second: Option<&Asked<'_>>| {
        let ends = first.outcomes(tree);
        second.map_or(ends.clone(), |second| ends.iter().flat_map(|tree| second.outcomes(tree)).collect())
    };
    match asked {
        [one, other] => [then(one, Some(other)), then(other, Some(one))].concat(),
        [one, ..] => then(one, None),
        [] => vec![tree.clone()],
    }
}

pub(super) fn shown(tree: &Tree) -> String {
    let node = |(path, node): (&String, &Node)| {
        let content = node.content.as_ref().map(|content| {
            let start = String::from_utf8_lossy(&content[..content.len().min(4)]).into_owned();
            format!("={start:?}*{}", content.len())
        });
        format!("{path}{}{}", content.unwrap_or_default(), node.note.as_deref().unwrap_or_default())
    };
    tree.iter().map(node).collect::<Vec<_>>().join(" ")
}

/// What another program does; nothing where it would take what the drive does not have yet, or where nothing is.
pub(super) fn behind(sim: &Simulator, tree: &Tree, what: Behind, at: &Place, mark: &str) -> Tree {
    let path = at.key();
    let mut after = tree.clone();
    let held = within(tree, &path).any(|(_, node)| node.content.as_ref().is_some_and(Vec::is_empty));
    match what {
        Behind::Write if has_parent(tree, &path) && !is_folder(tree, &path) && !held => {
            sim.write(&path, content(20, mark));
            // It is another item: nothing is noted of it.
            after.insert(path, Node { content: Some(content(20, mark)), note: None });
        }
        Behind::Trash if exists(tree, &path) && !held => {
            sim.trash(&path);
            remove(&mut after, &path);
        }
        Behind::Rename if exists(tree, &path) && !held => {
            let name = format!("r{mark}");
            sim.rename(&path, &name);
            copy(&mut after, &path, &format!("{}/{name}", &path[..path.rfind('/').unwrap()]), true);
            remove(&mut after, &path);
        }
        _ => {}
    }
    after
}
