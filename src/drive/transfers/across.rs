//! Copies between drives of which the service makes none, file by file, and the end of what was moved so.
//!
//! 1. The source is looked through, and what stands in its place already; the drive must have room for what is missing.
//! 2. Folders are made in order. Each file is offered by the hash that its listing told (`upload::known`), and only what
//!    the drive turns out not to have is carried. What is there with the same hash stays: a second try goes on where the
//!    first ended.
//! 3. What has come is compared, by the listing of each folder; what stands there beside it goes if all has come.
//! 4. A file in place of a folder, or a folder in place of a file, is made beside it and takes its name once it is whole.
//! 5. The source of a MOVE goes only if both trees, listed anew, are the same.
//!
//! Waits behind everybody's requests. Each file is taken by its own turn, so that nobody waits for the whole.

use std::sync::Arc;

use crate::drive::change::Changes;
use crate::drive::change::relocate::Moves;
use crate::drive::change::target::Target;
use crate::drive::change::terms::{Expected, Placed, Terms};
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::path::Path;
use crate::drive::transfers::compare::{At, compare, is_same, is_whole};
use crate::drive::transfers::failures::Failures;
use crate::drive::transfers::jobs::Job;
use crate::drive::transfers::plan::plan;
use crate::drive::transfers::work::{Surplus, Tools, Work, concerns_all};
use crate::drive::upload::commit::Check;

/// Copies between drives, file by file.
pub(super) struct Across {
    tools: Tools,
    changes: Changes,
    moves: Moves,
}

impl Across {
    pub(super) fn new(tools: Tools) -> Self {
        let names = &tools.names;
        Self { changes: Changes::new(names.clone()), moves: Moves::new(names.clone()), tools }
    }

    /// Copies an item, a folder with all below it. A folder in its place becomes the same as the source.
    ///
    /// # Errors
    /// [`Error::Partly`] if some of a folder could not be copied: the rest is there.
    pub(super) async fn copy(
        &self,
        job: &Job,
        source: &Target,
        target: &Target,
        terms: &Terms,
    ) -> Result<Placed, Error> {
        let names = &self.tools.names;
        let entry = names.look(source, None).await?.ok_or(Error::NotFound)?;
        terms.expected.check(Some(&entry))?;
        let there = names.look_afresh(target, None).await?;
        if !terms.overwrite && (there.is_some() || names.held(target).is_some()) {
            return Err(Error::NameExists);
        }
        let replaced = there.as_ref().map(|there| there.file_id.clone());
        let of_another_kind = there.as_ref().is_some_and(|there| there.is_folder() != entry.is_folder());
        let copy = if of_another_kind {
            let aside = aside(target, &entry);
            let there = names.look_afresh(&aside, None).await?;
            self.made(job, (source, &entry), (&aside, there), terms).await?;
            self.put_in_place(&aside, target).await?
        } else {
            self.made(job, (source, &entry), (target, there), terms).await?
        };
        self.tools.followers.copied(&entry, &copy).await;
        Ok(Placed { entry: copy, replaced, copy_of: Some(entry.file_id.clone()) })
    }

    /// Makes the copy where nothing is, or something of its kind.
    async fn made(
        &self,
        job: &Job,
        (source, entry): (&Target, &Arc<Entry>),
        (target, there): (&Target, Option<Arc<Entry>>),
        terms: &Terms,
    ) -> Result<Arc<Entry>, Error> {
        let failures = Failures::default();
        let (tools, changes) = (&self.tools, &self.changes);
        let work = Work { tools, changes, job, source, target, terms, failures: &failures };
        if entry.is_folder() { self.tree(&work, entry, there).await } else { self.file(&work, entry, there).await }
    }

    /// Gives a copy that is whole the name that something of another kind has, which goes.
    async fn put_in_place(&self, aside: &Target, target: &Target) -> Result<Arc<Entry>, Error> {
        let (from, to, _turn) = self.tools.names.both_ends(&aside.path(), &target.path(), true).await?;
        let terms = Terms { overwrite: true, expected: Expected::Anything };
        Ok(self.moves.relocate(&from, &to, &terms).await?.entry)
    }

    async fn file(&self, work: &Work<'_>, entry: &Arc<Entry>, there: Option<Arc<Entry>>) -> Result<Arc<Entry>, Error> {
        let size = entry.size.unwrap_or_default();
        work.job.counted(1, size);
        if let Some(there) = there.filter(|there| is_same(entry, there)) {
            work.job.arrived(size, false);
            return Ok(there);
        }
        let (path, target) = (work.source.path(), work.target.clone());
        Ok(work.file(&path, entry.clone(), target, Check::Now).await?.placed.entry)
    }

    async fn tree(&self, work: &Work<'_>, entry: &Arc<Entry>, there: Option<Arc<Entry>>) -> Result<Arc<Entry>, Error> {
        let names = &self.tools.names;
        let plan = plan(names, (work.source, entry.clone()), (work.target, there), work.job).await?;
        plan.fits(work.target).await?;
        let mut surplus = Surplus::new();
        let mut missing: Vec<&Path> = Vec::new();
        for folder in &plan.folders {
            work.job.goes_on()?;
            if missing.iter().any(|missing| folder.rest.strip_base(missing).is_some()) {
                continue;
            }
            match work.folder(folder, &mut surplus).await {
                Err(error) if folder.rest.is_root() || concerns_all(&error) => return Err(error),
                Err(error) => {
                    work.job.failed();
                    work.failures.add(folder.rest.under(&work.source.path()), error);
                    missing.push(&folder.rest);
                }
                Ok(()) => {}
            }
        }
        work.failures.result()?;
        for (target, entry) in surplus {
            if let Err(error) = self.remove(&target, &entry).await {
                work.failures.add(target.path(), error);
            }
        }
        work.failures.result()?;
        names.look(work.target, None).await?.ok_or(Error::Changed { gone: true })
    }

    /// Takes away what was moved, if the copy is the same as it is now.
    ///
    /// # Errors
    /// Something differs, or cannot be looked at: the source stays, all of it.
    pub(super) async fn remove_source(&self, source: &Target, target: &Target, copied: &str) -> Result<(), Error> {
        let names = &self.tools.names;
        let Some(entry) = names.look_anew(source, None).await? else { return Ok(()) };
        if *entry.file_id != *copied {
            return Err(Error::Changed { gone: false });
        }
        let copy = names.look_anew(target, None).await?.filter(|copy| is_whole(&entry, copy));
        let copy = copy.ok_or(Error::Changed { gone: false })?;
        self.tools.followers.copied(&entry, &copy).await;
        if entry.is_folder() {
            let failures = Failures::default();
            let at = |place: &Target, folder: &Arc<Entry>| At {
                mount: place.mount.clone(),
                folder: folder.clone(),
                path: place.path(),
            };
            compare(names, at(source, &entry), at(target, &copy), &self.tools.followers, &failures).await?;
            failures.result()?;
        }
        self.remove(source, &entry).await
    }

    async fn remove(&self, target: &Target, entry: &Arc<Entry>) -> Result<(), Error> {
        for gone in self.changes.remove_item(target, entry).await? {
            self.tools.followers.gone(&gone).await;
        }
        Ok(())
    }
}

/// Where a copy is made whose name something of another kind has: the same place for every try at one item, and no
/// other's.
fn aside(target: &Target, entry: &Entry) -> Target {
    let above = target.rest.parent().unwrap_or_else(Path::root);
    Target { rest: above.join(&format!(".copying-{}", entry.file_id)), ..target.clone() }
}
