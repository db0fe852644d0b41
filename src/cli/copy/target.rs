//! The folders of the destination: made where they are missing, and what is in them.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fault::Fault;
use super::place::Place;
use super::run::{Run, blocking};
use super::twins::Twins;
use crate::drive::{self, Entry, Freshness, Tree, nfc_key};

/// A folder of the destination.
pub(super) enum Target {
    Drive { path: drive::Path, there: HashMap<String, Arc<Entry>> },
    Local(PathBuf),
}

impl Target {
    /// The folder at a path below the destination, with all above it. A dry run makes none.
    ///
    /// # Errors
    /// It cannot be made, or something else is there.
    pub(super) async fn open(run: &Run, at: &str) -> Result<Self, Fault> {
        match &run.destination {
            Place::Drive(root) => {
                let text = format!("{}/{at}", root.as_str());
                let path = drive::Path::parse(&text).map_err(|error| Fault::Local(error.to_string()))?;
                let mut patience = run.patience();
                loop {
                    match on_drive(&run.tree, &path, run.dry_run).await {
                        Ok(there) => return Ok(Self::Drive { path, there }),
                        Err(fault) => patience.bear(fault).await?,
                    }
                }
            }
            Place::Local(root) => {
                let (root, at, dry_run) = (root.clone(), at.to_owned(), run.dry_run);
                match blocking(move || local(&root, &at, dry_run)).await {
                    Ok(folder) => Ok(Self::Local(folder)),
                    Err(fault) => Err(run.patience().last(fault)),
                }
            }
            Place::Dav(_) => Err(Fault::Local("nothing is copied to a WebDAV server".to_owned())),
        }
    }

    /// The name that came before and that is this one here.
    pub(super) fn twin(&self, name: &str, twins: &mut Twins) -> Option<String> {
        match self {
            // A drive tells them apart.
            Self::Drive { .. } => None,
            Self::Local(folder) => twins.of(name, folder).map(str::to_owned),
        }
    }

    /// What a drive has under a name, in whatever Unicode form.
    pub(super) fn there(&self, name: &str) -> Option<Arc<Entry>> {
        match self {
            Self::Drive { there, .. } => there.get(&*nfc_key(name)).cloned(),
            Self::Local(_) => None,
        }
    }
}

/// What the drive has in a folder.
async fn on_drive(tree: &Tree, path: &drive::Path, dry_run: bool) -> Result<HashMap<String, Arc<Entry>>, Fault> {
    let folder = match tree.stat(path, Freshness::Cached).await {
        Err(drive::Error::NotFound) if dry_run => return Ok(HashMap::new()),
        Err(drive::Error::NotFound) => {
            make(tree, path).await?;
            tree.stat(path, Freshness::Cached).await?
        }
        found => found?,
    };
    if !folder.is_folder() {
        return Err(Fault::Local("a file is where the folder is to be".to_owned()));
    }
    let members = tree.members(&folder, Freshness::Cached).await?;
    Ok(members.iter().map(|entry| (nfc_key(&entry.name).into_owned(), Arc::new(entry.clone()))).collect())
}

/// Makes a folder with those above it.
async fn make(tree: &Tree, path: &drive::Path) -> Result<(), Fault> {
    let mut missing = vec![path.clone()];
    while let Some(parent) = missing.last().and_then(drive::Path::parent) {
        match tree.stat(&parent, Freshness::Cached).await {
            Ok(_) => break,
            Err(drive::Error::NotFound) => missing.push(parent),
            Err(error) => return Err(error.into()),
        }
    }
    while let Some(path) = missing.pop() {
        match tree.create_folder(&path).await {
            // Somebody else has made it.
            Ok(()) | Err(drive::Error::NameExists) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Makes the folders on the way; none of them may lead out of the destination.
fn local(root: &Path, at: &str, dry_run: bool) -> Result<PathBuf, Fault> {
    if !dry_run {
        fs::create_dir_all(root).map_err(|error| Fault::writing(&error))?;
    }
    let mut path = root.to_owned();
    for name in at.split('/').filter(|name| !name.is_empty()) {
        path.push(holds(name)?);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Fault::Local("what is no folder is where the folder is to be".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound && dry_run => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir(&path).map_err(|error| Fault::writing(&error))?;
            }
            Err(error) => return Err(Fault::writing(&error)),
        }
    }
    Ok(path)
}

/// A name that is one, and leads nowhere else.
///
/// # Errors
/// It is not.
pub(super) fn holds(name: &str) -> Result<&str, Fault> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0', std::path::MAIN_SEPARATOR]) {
        return Err(Fault::Local("its name is no name here".to_owned()));
    }
    Ok(name)
}
