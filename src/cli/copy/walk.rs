//! The way through a source, folder by folder: what is wanted, what is not, and where it goes.
//!
//! One folder's members are held at a time, and files are handed on no faster than they are carried.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use super::counts::Fate;
use super::found::{File, Folder, What};
use super::place::{Place, Source};
use super::run::Run;
use super::target::Target;
use super::twins::Twins;
use crate::drive::{self, Entry, nfc_key};

/// Deepest folder of a source: a server that invents folders must come to an end.
const MOST_DEPTH: usize = 200;

/// A file that is wanted.
pub(super) struct Job {
    /// Its path below the destination.
    pub(super) at: String,
    pub(super) file: File,
    pub(super) to: To,
}

/// Where a file goes.
pub(super) enum To {
    Drive { path: drive::Path, there: Option<Arc<Entry>> },
    Local { folder: PathBuf, name: String },
}

/// A folder still to be looked into.
struct Left {
    folder: Folder,
    /// Below the destination.
    at: String,
    /// Below the source.
    below: String,
    depth: usize,
}

/// Hands on the files of all sources.
pub(super) async fn walk(run: &Run, sources: &[Source], jobs: mpsc::Sender<Job>) {
    for source in sources {
        if run.stop.is_cancelled() {
            return;
        }
        let walk = Walk { run, jobs: &jobs };
        if let Err(why) = walk.source(source).await {
            run.tally.ends(&source.said, 0, &Fate::Failed(why));
        }
    }
}

struct Walk<'a> {
    run: &'a Run,
    jobs: &'a mpsc::Sender<Job>,
}

impl Walk<'_> {
    async fn source(&self, source: &Source) -> Result<(), String> {
        let place = &source.place;
        let mut patience = self.run.patience();
        let look = loop {
            match self.run.look(place).await {
                Ok(look) => break look,
                Err(fault) => patience.bear(fault).await.map_err(|fault| fault.to_string())?,
            }
        };
        match look {
            What::Folder(folder) => {
                let at = source.name()?.unwrap_or_default();
                self.tree(Left { folder, at, below: String::new(), depth: 0 }).await;
                Ok(())
            }
            What::File(file) => {
                let name = source.own_name()?.ok_or("it has no name")?;
                let target = self.target("").await?;
                self.member(&target, String::new(), &name, file).await;
                Ok(())
            }
            What::LeftOut(why) | What::Broken(why) => Err(why),
        }
    }

    async fn tree(&self, top: Left) {
        let mut left = vec![top];
        while let Some(folder) = left.pop() {
            if self.run.stop.is_cancelled() {
                return;
            }
            let at = folder.at.clone();
            match self.folder(folder).await {
                // The first is looked into next.
                Ok(folders) => left.extend(folders.into_iter().rev()),
                Err(why) => self.run.tally.ends(&format!("{at}/"), 0, &Fate::Failed(why)),
            }
        }
    }

    /// Hands on the files of a folder; gives the folders in it.
    async fn folder(&self, folder: Left) -> Result<Vec<Left>, String> {
        if folder.depth > MOST_DEPTH {
            return Err(format!("more than {MOST_DEPTH} folders deep"));
        }
        let mut patience = self.run.patience();
        let members = loop {
            match self.run.members(&folder.folder).await {
                Ok(members) => break members,
                Err(fault) => patience.bear(fault).await.map_err(|fault| fault.to_string())?,
            }
        };
        let target = self.target(&folder.at).await?;
        let (mut folders, mut names, mut twins) = (Vec::new(), HashSet::new(), Twins::default());
        for member in members {
            let at = join(&folder.at, &member.name);
            let below = join(&folder.below, &member.name);
            if self.run.choice.excludes(&below) {
                continue;
            }
            match member.what {
                What::LeftOut(why) => self.run.tally.ends(&at, 0, &Fate::LeftOut(why)),
                What::Broken(why) => self.run.tally.ends(&at, 0, &Fate::Failed(why)),
                What::Folder(_) | What::File(_) if !names.insert(nfc_key(&member.name).into_owned()) => {
                    let why = "another member has this name in another Unicode form".to_owned();
                    self.run.tally.ends(&at, 0, &Fate::Failed(why));
                }
                What::Folder(_) | What::File(_) if let Some(twin) = target.twin(&member.name, &mut twins) => {
                    let why = format!("to the file system here it is {twin:?}, which differs in case only");
                    self.run.tally.ends(&at, 0, &Fate::Failed(why));
                }
                What::Folder(inner) => {
                    folders.push(Left { folder: inner, at, below, depth: folder.depth + 1 });
                }
                What::File(file) => self.member(&target, folder.at.clone(), &member.name, file).await,
            }
        }
        Ok(folders)
    }

    /// A folder of the destination. With the first one the run has begun.
    async fn target(&self, at: &str) -> Result<Target, String> {
        let target = Target::open(self.run, at).await.map_err(|fault| fault.to_string())?;
        self.run.begun.store(true, Ordering::Relaxed);
        Ok(target)
    }

    /// Hands on a file, if it is wanted.
    async fn member(&self, target: &Target, at: String, name: &str, file: File) {
        let at = join(&at, name);
        if self.run.choice.is_too_old(file.modified) {
            return;
        }
        let to = match target {
            Target::Local(folder) => Ok(To::Local { folder: folder.clone(), name: name.to_owned() }),
            Target::Drive { path, .. } => {
                self.on_drive(path, name).map(|path| To::Drive { path, there: target.there(name) })
            }
        };
        match to {
            Ok(to) => {
                self.run.tally.found(file.size);
                // Nobody takes it once the run has ended.
                self.jobs.send(Job { at, file, to }).await.ok();
            }
            Err(fate) => self.run.tally.ends(&at, 0, &fate),
        }
    }

    /// Where a file goes on the drive, if it takes it.
    fn on_drive(&self, folder: &drive::Path, name: &str) -> Result<drive::Path, Fate> {
        let path = drive::Path::parse(&format!("{folder}/{name}")).map_err(|error| Fate::Failed(error.to_string()))?;
        let tree = &self.run.tree;
        if tree.keeps_here(&path) || tree.refuses(&path) {
            return Err(Fate::LeftOut("a file manager's own, which the settings keep from the drive".to_owned()));
        }
        Ok(path)
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether a path lies where nothing can be written.
///
/// # Errors
/// It does, in words.
pub(super) fn check(run: &Run) -> Result<(), String> {
    let Place::Drive(path) = &run.destination else { return Ok(()) };
    if run.tree.is_in_view(path) {
        return Err(format!("drive:{path} is a view, which takes no changes"));
    }
    if run.tree.mount_settings(path).is_some_and(|mount| mount.read_only) {
        return Err(format!("drive:{path} is mounted read-only"));
    }
    Ok(())
}
