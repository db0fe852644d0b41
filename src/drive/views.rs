//! Views: folders that show the films of another folder as small files with one address each, for media servers.
//!
//! Answers for what a view shows, by what its source shows at that moment; so a view costs no call but those of its
//! source's listings. Keeps nothing, and has nothing that could be changed.

mod names;
mod text;

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::clock::{UnixMillis, UnixSeconds};
use crate::config::{self, Config, Quality, ViewLinks};
use crate::digest::Sha1;
use crate::drive::entry::{Entry, Kind, Origin, Resource};
use crate::drive::error::Error;
use crate::drive::listing::members::Members;
use crate::drive::path::Path;
use crate::drive::views::names::Shown;
use crate::link::Addresses;
use crate::state::Store;

/// All views; cheap to clone.
#[derive(Clone)]
pub(super) struct Views {
    list: Arc<[View]>,
    store: Store,
    /// Time of the views' own folders.
    started: UnixMillis,
}

/// One view.
pub(super) struct View {
    path: Path,
    source: Path,
    settings: config::View,
}

/// A place within a view.
pub(super) struct InView<'a> {
    view: &'a View,
    /// What the place mirrors.
    pub(super) source: Path,
}

impl InView<'_> {
    /// Whether it is the view itself.
    pub(super) fn is_top(&self) -> bool {
        self.source == self.view.source
    }
}

/// What is at a name of a view.
pub(super) enum Found {
    /// A folder or file of the source, to be shown as it is.
    AsItIs(Arc<Entry>),
    /// A file that the view makes, with its content.
    Made(Arc<Entry>, String),
}

impl Views {
    pub(super) fn new(config: &Config, store: &Store) -> Self {
        let view = |settings: &config::View| {
            let (path, source) = (Path::parse(&settings.path).ok()?, Path::parse(&settings.source).ok()?);
            Some(View { path, source, settings: settings.clone() })
        };
        let list = config.views.iter().filter_map(view).collect();
        Self { list, store: store.clone(), started: UnixSeconds::now().millis() }
    }

    /// Those of other settings.
    pub(super) fn reconfigured(&self, config: &Config) -> Self {
        Self { started: self.started, ..Self::new(config, &self.store) }
    }

