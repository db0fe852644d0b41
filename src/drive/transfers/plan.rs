//! What a tree's copy has to do, found out before anything is begun: the folders in order, and the space that it needs.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::drive::change::namespace::Namespace;
use crate::drive::change::target::Target;
use crate::drive::entry::Entry;
use crate::drive::error::Error;
use crate::drive::listing::cache::Freshness;
use crate::drive::listing::members::Listing;
use crate::drive::path::Path;
use crate::drive::transfers::compare::is_same;
use crate::drive::transfers::jobs::Job;
use crate::upstream;

/// Members whose listings are kept until their folder's turn; those of larger trees are asked for again.
const MOST_KEPT: usize = 200_000;

/// A folder that is to be copied.
pub(super) struct Folder {
    /// Below the top.
    pub(super) rest: Path,
    pub(super) source: Arc<Entry>,
    /// What is in its place already.
    pub(super) there: Option<Arc<Entry>>,
    /// Members of both, while they are kept.
    listed: Option<Listed>,
}

/// The members of a folder, and of what is in its place.
#[derive(Clone)]
pub(super) struct Listed {
    pub(super) source: Arc<Listing>,
    pub(super) there: Option<Arc<Listing>>,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Plan {
    /// Each after the one that holds it.
    pub(super) folders: Vec<Folder>,
    files: u64,
    bytes: u64,
    /// Of files that are not there yet.
    missing: u64,
}

/// Looks through the source and what is in its place. Nothing is changed.
pub(super) async fn plan(
    names: &Namespace,
    (source, top): (&Target, Arc<Entry>),
    (target, there): (&Target, Option<Arc<Entry>>),
    job: &Job,
) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let mut kept = 0;
    let mut open = VecDeque::from([Folder { rest: Path::root(), source: top, there, listed: None }]);
    while let Some(mut folder) = open.pop_front() {
        job.goes_on()?;
        let listed = folder.list(names, source, target).await?;
        for entry in listed.source.iter() {
            let there = listed.there.as_ref().and_then(|there| there.find(&entry.name)).cloned();
            if entry.is_folder() {
                let there = there.filter(|there| there.is_folder());
                let rest = folder.rest.join(&entry.name);
                open.push_back(Folder { rest, source: entry.clone(), there, listed: None });
            } else {
                plan.count(entry, there.as_deref());
            }
        }
        kept += listed.source.len() + listed.there.as_ref().map_or(0, |there| there.len());
        folder.listed = Some(listed).filter(|_| kept <= MOST_KEPT);
        plan.folders.push(folder);
    }
    job.counted(plan.files, plan.bytes);
    Ok(plan)
}

impl Folder {
    async fn list(&self, names: &Namespace, source: &Target, target: &Target) -> Result<Listed, Error> {
        let theirs = names.listing_of(&source.mount, &self.source.file_id, Freshness::Refresh).await?;
        let ours = match &self.there {
            Some(there) => Some(names.listing_of(&target.mount, &there.file_id, Freshness::Refresh).await?),
            None => None,
        };
        Ok(Listed { source: theirs, there: ours })
    }

    /// The members, as they were found or as they are now.
    pub(super) async fn listed(&self, names: &Namespace, source: &Target, target: &Target) -> Result<Listed, Error> {
        match &self.listed {
            Some(listed) => Ok(listed.clone()),
            None => self.list(names, source, target).await,
        }
    }
}

impl Plan {
    fn count(&mut self, entry: &Entry, there: Option<&Entry>) {
        let size = entry.size.unwrap_or_default();
        self.files += 1;
        self.bytes += size;
        if !there.is_some_and(|there| is_same(entry, there)) {
            self.missing += size;
        }
    }

    /// Fails if the drive has no room. Where it does not tell its space, it will tell when it is full.
    pub(super) async fn fits(&self, target: &Target) -> Result<(), Error> {
        let quota = match target.mount.account.quota().await {
            Ok(quota) => quota,
            Err(error) => {
                tracing::info!(%error, "the drive does not tell its space before a copy");
                return Ok(());
            }
        };
        if self.missing <= quota.available {
            return Ok(());
        }
        tracing::warn!(bytes = self.missing, free = quota.available, "the drive has no room for a copy");
        Err(upstream::Error::new("user/getSpaceInfo", upstream::ErrorKind::QuotaExhausted).into())
    }
}
