//! `GET video` and `POST video/cursor`: films for the pages.

use http::request::Parts;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Permission;
use crate::drive::{self, DriveTrouble, ErrorKind, Freshness, Path, PlayInfo, RenditionState, Resource};
use crate::link::Addresses;
use crate::protocol::{Body, RequestBody, body, reply};
use crate::web::api::list;
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::films::{Films, label, language};
use crate::web::input;
use crate::web::site::Site;

/// How soon a page asks again for a film that is being transcoded.
const TRANSCODING_MS: u64 = 5000;

/// Most subtitles beside a film that are told.
const MAX_BESIDE: usize = 50;

/// A caller's question for a film.
struct FilmRequest<'a> {
    site: &'a Site,
    films: &'a Films,
    caller: &'a Caller,
    shown: Path,
    file: Resource,
    signer: Addresses,
}

/// `GET video?path=…`: one call to the drive.
pub(super) async fn video(
    site: &Site,
    films: &Films,
    parts: &Parts,
    caller: &Caller,
) -> Result<Response<Body>, Refusal> {
    let shown = input::path(parts)?;
    let file = site.tree.stat(&shown.under(&caller.base_path), Freshness::Cached).await?;
    if file.is_folder() {
        return Err(Refusal::bad("this is a folder; ask for one of its films"));
    }
    let film = FilmRequest { site, films, caller, shown, file, signer: films.signer(films.page_end()).await? };
    let mut told = match site.tree.films().open(&film.file).await {
        Ok(info) => film.told(&info).await,
        Err(error) => film.untold(error).await?,
    };
    let mut siblings = list::siblings(site, &film.file, film.shown.is_root()).await?;
    (told["previous"], told["next"]) = (siblings["previous"].take(), siblings["next"].take());
    Ok(reply::json(StatusCode::OK, &told))
}

impl FilmRequest<'_> {
    /// A URL of the film or of another file, for the page.
    fn url(&self, path: &Path, what: &str) -> String {
        self.signer.film(path.as_str(), what)
    }

    async fn told(&self, info: &PlayInfo) -> Value {
        let usable = info.renditions.iter().any(|rendition| rendition.playlist().is_some());
        let running = info.renditions.iter().any(|rendition| matches!(rendition.state, RenditionState::Running));
        let mut told = self.common(info.duration_s).await;
        told["state"] = if usable {
            "ready"
        } else if running {
            "transcoding"
        } else {
            "none"
        }
        .into();
        if !usable {
            told["code"] = if running { "busy" } else { "not_found" }.into();
            told["words"] = words(info).unwrap_or("no rendition of this film can be played").into();
        }
        if !usable && running {
            told["retry_after_ms"] = TRANSCODING_MS.into();
        }
        if usable {
            let master = self.url(&self.file.path, "master.m3u8");
            told["link"] = format!("{}{master}", self.caller.origin).into();
            told["master"] = master.into();
        }
        (told["duration"], told["width"]) = (json!(info.duration_s), json!(info.width));
        (told["height"], told["cursor"]) = (json!(info.height), json!(info.cursor_s));
        let renditions = info.renditions.iter().map(|rendition| {
            let usable = rendition.playlist().is_some();
            json!({
                "id": rendition.template, "height": rendition.height, "width": rendition.width, "usable": usable,
                "url": usable.then(|| self.url(&self.file.path, &format!("{}.m3u8", rendition.template))),
                "state": state_word(&rendition.state), "words": state_words(&rendition.state),
            })
        });
        told["renditions"] = renditions.collect();
        let own = info.subtitles.iter().enumerate().filter(|(_, subtitle)| subtitle.address.is_some());
        let own = own.map(|(number, subtitle)| {
            json!({
                "id": format!("drive-{number}"), "language": language(&subtitle.language).0, "label": label(info, number),
                "form": "vtt", "url": self.url(&self.file.path, &format!("sub/{number}.vtt")),
            })
        });
        let mut subtitles: Vec<Value> = own.collect();
        subtitles.append(&mut self.beside().await);
        told["subtitles"] = subtitles.into();
        told
    }

    /// What is left of a film that the drive does not play; other failures are the call's.
    async fn untold(&self, error: drive::Error) -> Result<Value, Refusal> {
        use DriveTrouble as T;
        let kind = error.kind();
        let state = match kind {
            ErrorKind::Transcoding => "transcoding",
            ErrorKind::NoPreview | ErrorKind::Frozen | ErrorKind::Drive(T::Full | T::Forbidden) => "none",
            _ => return Err(error.into()),
        };
        let refusal = Refusal::from(error).members();
        let mut told = self.common(None).await;
        told["state"] = state.into();
        (told["code"], told["words"]) = (refusal["code"].clone(), refusal["error"].clone());
        if kind == ErrorKind::Transcoding {
            told["retry_after_ms"] = TRANSCODING_MS.into();
        }
        told["subtitles"] = self.beside().await.into();
        Ok(told)
    }

    async fn common(&self, duration_s: Option<f64>) -> Value {
        let entry = &self.file.entry;
        #[expect(clippy::cast_precision_loss, reason = "a rate to choose by")]
        let rate = entry.size.zip(duration_s.filter(|s| *s > 0.0)).map(|(size, s)| (size as f64 / s).round());
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("path", self.shown.as_str()).finish();
        json!({
            "renditions": [], "subtitles": [],
            "original": {
                "url": format!("{}/api/raw?{query}", self.films.base()), "type": entry.mime(), "bytes_per_s": rate,
                "sound": entry.sounds.names().collect::<Vec<_>>(),
            },
        })
    }

    /// Files of subtitles in the film's folder: of its very name first, then of its name and a language.
    async fn beside(&self) -> Vec<Value> {
        let Some(folder) = self.file.path.parent() else { return Vec::new() };
        let Ok(folder) = self.site.tree.stat(&folder, Freshness::Cached).await else { return Vec::new() };
        let Ok(members) = self.site.tree.members(&folder, Freshness::Cached).await else { return Vec::new() };
        let stem = self.file.entry.name.rsplit_once('.').map_or(&*self.file.entry.name, |(stem, _)| stem);
        let found = members.iter().filter(|entry| !entry.is_folder()).filter_map(|entry| {
            let rest = entry.name.strip_prefix(stem)?.strip_prefix('.')?;
            let (word, extension) = rest.rsplit_once('.').unwrap_or(("", rest));
            let form = form(extension)?;
            Some((word.to_owned(), form, entry.name.to_string()))
        });
        let mut found: Vec<_> = found.collect();
        found.sort();
        found.truncate(MAX_BESIDE);
        let told = found.into_iter().map(|(word, form, name)| {
            let (code, own) = language(word.rsplit('.').next().unwrap_or_default());
            let path = folder.path.join(&name);
            json!({
                "id": format!("file-{name}"), "language": code, "form": form, "label": if own.is_empty() { &name } else { own },
                "url": self.url(&path, &format!("sub/file.{form}")),
            })
        });
        told.collect()
    }
}

