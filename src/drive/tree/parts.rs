//! The parts of the tree, and how they are put together. What they do is theirs to tell.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::drive::accounts::Accounts;
use crate::drive::change::Changes;
use crate::drive::change::namespace::Namespace;
use crate::drive::download::Downloads;
use crate::drive::films::kept::Films;
use crate::drive::held::Held;
use crate::drive::held::files::HeldFiles;
use crate::drive::listing::Listings;
use crate::drive::listing::cache::ListingCache;
use crate::drive::listing::prefetch::Prefetch;
use crate::drive::listing::resolve::Resolver;
use crate::drive::listing::watch::Watcher;
use crate::drive::listing::watched::Watch;
use crate::drive::mounts::Mounts;
use crate::drive::removals::overview::Overview;
use crate::drive::tasks::Tasks;
use crate::drive::transfers::{Standing, Transfers};
use crate::drive::upload::Uploads;
use crate::drive::upload::limits::UploadLimits;
use crate::drive::views::Views;
use crate::state::Store;
use crate::upstream::Client;

pub(super) struct Parts {
    pub(super) accounts: Accounts,
    pub(super) mounts: Arc<Mounts>,
    /// Told what becomes of items apart from any request.
    pub(super) overview: Arc<dyn Overview>,
    pub(super) listings: Listings,
    pub(super) watcher: Arc<Watcher>,
    pub(super) downloads: Downloads,
    pub(super) names: Namespace,
    pub(super) changes: Changes,
    pub(super) uploads: Uploads,
    pub(super) held: Arc<Held>,
    pub(super) transfers: Transfers,
    pub(super) films: Films,
    pub(super) tasks: Tasks,
}

impl Parts {
    /// The parts over the configured mounts.
    pub(super) fn new(config: &Config, clients: HashMap<String, Client>, store: &Store) -> Self {
        let resolver = Resolver::new(ListingCache::new(&config.cache), &config.cache, store.changes());
        let overview: Arc<dyn Overview> = Arc::new(resolver.clone());
        let accounts = Accounts::new(config, clients, store, &overview);
        let mounts = Arc::new(Mounts::new(config, accounts.by_name()));
        let (files, tasks) = (Arc::new(HeldFiles::new(store.clone())), Tasks::default());
        let prefetch = Prefetch::new(config.cache.prefetch_folders);
        let listings =
            Listings::new(mounts.clone(), resolver.clone(), files.clone(), prefetch, Views::new(config, store));
        let names = Namespace::new(mounts.clone(), resolver.clone(), files.clone(), store.leases());
        let limits = Arc::new(UploadLimits::new(&config.upload, config.upstream.max_wait));
        let uploads = Uploads::new(limits, names.clone(), tasks.clone(), store.clone());
        let (held_listings, held_names) = (listings.clone(), names.clone());
        let held = Held::new(mounts.clone(), held_listings, held_names, uploads.clone(), tasks.clone(), files);
        let held = Arc::new(held);
        let watcher = Watcher::new(mounts.clone(), resolver.clone(), Watch::new(config.cache.watch), store.changes());
        let downloads = Downloads::new(mounts.clone(), resolver, &config.download);
        Self {
            watcher: Arc::new(watcher),
            downloads: downloads.clone(),
            changes: Changes::new(names.clone()),
            transfers: Transfers::new(
                mounts.clone(),
                listings.clone(),
                names.clone(),
                held.clone(),
                uploads.clone(),
                downloads,
                Standing::default(),
            ),
            films: Films::new(mounts.clone()),
            accounts,
            mounts,
            overview,
            listings,
            names,
            uploads,
            held,
            tasks,
        }
    }

    /// The parts over the mounts of other settings, with the memory of these.
    pub(super) fn reconfigured(&self, config: &Config, clients: HashMap<String, Client>, store: &Store) -> Self {
        let accounts = self.accounts.reconfigured(config, clients, store, &self.overview);
        let mounts = Arc::new(self.mounts.reconfigured(config, accounts.by_name()));
        let (listings, names) = (self.listings.over(mounts.clone(), config), self.names.over(mounts.clone()));
        let uploads = self.uploads.over(names.clone());
        let downloads = self.downloads.over(mounts.clone());
        let held = Arc::new(self.held.over(mounts.clone(), listings.clone(), names.clone(), uploads.clone()));
        Self {
            watcher: Arc::new(self.watcher.over(mounts.clone())),
            downloads: downloads.clone(),
            changes: Changes::new(names.clone()),
            transfers: Transfers::new(
                mounts.clone(),
                listings.clone(),
                names.clone(),
                held.clone(),
                uploads.clone(),
                downloads,
                self.transfers.standing.clone(),
            ),
            films: self.films.over(mounts.clone()),
            accounts,
            mounts,
            overview: self.overview.clone(),
            listings,
            names,
            uploads,
            held,
            tasks: self.tasks.clone(),
        }
    }
}
