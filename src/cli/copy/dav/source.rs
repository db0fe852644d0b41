//! What a WebDAV server lists, as sources tell it.

use super::listing::{Listed, Remote};
use crate::cli::copy::found::{Content, File, Folder, Member, What};

pub(in crate::cli::copy) fn members(listed: Listed) -> Vec<Member> {
    let odd = listed.odd.into_iter().map(|(name, why)| Member { name, what: What::LeftOut(why.to_owned()) });
    let members = listed.members.into_iter().map(|remote| Member { name: remote.name.clone(), what: what(remote) });
    members.chain(odd).collect()
}

pub(in crate::cli::copy) fn what(mut remote: Remote) -> What {
    if remote.told.folder {
        // Servers redirect a folder without it.
        if !remote.url.path().ends_with('/') {
            let path = format!("{}/", remote.url.path());
            remote.url.set_path(&path);
        }
        return What::Folder(Folder::Dav(remote.url));
    }
    What::File(File { size: remote.told.size, modified: remote.told.modified, content: Content::Dav(Box::new(remote)) })
}
