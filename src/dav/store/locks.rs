//! Write locks (RFC 4918, sections 6 and 7), kept in the state store.
//!
//! dav-server asks and decides with them; this is what is locked and for how long. A lock is of the path by which it
//! was made, and holds by every other mount of the same folder. Few locks are ever held at a time, so they are one list.
//!
//! Where several instances share the store the list is a copy of its rows: read anew before each change, and before
//! somebody looks once another instance has told of its own ([`Locks::look_again`]). A lock is made by one at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use dav_server::davpath::DavPath;
use dav_server::ls::{DavLock, DavLockSystem, LsFuture};
use http::HeaderMap;
use parking_lot::Mutex;
use tokio::sync::MutexGuard;
use xmltree::Element;

use crate::clock::UnixSeconds;
use crate::dav::error::Failure;
use crate::drive::{self, Path, Tree, nfc_key};
use crate::protocol::href;
use crate::state::{self, Change, Lease, LeaseKey, Leases, LockRow, Store};

/// Most locks at a time; a client that wants more has gone wrong.
const MAX_LOCKS: usize = 10_000;

/// Longest life of a lock: a client that died must not lock its files for good.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// How long another instance that makes a lock is waited for; it takes two statements.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// All locks of the tree.
#[derive(Debug)]
pub(in crate::dav) struct Locks {
    store: Store,
    leases: Leases,
    rows: Mutex<Vec<LockRow>>,
    /// Whether another instance has changed them since they were read.
    outdated: Arc<AtomicBool>,
    /// One reading or changing of the rows at a time, so that none is lost by a reading that began before it.
    turn: tokio::sync::Mutex<()>,
}

/// What the locks are looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dav) enum Look {
    /// To be shown.
    Show,
    /// To decide whether something may be changed.
    Change,
}

impl Locks {
    pub(in crate::dav) async fn load(store: Store) -> Result<Self, state::Error> {
        let outdated = Arc::new(AtomicBool::new(false));
        // The locks themselves are not in an Arc yet.
        store.changes().hand_to(&outdated, |outdated, change| async move {
            let told = match change {
                Change::Row { table, .. } => table == "locks",
                change => change == Change::Unknown,
            };
            outdated.fetch_or(told, Ordering::AcqRel);
        });
        let now = store.now().seconds();
        let (rows, ended) = store.locks().await?.into_iter().partition::<Vec<_>, _>(|row| is_living(row, now));
        let (leases, turn) = (store.leases(), tokio::sync::Mutex::default());
        let locks = Self { store, leases, rows: Mutex::new(rows), outdated, turn };
        locks.drop_tokens(&ended.into_iter().map(|row| row.token).collect::<Vec<_>>()).await;
        Ok(locks)
    }

    /// Reads what other instances may have changed.
    ///
    /// # Errors
    /// The state store failed; where something is to be changed nothing may be taken for free then.
    pub(in crate::dav) async fn look_again(&self, look: Look) -> Result<(), state::Error> {
        if !self.leases.are_shared() || look == Look::Show && !self.outdated.load(Ordering::Acquire) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        self.read().await
    }

