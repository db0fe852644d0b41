//! How films can be played and their parsed playlists, held within bounds and renewed before their end.

use std::sync::Arc;

use crate::drive::error::Error;
use crate::drive::films::file_ref::FileRef;
use crate::drive::films::renewed::Renewed;
use crate::upstream::{DataErrorKind, Life, PlayInfo, Playlist, Rendition, RenditionState};

/// Bytes of all parsed playlists: of some two hundred films of two hours.
const PLAYLISTS: u64 = 16 << 20;

/// Bytes of all that was told of films, mostly their addresses.
const INFOS: u64 = 4 << 20;

/// What one takes beside what it holds.
const SLOT: usize = 256;

/// The best rendition there is.
const BEST: &str = "best";

/// Drive and file.
type FilmKey = (Box<str>, Box<str>);
/// Those and the template.
type PlaylistKey = (FilmKey, Box<str>);

pub(super) struct Renditions {
    infos: moka::sync::Cache<FilmKey, Arc<Renewed<PlayInfo>>>,
    playlists: moka::sync::Cache<PlaylistKey, Arc<Renewed<Playlist>>>,
}

impl Renditions {
    pub(super) fn new() -> Self {
        let weight = |bytes: usize| u32::try_from(bytes + SLOT).unwrap_or(u32::MAX);
        let infos = moka::sync::Cache::builder().max_capacity(INFOS);
        let playlists = moka::sync::Cache::builder().max_capacity(PLAYLISTS);
        Self {
            infos: infos
                .weigher(move |_, renewed: &Arc<Renewed<PlayInfo>>| weight(renewed.held().map_or(0, |i| i.size())))
                .build(),
            playlists: playlists
                .weigher(move |_, renewed: &Arc<Renewed<Playlist>>| weight(renewed.held().map_or(0, |p| p.size())))
                .build(),
        }
    }

    /// Asked anew, whatever is held.
    pub(super) async fn open(&self, file: &FileRef) -> Result<Arc<PlayInfo>, Error> {
        let info = file.client.play_info(&file.drive_id, &file.file_id).await?;
        let info = Arc::new(info);
        if let Some(life) = info.life() {
            let renewed: Arc<Renewed<PlayInfo>> = Arc::default();
            renewed.put(info.clone(), life);
            self.infos.insert(key(file), renewed);
        }
        Ok(info)
    }

    pub(super) async fn info(&self, file: &FileRef) -> Result<Arc<PlayInfo>, Error> {
        let renewed = self.shared_info(file);
        let is_new = renewed.held().is_none();
        let info = told(&renewed, file).await?;
        if is_new {
            // Weighed again, with what it holds now.
            self.infos.insert(key(file), renewed);
        }
        Ok(info)
    }

    pub(super) fn forget(&self, file: &FileRef) {
        let film = key(file);
        self.infos.invalidate(&film);
        let playlists: Vec<_> = self.playlists.iter().filter(|(key, _)| key.0 == film).map(|(key, _)| key).collect();
        playlists.iter().for_each(|key| self.playlists.invalidate(key.as_ref()));
    }

    pub(super) async fn playlist(&self, file: &FileRef, template: &str) -> Result<Arc<Playlist>, Error> {
        let key = (key(file), template.into());
        let renewed = self.playlists.get_with(key.clone(), Arc::default);
        let is_new = renewed.held().is_none();
        let infos = self.shared_info(file);
        let (file, template) = (file.clone(), template.to_owned());
        let playlist = renewed.get(move || fetch(infos, file, template)).await?;
        if is_new {
            self.playlists.insert(key, renewed);
        }
        Ok(playlist)
    }

    pub(super) async fn subtitles(&self, file: &FileRef, number: usize) -> Result<Vec<u8>, Error> {
        let infos = self.shared_info(file);
        for again in [true, false] {
            let info = told(&infos, file).await?;
            let address = info.subtitles.get(number).and_then(|subtitle| subtitle.address.clone());
            match file.client.data_host().text(&address.ok_or(Error::NotFound)?.url).await {
                Err(error) if again && of_the_url(error.kind) => infos.forget(),
                result => return Ok(result?),
            }
        }
        Err(Error::NotFound)
    }

    fn shared_info(&self, file: &FileRef) -> Arc<Renewed<PlayInfo>> {
        self.infos.get_with(key(file), Arc::default)
    }
}

fn key(file: &FileRef) -> FilmKey {
    (file.drive_id.as_str().into(), file.file_id.as_str().into())
}

async fn told(renewed: &Arc<Renewed<PlayInfo>>, file: &FileRef) -> Result<Arc<PlayInfo>, Error> {
    let file = file.clone();
    renewed.get(|| async move { ask(&file).await }).await
}

async fn ask(file: &FileRef) -> Result<(PlayInfo, Life), Error> {
    let info = file.client.play_info(&file.drive_id, &file.file_id).await?;
    let life = info.life().ok_or_else(|| none(&info))?;
    Ok((info, life))
}

/// A playlist by its address; by a new one if that is refused before its time.
async fn fetch(infos: Arc<Renewed<PlayInfo>>, file: FileRef, template: String) -> Result<(Playlist, Life), Error> {
    for again in [true, false] {
        // By an address that is about to end the playlist would end with it.
        let info = infos.get_fresh(|| ask(&file)).await?;
        let chosen = choose(&info, &template).ok_or_else(|| none(&info))?;
        let Some(address) = info.renditions[chosen].playlist() else { return Err(none(&info)) };
        let used = &info.renditions[chosen].template;
        if *used != template && template != BEST {
            tracing::info!(%template, %used, "a rendition cannot be played; another is in its place");
        }
        match file.client.data_host().text(&address.url).await {
            Ok(text) => {
                let playlist = Playlist::parse(&text, &address.url, address.life)?;
                return Ok((playlist, address.life));
            }
            Err(error) if again && of_the_url(error.kind) => infos.forget(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::NoRendition(None))
}

/// Whether another URL may do better.
fn of_the_url(kind: DataErrorKind) -> bool {
    matches!(kind, DataErrorKind::Expired | DataErrorKind::Refused | DataErrorKind::Gone)
}

/// Which rendition a template stands for: itself, else the best below it, else the least there is.
fn choose(info: &PlayInfo, template: &str) -> Option<usize> {
    let usable = || (0..info.renditions.len()).filter(|at| info.renditions[*at].playlist().is_some());
    if template == BEST {
        return usable().next_back();
    }
    let named = |at: &usize| info.renditions[*at].template == template;
    let side = |at: usize| info.renditions[at].shorter_side();
    let most = match (0..info.renditions.len()).find(named) {
        Some(at) => side(at),
        None => Rendition::nominal_side(template)?,
    };
    usable().find(named).or_else(|| usable().rev().find(|at| side(*at) <= most)).or_else(|| usable().next())
}

/// Why nothing can be played.
fn none(info: &PlayInfo) -> Error {
    if info.renditions.iter().any(|rendition| matches!(rendition.state, RenditionState::Running)) {
        return Error::Transcoding;
    }
    let words = info.renditions.iter().find_map(|rendition| match &rendition.state {
        RenditionState::Withheld(words) => words.clone(),
        _ => None,
    });
    Error::NoRendition(words.map(Into::into))
}