/// How a file of subtitles is given out, by its extension.
fn form(extension: &str) -> Option<&'static str> {
    match extension.to_ascii_lowercase().as_str() {
        "srt" | "vtt" => Some("vtt"),
        "ass" | "ssa" => Some("ass"),
        _ => None,
    }
}

fn words(info: &PlayInfo) -> Option<&str> {
    info.renditions.iter().find_map(|rendition| state_words(&rendition.state))
}

/// The same for pages, which have words of their own.
fn state_word(state: &RenditionState) -> &'static str {
    match state {
        RenditionState::Usable(_) => "usable",
        RenditionState::Running => "running",
        RenditionState::Failed => "failed",
        RenditionState::Withheld(_) => "withheld",
    }
}

/// Why a rendition cannot be played.
fn state_words(state: &RenditionState) -> Option<&str> {
    match state {
        RenditionState::Usable(_) => None,
        RenditionState::Running => Some("the drive is still transcoding this"),
        RenditionState::Failed => Some("the drive could not transcode this"),
        RenditionState::Withheld(words) => Some(words.as_deref().unwrap_or("the drive keeps this for members")),
    }
}

#[derive(Deserialize)]
struct Cursor {
    path: String,
    cursor: f64,
    duration: Option<f64>,
}

/// `POST video/cursor`; what a page sends when it is left, too.
pub(super) async fn cursor<B: RequestBody>(
    site: &Site,
    parts: &Parts,
    body: B,
    caller: &Caller,
) -> Result<Response<Body>, Refusal> {
    let told: Cursor = input::json(parts, body, "{\"path\": \"/a.mkv\", \"cursor\": 12.5, \"duration\": 60.5}").await?;
    if caller.permission != Permission::Write {
        return Err(Refusal::new(Code::ReadOnly, "where a film was left is kept for users who may write"));
    }
    let is_time = |seconds: f64| seconds.is_finite() && (0.0..1e7).contains(&seconds);
    if !is_time(told.cursor) || told.duration.is_some_and(|duration| !is_time(duration)) {
        return Err(Refusal::bad("cursor and duration are seconds"));
    }
    let path = input::parsed(&told.path)?.under(&caller.base_path);
    let file = site.tree.stat(&path, Freshness::Cached).await?;
    site.tree.films().keep_cursor(&file, told.cursor, told.duration).await?;
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