    /// Reads the rows, by whoever has the turn.
    async fn read(&self) -> Result<(), state::Error> {
        let told = self.outdated.swap(false, Ordering::AcqRel);
        match self.store.locks().await {
            Ok(rows) => *self.rows.lock() = rows,
            Err(error) => {
                self.outdated.fetch_or(told, Ordering::AcqRel);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The turn to make a lock, in this instance and among all; the rows are the store's then.
    async fn turn_to_make(&self) -> Result<(MutexGuard<'_, ()>, Lease), state::Error> {
        let turn = self.turn.lock().await;
        let lease = self.leases.all(&[LeaseKey::new("locks", &[])], LONGEST_TURN).await?;
        if self.leases.are_shared() {
            self.read().await?;
        }
        Ok((turn, lease))
    }

    /// Living locks.
    pub(in crate::dav) fn living(&self) -> Vec<LockRow> {
        self.with_living(|rows| rows.clone())
    }

    /// Looks at the living locks, or changes them; nobody else does meanwhile.
    fn with_living<T>(&self, act: impl FnOnce(&mut Vec<LockRow>) -> T) -> T {
        let (mut rows, now) = (self.rows.lock(), self.store.now().seconds());
        rows.retain(|row| is_living(row, now));
        act(&mut rows)
    }

    /// Keeps a lock. Where others must know of it, one that is not on disk is none.
    async fn save(&self, row: &LockRow) -> Result<(), state::Error> {
        match self.store.save_lock(row).await {
            Err(error) if self.leases.are_shared() => {
                self.rows.lock().retain(|other| other.token != row.token);
                Err(error)
            }
            result => {
                self.log(result);
                Ok(())
            }
        }
    }

    async fn drop_tokens(&self, tokens: &[String]) {
        self.rows.lock().retain(|row| !tokens.contains(&row.token));
        for token in tokens {
            self.log(self.store.delete_lock(token).await);
        }
    }

    /// A lock that is not on disk holds until the restart.
    fn log(&self, result: Result<(), state::Error>) {
        if let Err(error) = result {
            tracing::error!(%error, "a lock could not be kept");
        }
    }
}

/// The locks as one user sees them: below a base path, under a prefix.
#[derive(Debug, Clone)]
pub(in crate::dav) struct LockView {
    pub(in crate::dav) locks: Arc<Locks>,
    /// Knows by which other mounts a path can be reached.
    pub(in crate::dav) tree: Tree,
    pub(in crate::dav) base: Path,
    pub(in crate::dav) prefix: Arc<str>,
    /// Who asks; empty for nobody in particular.
    pub(in crate::dav) principal: String,
    /// Lock tokens that came with the request.
    pub(in crate::dav) tokens: Vec<String>,
    /// The `owner` element of the lock that is wanted.
    pub(in crate::dav) owner: Option<String>,
    /// How long it is wanted for, where the client says.
    pub(in crate::dav) life: Option<Duration>,
    /// Paths that the request makes appear or vanish.
    pub(in crate::dav) members: Vec<Path>,
    /// Where it is said which lock was in the way; dav-server does not tell it on.
    pub(in crate::dav) failure: Arc<Mutex<Option<Failure>>>,
}

impl LockView {
    /// Adds a lock unless another is in the way, which is told. Looked for and made in one, or two clients could both
    /// have an exclusive lock.
    fn add(&self, row: &LockRow, names: &[Path]) -> Result<(), DavLock> {
        self.locks.with_living(|rows| {
            let other = conflict(rows, names, row.deep, |_| false, row.shared);
            if let Some(other) = other.or_else(|| self.folder_conflict(rows, names)) {
                return Err(self.refuse(&other, true));
            }
            if rows.len() >= MAX_LOCKS {
                tracing::warn!("there are {MAX_LOCKS} locks; no more are given");
                return Err(self.shown(row));
            }
            rows.push(row.clone());
            Ok(())
        })
    }

    /// A lock of depth 0 on the folder of a name that appears or vanishes.
    fn folder_conflict(&self, rows: &[LockRow], names: &[Path]) -> Option<LockRow> {
        names.first().filter(|path| self.members.contains(path))?;
        let folders: Vec<Path> = names.iter().filter_map(Path::parent).collect();
        let locks: Vec<&LockRow> = rows.iter().filter(|row| folders.iter().any(|path| is_at(row, path))).collect();
        if locks.iter().any(|row| self.holds(row)) { None } else { locks.first().map(|row| (*row).clone()) }
    }

    /// Whether the request holds the lock: it is its user's, and was submitted.
    fn holds(&self, row: &LockRow) -> bool {
        self.is_own(row) && self.tokens.contains(&row.token)
    }

    /// Tells of the lock that is in the way.
    fn refuse(&self, row: &LockRow, wants_lock: bool) -> DavLock {
        let root = href::encode(&self.prefix, &root(row, &self.base), false);
        *self.failure.lock() = Some(Failure::locked(root, wants_lock));
        self.shown(row)
    }

    /// Tells that a lock cannot be kept, for which there is nothing but a lock to answer with.
    fn cannot(&self, error: state::Error, row: &LockRow) -> DavLock {
        *self.failure.lock() = Some(drive::Error::from(error).into());
        self.shown(row)
    }

    fn is_own(&self, row: &LockRow) -> bool {
        row.principal.as_deref().unwrap_or_default() == self.principal
    }

    /// The path in the whole tree, and by all other mounts of its folder; a path that is none has no locks.
    fn inside(&self, path: &DavPath) -> Vec<Path> {
        let path = std::str::from_utf8(path.as_bytes()).ok().and_then(|text| Path::parse(text).ok());
        path.map(|path| self.tree.names(&path.under(&self.base))).unwrap_or_default()
    }

    fn shown(&self, row: &LockRow) -> DavLock {
        let root = root(row, &self.base);
        let shown = DavPath::new(&href::encode(&self.prefix, &root, false)).or_else(|_| DavPath::new("/"));
        DavLock {
            token: row.token.clone(),
            path: Box::new(shown.unwrap_or_else(|_| unreachable!("`/` is a path"))),
            principal: row.principal.clone(),
            // The answer is written from the row.
            owner: None,
            timeout_at: row
                .expires_at
                .and_then(|at| u64::try_from(at.0).ok())
                .map(|at| UNIX_EPOCH + Duration::from_secs(at)),
            timeout: row.timeout,
            shared: row.shared,
            deep: row.deep,
        }
    }
}

/// A lock in the way of somebody who holds some.
fn conflict(
    rows: &[LockRow],
    names: &[Path],
    deep: bool,
    held: impl Fn(&LockRow) -> bool,
    shared_ok: bool,
) -> Option<LockRow> {
    let above: Vec<&LockRow> = rows.iter().filter(|row| covers(row, names)).collect();
    let holds_one = above.iter().any(|row| held(row));
    let exclusive = above.iter().find(|row| !row.shared && !held(row));
    let shared = above.iter().find(|row| row.shared && !held(row) && !shared_ok && !holds_one);
    if let Some(row) = exclusive.or(shared) {
        return Some((*row).clone());
    }
    let below = |row: &&LockRow| is_below(row, names);
    rows.iter()
        .filter(|_| deep)
        .filter(below)
        .find(|row| !(held(row) || row.shared && (shared_ok || holds_one)))
        .cloned()
}

/// Whether what has these names lies within a lock.
pub(in crate::dav) fn covers(row: &LockRow, names: &[Path]) -> bool {
    names.iter().any(|path| if row.deep { lies_in(path.as_str(), &row.path) } else { is_at(row, path) })
}

/// Whether a lock is of what has these names, or of something in it.
fn is_below(row: &LockRow, names: &[Path]) -> bool {
    names.iter().any(|path| lies_in(&row.path, path.as_str()))
}

fn is_at(row: &LockRow, path: &Path) -> bool {
    nfc_key(&row.path) == nfc_key(path.as_str())
}

/// Whether a path is the other or below it.
fn lies_in(path: &str, above: &str) -> bool {
    let (path, above) = (nfc_key(path), nfc_key(above));
    match path.strip_prefix(above.trim_end_matches('/')) {
        Some(rest) => rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The first `Timeout` that can be read (RFC 4918, section 10.7); what has no end is as long as locks get.
pub(in crate::dav) fn wanted_life(headers: &HeaderMap) -> Option<Duration> {
    headers.get("timeout")?.to_str().ok()?.split(',').map(str::trim).find_map(|word| {
        if word.eq_ignore_ascii_case("infinite") {
            return Some(MAX_LIFE);
        }
        let (_, count) = word.split_once('-').filter(|(unit, _)| unit.eq_ignore_ascii_case("second"))?;
        let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| Duration::from_secs(count.parse().unwrap_or(u64::MAX)))
    })
}

/// The life that a lock gets for the wanted one, and when it ends.
fn life(wanted: Option<Duration>, now: UnixSeconds) -> (Option<Duration>, Option<UnixSeconds>) {
    let life = wanted.unwrap_or(MAX_LIFE).min(MAX_LIFE);
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    (Some(life), Some(now.plus(seconds)))
}

impl DavLockSystem for LockView {
    fn lock(
        &'_ self,
        path: &DavPath,
        principal: Option<&str>,
        _owner: Option<&Element>,
        _timeout: Option<Duration>,
        shared: bool,
        deep: bool,
    ) -> LsFuture<'_, Result<DavLock, DavLock>> {
        let (timeout, expires_at) = life(self.life, self.locks.store.now().seconds());
        let names = self.inside(path);
        let row = LockRow {
            token: uuid::Uuid::new_v4().urn().to_string(),
            path: names.first().map_or("/", Path::as_str).to_owned(),
            principal: principal.map(str::to_owned),
            owner: self.owner.clone(),
            timeout,
            expires_at,
            shared,
            deep,
        };
        Box::pin(async move {
            // Looked for and kept by one at a time.
            let _turn = self.locks.turn_to_make().await.map_err(|error| self.cannot(error, &row))?;
            self.add(&row, &names)?;
            self.locks.save(&row).await.map_err(|error| self.cannot(error, &row))?;
            Ok(self.shown(&row))
        })
    }

    fn unlock(&'_ self, path: &DavPath, token: &str) -> LsFuture<'_, Result<(), ()>> {
        let names = self.inside(path);
        let token = token.to_owned();
        Box::pin(async move {
            let covered = |row: &LockRow| row.token == token && self.is_own(row) && covers(row, &names);
            if !self.locks.living().iter().any(covered) {
                return Err(());
            }
            self.locks.drop_tokens(&[token]).await;
            Ok(())
        })
    }

    fn refresh(&'_ self, path: &DavPath, token: &str, _timeout: Option<Duration>) -> LsFuture<'_, Result<DavLock, ()>> {
        let names = self.inside(path);
        let token = token.to_owned();
        Box::pin(async move {
            let _turn = self.locks.turn.lock().await;
            let row = self.locks.with_living(|rows| {
                let own = |row: &&mut LockRow| row.token == token && self.is_own(row) && covers(row, &names);
                let row = rows.iter_mut().find(own)?;
                (row.timeout, row.expires_at) = life(self.life.or(row.timeout), self.locks.store.now().seconds());
                Some(row.clone())
            });
            let row = row.ok_or(())?;
            self.locks.save(&row).await.map_err(|error| drop(self.cannot(error, &row)))?;
            Ok(self.shown(&row))
        })
    }

    fn check(
        &'_ self,
        path: &DavPath,
        _principal: Option<&str>,
        _ignore_principal: bool,
        deep: bool,
        _submitted_tokens: &[String],
    ) -> LsFuture<'_, Result<(), DavLock>> {
        let (names, rows) = (self.inside(path), self.locks.living());
        let conflict =
            conflict(&rows, &names, deep, |row| self.holds(row), false).or_else(|| self.folder_conflict(&rows, &names));
        Box::pin(async move { conflict.map_or(Ok(()), |row| Err(self.refuse(&row, false))) })
    }

    fn discover(&'_ self, path: &DavPath) -> LsFuture<'_, Vec<DavLock>> {
        let names = self.inside(path);
        Box::pin(async move {
            self.locks.living().iter().filter(|row| covers(row, &names)).map(|row| self.shown(row)).collect()
        })
    }

    fn delete(&'_ self, path: &DavPath) -> LsFuture<'_, Result<(), ()>> {
        let names = self.inside(path);
        Box::pin(async move {
            let locks = self.locks.living();
            let tokens: Vec<String> =
                locks.iter().filter(|row| is_below(row, &names)).map(|row| row.token.clone()).collect();
            self.locks.drop_tokens(&tokens).await;
            Ok(())
        })
    }
}

/// `activelock` elements of the locks that cover what has these names (RFC 4918, section 15.8).
pub(in crate::dav) fn discovery(rows: &[LockRow], names: &[Path], base: &Path, prefix: &str) -> String {
    rows.iter().filter(|row| covers(row, names)).map(|row| active_lock(row, base, prefix)).collect()
}

pub(in crate::dav) fn active_lock(row: &LockRow, base: &Path, prefix: &str) -> String {
    let timeout = row.timeout.map_or_else(|| "Infinite".to_owned(), |life| format!("Second-{}", life.as_secs()));
    format!(
        "<D:activelock><D:lockscope><D:{}/></D:lockscope><D:locktype><D:write/></D:locktype><D:depth>{}</D:depth>{}\
         <D:timeout>{timeout}</D:timeout><D:locktoken><D:href>{}</D:href></D:locktoken>\
         <D:lockroot><D:href>{}</D:href></D:lockroot></D:activelock>",
        if row.shared { "shared" } else { "exclusive" },
        if row.deep { "infinity" } else { "0" },
        row.owner.as_deref().unwrap_or_default(),
        row.token,
        href::encode(prefix, &root(row, base), false),
    )
}

/// Where a lock sits, as its user sees it; one above the base path is at its top.
fn root(row: &LockRow, base: &Path) -> Path {
    Path::parse(&row.path).ok().and_then(|path| path.strip_base(base)).unwrap_or_else(Path::root)
}

fn is_living(row: &LockRow, now: UnixSeconds) -> bool {
    row.expires_at.is_none_or(|at| at > now)
}
