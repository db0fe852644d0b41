//! What the drive holds, as sources tell it.

use std::sync::Arc;

use super::fault::Fault;
use super::found::{Content, File, Folder, Member, What};
use crate::drive::{self, Freshness, Origin, Resource, Tree};

/// # Errors
/// A listing's.
pub(super) async fn look(tree: &Tree, path: &drive::Path) -> Result<What, Fault> {
    let resource = tree.stat(path, Freshness::Cached).await?;
    Ok(what(tree, resource))
}

/// # Errors
/// A listing's.
pub(super) async fn members(tree: &Tree, folder: &Resource) -> Result<Vec<Member>, Fault> {
    let members = tree.members(folder, Freshness::Cached).await?;
    let member = |entry: &drive::Entry| {
        let path = folder.path.join(&entry.name);
        let mount = tree.mount_settings(&path);
        Member {
            name: entry.name.to_string(),
            what: what(tree, Resource { path, entry: Arc::new(entry.clone()), mount }),
        }
    };
    Ok(members.iter().map(member).collect())
}

fn what(tree: &Tree, resource: Resource) -> What {
    if tree.is_in_view(&resource.path) || resource.entry.origin == Origin::View {
        return What::LeftOut("a view; `alidav export` writes it".to_owned());
    }
    if resource.is_folder() {
        return What::Folder(Folder::Drive(resource));
    }
    let entry = &resource.entry;
    What::File(File { size: entry.size, modified: Some(entry.modified), content: Content::Drive(resource) })
}
