//! Films and pictures of the tree: renditions that never grow old, subtitles, thumbnails, where a film was left, and
//! what a whole drive is looked through for.
//!
//! Answers for asking the drive once: for one film once in the life of its addresses, for pictures once for all that
//! want some at the same time. It never chooses a status and knows no playlist of ours.

mod file_ref;
mod finds;
mod folders;
pub(super) mod kept;
mod renditions;
mod renewed;
mod thumbnails;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sha2::{Digest as _, Sha256};

use crate::drive::entry::{Entry, Origin, Resource};
use crate::drive::error::Error;
use crate::drive::films::file_ref::FileRef;
use crate::drive::films::kept::Films;
use crate::upstream::{Address, DataErrorKind, Media, Picture, PlayInfo, Playlist, SegmentBody, SignedUrl};

pub use finds::{Find, Found, Marker};

/// A rendition as it is handed to a player.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// Its playlist, which lives for a while yet.
    pub playlist: Arc<Playlist>,
    /// Tells this film in these pieces from any other: whoever asks for a piece names it.
    pub mark: String,
}

/// A segment that comes.
pub struct Segment {
    /// Whether it is a part of one.
    pub partial: bool,
    /// Bytes that come.
    pub length: Option<u64>,
    /// Which part it is, as HTTP writes it.
    pub range: Option<String>,
    /// The bytes, as they come.
    pub bytes: BoxStream<'static, Result<Bytes, Error>>,
}

impl Films {
    /// How a film can be played, asked anew: where it was left may have changed in another program.
    ///
    /// # Errors
    /// [`Error::IsAFolder`], [`Error::Frozen`]; the call's failure.
    pub async fn open(&self, file: &Resource) -> Result<Arc<PlayInfo>, Error> {
        let at = self.file_ref(file).await?;
        self.renditions.open(&at).await
    }

    /// The same as it was told last, while its addresses live.
    ///
    /// # Errors
    /// As [`Films::open`].
    pub async fn info(&self, file: &Resource) -> Result<Arc<PlayInfo>, Error> {
        let at = self.file_ref(file).await?;
        self.renditions.info(&at).await
    }

    /// A rendition by its template, or the best that is not above it; `best` for the best there is.
    ///
    /// # Errors
    /// As [`Films::open`]; [`Error::NoRendition`] where none can be played.
    pub async fn rendition(&self, file: &Resource, template: &str) -> Result<Rendition, Error> {
        let at = self.file_ref(file).await?;
        let playlist = self.renditions.playlist(&at, template).await?;
        let mark = mark(&file.entry, &playlist);
        Ok(Rendition { playlist, mark })
    }

    /// A segment's URL, valid now.
    ///
    /// # Errors
    /// As [`Films::rendition`]; [`Error::OtherFilm`] where the film is not the one that was marked so, or is in other
    /// pieces; [`Error::NotFound`] beyond its end.
    pub async fn segment(
        &self,
        file: &Resource,
        template: &str,
        number: usize,
        marked: &str,
    ) -> Result<SignedUrl, Error> {
        let rendition = self.rendition(file, template).await?;
        if rendition.mark != marked {
            tracing::info!(path = %file.path, "a player asks for pieces of what is another film now");
            return Err(Error::OtherFilm);
        }
        rendition.playlist.segment(number).ok_or(Error::NotFound)
    }

    /// A segment's bytes, or a range of them, raw: by a new URL, should the one at hand be refused.
    ///
    /// # Errors
    /// As [`Films::segment`]; a transfer's failure.
    pub async fn open_segment(
        &self,
        file: &Resource,
        template: &str,
        number: usize,
        marked: &str,
        range: Option<&str>,
    ) -> Result<Segment, Error> {
        let at = self.file_ref(file).await?;
        let host = at.client.data_host();
        let url = self.segment(file, template, number, marked).await?;
        let body = match host.segment(&url, range).await {
            Err(error) if matches!(error.kind, DataErrorKind::Expired | DataErrorKind::Refused) => {
                self.renditions.forget(&at);
                let url = self.segment(file, template, number, marked).await?;
                host.segment(&url, range).await?
            }
            result => result?,
        };
        Ok(opened(body))
    }

    /// What is remembered of a film is of no use any more.
    ///
    /// # Errors
    /// As [`Films::open`].
    pub async fn forget(&self, file: &Resource) -> Result<(), Error> {
        let at = self.file_ref(file).await?;
        self.renditions.forget(&at);
        Ok(())
    }

    /// The text of a film's own subtitles, by their number.
    ///
    /// # Errors
    /// As [`Films::open`]; [`Error::NotFound`] for a number that there is not.
    pub async fn subtitles(&self, file: &Resource, number: usize) -> Result<Vec<u8>, Error> {
        let at = self.file_ref(file).await?;
        self.renditions.subtitles(&at, number).await
    }

    /// Keeps where a film was left, in seconds.
    ///
    /// # Errors
    /// As [`Films::open`].
    pub async fn keep_cursor(&self, file: &Resource, cursor_s: f64, duration_s: Option<f64>) -> Result<(), Error> {
        let at = self.file_ref(file).await?;
        Ok(at.client.record(&at.drive_id, &at.file_id, cursor_s, duration_s).await?)
    }

    /// A picture of a film or an image; absent where the drive has none.
    ///
    /// # Errors
    /// As [`Films::open`].
    pub async fn thumbnail(&self, file: &Resource, picture: Picture) -> Result<Option<Address>, Error> {
        let at = self.file_ref(file).await?;
        self.thumbnails.clone().get(at, picture).await
    }

    /// The bytes of such a picture, for whoever cannot load from the drive's hosts.
    ///
    /// # Errors
    /// As [`Films::open`]; a transfer's failure.
    pub async fn open_thumbnail(&self, file: &Resource, address: &Address) -> Result<Segment, Error> {
        let at = self.file_ref(file).await?;
        Ok(opened(at.client.data_host().segment(&address.url, None).await?))
    }

    /// What the drive has found in a film or a picture: one call.
    ///
    /// # Errors
    /// As [`Films::open`].
    pub async fn media(&self, file: &Resource) -> Result<Option<Media>, Error> {
        let at = self.file_ref(file).await?;
        let item = at.client.get(&at.drive_id, &at.file_id).await?;
        Ok(item.media.map(|media| *media))
    }

    async fn file_ref(&self, file: &Resource) -> Result<FileRef, Error> {
        if file.is_folder() {
            return Err(Error::IsAFolder);
        }
        if file.entry.frozen {
            return Err(Error::Frozen);
        }
        if file.entry.origin != Origin::Drive {
            // The drive does not have it.
            return Err(Error::NoPreview);
        }
        let (mount, _) = self.mounts.of(&file.path).ok_or(Error::NotFound)?;
        FileRef::of(mount, &file.entry.file_id).await
    }
}

fn opened(body: SegmentBody) -> Segment {
    let (partial, length, range) = (body.partial, body.length, body.range.clone());
    Segment { partial, length, range, bytes: Box::pin(body.into_stream().map_err(Error::from)) }
}

/// Eight hex digits of what the film is and of its pieces' lengths: of another film, or of the same in other pieces,
/// no piece may be taken for one of this.
fn mark(entry: &Entry, playlist: &Playlist) -> String {
    let mut digest = Sha256::new();
    match entry.etag() {
        Some(etag) => digest.update(etag),
        None => digest.update(format!("{}-{}", entry.file_id, entry.updated.0)),
    }
    playlist.durations_ms().iter().for_each(|length| digest.update(length.to_le_bytes()));
    digest.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