    /// The place of a path that lies in a view.
    pub(super) fn of(&self, path: &Path) -> Option<InView<'_>> {
        self.list.iter().find_map(|view| {
            let rest = path.strip_base(&view.path)?;
            Some(InView { view, source: rest.under(&view.source) })
        })
    }

    /// A view's own folder.
    pub(super) fn folder(&self, path: &Path) -> Resource {
        let entry = Arc::new(Entry::mount_point(path.name(), "", self.started));
        Resource { path: path.clone(), entry, mount: None }
    }

    /// The folder at a path above a view, which exists because the view does.
    pub(super) fn above(&self, path: &Path) -> Option<Resource> {
        let above = |view: &View| view.path != *path && view.path.strip_base(path).is_some();
        self.list.iter().any(above).then(|| self.folder(path))
    }

    /// The members of a folder with the views that lie there. A folder on the way to one is made up only where there
    /// is none.
    pub(super) fn beside(&self, folder: &Path, members: Members) -> Members {
        let mut more: Vec<Entry> = Vec::new();
        for view in self.list.iter() {
            let Some(rest) = view.path.strip_base(folder) else { continue };
            let Some(name) = rest.segments().next() else { continue };
            let taken = || members.iter().chain(&more).any(|entry| *entry.name == *name);
            if rest.segments().count() == 1 || !taken() {
                more.push(Entry::mount_point(name, "", self.started));
            }
        }
        if more.is_empty() { members } else { members.with(more) }
    }

    /// What a folder of a view shows, made of the source's members.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn members(&self, place: &InView<'_>, members: &Members) -> Result<Members, Error> {
        let maker = self.maker(place.view).await?;
        let covered = self.covered(place);
        let seen = members.iter().filter(|entry| !covered.contains(&&*entry.name));
        let shown = names::all(&place.view.settings, seen).map(|(name, shown)| match shown {
            Shown::AsItIs(entry) => entry.clone(),
            Shown::Film(film, quality) => maker.made(&name, film, &place.source.join(&film.name), quality).0,
        });
        Ok(Members::of(shown))
    }

    /// What is at a name in a folder of a view.
    ///
    /// # Errors
    /// [`Error::NotFound`]; the state store's failure.
    pub(super) async fn find(&self, place: &InView<'_>, members: &Members, name: &str) -> Result<Found, Error> {
        let covered = self.covered(place);
        let seen = members.iter().filter(|entry| !covered.contains(&&*entry.name));
        match names::find(&place.view.settings, seen, name).ok_or(Error::NotFound)? {
            Shown::AsItIs(entry) => Ok(Found::AsItIs(Arc::new(entry.clone()))),
            Shown::Film(film, quality) => {
                let maker = self.maker(place.view).await?;
                let (entry, text) = maker.made(name, film, &place.source.join(&film.name), quality);
                Ok(Found::Made(Arc::new(entry), text))
            }
        }
    }

    /// Names of the place's source where views lie: no view shows another, nor what one covers.
    fn covered(&self, place: &InView<'_>) -> Vec<&str> {
        let here = |view: &&View| view.path.parent().as_ref() == Some(&place.source);
        self.list.iter().filter(here).map(|view| view.path.name()).collect()
    }

    /// What makes the files of a view at this moment.
    async fn maker<'a>(&self, view: &'a View) -> Result<Maker<'a>, Error> {
        let settings = &view.settings;
        let base = settings.base_url.as_str().trim_end_matches('/');
        let (addresses, since) = match settings.links {
            ViewLinks::Signed => {
                let key = self.store.link_key().await?;
                let (since, end) = term(settings.link_life, UnixSeconds::now());
                (Addresses::signed(base, key, end), since)
            }
            ViewLinks::Plain => (Addresses::plain(base), UnixSeconds(0)),
            ViewLinks::Userinfo => {
                let credentials = settings.credentials.as_ref().map_or("", |credentials| credentials.expose_secret());
                let base = base.replacen("://", &format!("://{credentials}@"), 1);
                (Addresses::plain(&base), UnixSeconds(0))
            }
        };
        Ok(Maker { view: settings, addresses, since: since.millis() })
    }
}

/// Since when addresses end as those made now do, and that end: the text of a file must not change each time, so
/// they end together, at least as late as asked for and at most twice as late. 0 for ever.
fn term(life: Duration, now: UnixSeconds) -> (UnixSeconds, UnixSeconds) {
    let life = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    match now.0.checked_div(life) {
        Some(terms) => (UnixSeconds(terms * life), UnixSeconds((terms + 2).saturating_mul(life))),
        None => (UnixSeconds(0), UnixSeconds(0)),
    }
}

struct Maker<'a> {
    view: &'a config::View,
    addresses: Addresses,
    /// The text is another since then, whatever became of the film.
    since: UnixMillis,
}

impl Maker<'_> {
    /// The file of a film at a path of the tree.
    fn made(&self, name: &str, film: &Entry, at: &Path, quality: Quality) -> (Entry, String) {
        let text = text::text(self.view, &self.addresses, at.as_str(), quality);
        let entry = Entry {
            origin: Origin::View,
            kind: Kind::File,
            size: Some(text.len() as u64),
            sha1: Some(Sha1::of(text.as_bytes())),
            modified: film.modified.max(self.since),
            updated: film.updated.max(self.since),
            created: film.created,
            ..Entry::synthetic(name, &format!("{}-{}", film.file_id, quality.as_str()), film.updated)
        };
        (entry, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_together_no_sooner_than_asked_for() {
        let day = Duration::from_secs(86_400);
        assert_eq!(term(Duration::ZERO, UnixSeconds(1_800_000_000)), (UnixSeconds(0), UnixSeconds(0)));
        let now = UnixSeconds(86_400 * 10 + 5);
        assert_eq!(term(day, now), (UnixSeconds(86_400 * 10), UnixSeconds(86_400 * 12)));
        assert_eq!(term(day, UnixSeconds(86_400 * 10 + 86_399)).1, UnixSeconds(86_400 * 12));
    }
}
