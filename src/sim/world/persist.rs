//! With a folder given, the tree, its contents and the tokens outlive the simulator: `index.json` and one file for
//! each content. Uploads that are not complete and links do not.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::sim::media::original::Original;
use crate::sim::world::World;
use crate::sim::world::content::Content;
use crate::sim::world::drive::Node;
use crate::sim::world::film::Film;
use crate::sim::world::tokens::Tokens;

#[derive(Serialize, Deserialize)]
struct Index {
    nodes: Vec<Saved>,
    #[serde(default)]
    tokens: Tokens,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    drive_id: String,
    file_id: String,
    parent: String,
    name: String,
    sha1: Option<String>,
    content: Option<SavedContent>,
    created_ms: i64,
    updated_ms: i64,
    local_modified: Option<String>,
    trashed: bool,
    starred: bool,
    #[serde(default)]
    film: Option<Film>,
}

#[derive(Serialize, Deserialize)]
enum SavedContent {
    Object(u64),
    Generated {
        size: u64,
        seed: u64,
    },
    /// Asked for with so many seconds and bytes.
    Film {
        seconds: u64,
        wanted: u64,
    },
}

fn object(dir: &Path, file_id: &str) -> std::path::PathBuf {
    dir.join("objects").join(file_id)
}

/// Moves content to the folder, if there is one.
pub(in crate::sim) fn keep(world: &World, file_id: &str, content: Content) -> Content {
    let (Some(dir), Content::Kept(bytes)) = (&world.dir, &content) else { return content };
    let path = object(dir, file_id);
    match std::fs::write(&path, bytes) {
        Ok(()) => Content::File(path, bytes.len() as u64),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "content stays in memory only");
            content
        }
    }
}

/// Writes the index, whole or not at all.
pub(in crate::sim) fn save(world: &World) {
    let Some(dir) = &world.dir else { return };
    for node in world.drives.values().flat_map(|drive| drive.nodes.values()) {
        let path = object(dir, &node.file_id);
        if let Some(Content::Kept(bytes)) = &node.content
            && !path.exists()
            && let Err(error) = std::fs::write(&path, bytes)
        {
            tracing::error!(path = %path.display(), %error, "content stays in memory only");
        }
    }
    let nodes = world.drives.values().flat_map(|drive| {
        drive.nodes.values().filter(|n| !n.uploading).map(|node| Saved {
            drive_id: drive.id.clone(),
            file_id: node.file_id.clone(),
            parent: node.parent.clone(),
            name: node.name.clone(),
            sha1: node.sha1.clone(),
            content: node.content.as_ref().map(|content| match content {
                Content::Generated { size, seed } => SavedContent::Generated { size: *size, seed: *seed },
                Content::Film(film) => {
                    let (seconds, wanted) = film.plan();
                    SavedContent::Film { seconds, wanted }
                }
                other => SavedContent::Object(other.size()),
            }),
            created_ms: node.created_ms,
            updated_ms: node.updated_ms,
            local_modified: node.local_modified.clone(),
            trashed: node.trashed,
            starred: node.starred,
            film: node.film.clone(),
        })
    });
    let index = Index { nodes: nodes.collect(), tokens: world.tokens.clone() };
    let written = serde_json::to_vec(&index).map_err(std::io::Error::other).and_then(|json| {
        std::fs::write(dir.join("index.json.new"), json)?;
        std::fs::rename(dir.join("index.json.new"), dir.join("index.json"))
    });
    if let Err(error) = written {
        tracing::error!(dir = %dir.display(), %error, "the simulated drive could not be saved");
    }
}

/// Reads the folder; true if there was a saved drive.
///
/// # Errors
/// The folder cannot be made or its index not be read.
pub(in crate::sim) fn load(world: &mut World) -> std::io::Result<bool> {
    let Some(dir) = world.dir.clone() else { return Ok(false) };
    std::fs::create_dir_all(dir.join("objects"))?;
    let Ok(json) = std::fs::read(dir.join("index.json")) else { return Ok(false) };
    let index: Index = serde_json::from_slice(&json).map_err(std::io::Error::other)?;
    world.tokens = index.tokens;
    for saved in index.nodes {
        let content = saved.content.map(|content| match content {
            SavedContent::Object(size) => Content::File(object(&dir, &saved.file_id), size),
            SavedContent::Generated { size, seed } => Content::Generated { size, seed },
            SavedContent::Film { seconds, wanted } => Content::Film(Original::new(seconds, wanted).into()),
        });
        let node = Node {
            file_id: saved.file_id.clone(),
            parent: saved.parent,
            name: saved.name,
            content,
            sha1: saved.sha1,
            streams: None,
            created_ms: saved.created_ms,
            updated_ms: saved.updated_ms,
            local_created: None,
            local_modified: saved.local_modified,
            trashed: saved.trashed,
            starred: saved.starred,
            punish_flag: 0,
            play_cursor: None,
            played_ms: 0,
            film: saved.film,
            uploading: false,
        };
        if let Some(drive) = world.drives.get_mut(&saved.drive_id) {
            drive.nodes.insert(saved.file_id, node);
        }
    }
    Ok(true)
}

/// Saves after a call that may have changed something.
pub(in crate::sim) fn save_after(world: &World, call: &str) {
    let changing = ["complete", "create", "update", "move", "copy", "delete", "trash", "restore"];
    if changing.iter().any(|verb| call.ends_with(verb)) {
        save(world);
    }
}
