//! Films for players by signed URLs: `/v/{path}/…`, playlists of ours whose lines never grow old, their segments, and
//! subtitles.
//!
//! Answers for the sign, for the way of a segment (a redirect to what is valid now, or the bytes), and for never handing
//! out a piece of another film. The drive's own playlists and when they are renewed are `drive`'s.

mod playlists;
mod subtitles;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Uri, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::clock::UnixSeconds;
use crate::config::{Config, LinkPolicy, Segments};
use crate::drive::{self, Freshness, Path, Reader, Resource, SignedUrl, Tree};
use crate::link::{self, Addresses, Rules, verify_film};
use crate::protocol::failure::{Verdict, verdict};
use crate::protocol::{Body, BodyError, RequestId, body, href, reply};
use crate::state;
use crate::web::charset;
use crate::web::link_key::LinkKey;

pub(super) use playlists::{label, language};

/// Where all of it is.
pub(super) const PREFIX: &str = "/v/";

const SEGMENT: &str = "video/mp2t";

/// Least life of a page's addresses of a film: it may be paused overnight.
const LEAST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Largest subtitles that are read from beside a film.
const MAX_SUBTITLES: u64 = 8 << 20;

/// Where the drive's preview hosts lie, which pages may load from (and so their content policy says).
const PREVIEW_DOMAINS: [&str; 4] = [".aliyundrive.net", ".aliyundrive.cloud", ".aliyuncs.com", ".alicloudccp.com"];

/// What is needed to serve films; cheap to clone.
#[derive(Clone)]
pub(super) struct Films {
    tree: Tree,
    key: LinkKey,
    rules: Arc<Rules>,
    segments: Segments,
    media_hosts: Arc<[String]>,
    /// Path below which everything is served, without a slash at the end.
    base: Arc<str>,
    /// How long a page's addresses of a film last.
    life: Duration,
    served: bool,
}

/// What of a film is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// All renditions.
    Master,
    /// One of them, by its template.
    Rendition(String),
    Segment(String, usize),
    /// The film's own subtitles, by their number, and a playlist of them for players without another way.
    Subtitles(usize),
    SubtitlePlaylist(usize),
    /// A file of subtitles as WebVTT, and in its own form.
    AsVtt,
    AsItIs,
}

/// Why there is no answer.
enum Trouble {
    Status(StatusCode, Cow<'static, str>),
    Drive(drive::Error),
}

impl From<drive::Error> for Trouble {
    fn from(error: drive::Error) -> Self {
        Self::Drive(error)
    }
}

impl Films {
    pub(super) fn new(config: &Config, tree: Tree, key: LinkKey) -> Self {
        Self {
            tree,
            key,
            rules: Arc::new(Rules::new(&config.clients)),
            segments: config.web.segments,
            media_hosts: config.web.media_hosts.as_slice().into(),
            base: config.base().into(),
            life: config.web.link.max(LEAST_LIFE),
            served: config.has_films(),
        }
    }

    /// Whether there are any.
    pub(super) fn are_served(&self) -> bool {
        self.served
    }

    /// By other settings, with the same key.
    pub(super) fn reconfigured(&self, config: &Config, tree: Tree) -> Self {
        Self::new(config, tree, self.key.clone())
    }

    /// When a page's addresses of a film end that are made now.
    pub(super) fn page_end(&self) -> UnixSeconds {
        UnixSeconds::now().plus(i64::try_from(self.life.as_secs()).unwrap_or(i64::MAX))
    }

    /// What addresses are made by that last until then.
    ///
    /// # Errors
    /// The state store failed.
    pub(super) async fn signer(&self, expire: UnixSeconds) -> Result<Addresses, state::Error> {
        Ok(Addresses::signed(&self.base, self.key.key().await?, expire))
    }

    /// Path below which everything is served, without a slash at the end.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Answers `/v/…`; whoever `may_read` needs no sign.
    pub(super) async fn answer(
        &self,
        parts: &Parts,
        address: IpAddr,
        request: RequestId,
        may_read: bool,
    ) -> Response<Body> {
        let mut response = match self.find(parts, address, may_read).await {
            Ok(response) => response,
            Err(Trouble::Status(status, words)) => reply::text_error(status, &words, request),
            Err(Trouble::Drive(error)) => {
                let Verdict { status, text, retry_after } = verdict(&error);
                tracing::info!(%error, %status, "a player did not get what it asked for");
                let mut response = reply::text_error(status, &text, request);
                if let Some(wait) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
                }
                response
            }
        };
        let headers = response.headers_mut();
        // Players on other pages read it as those on ours do: the sign is what lets them.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        let inert = HeaderValue::from_static("sandbox; default-src 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, inert);
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if parts.method == Method::HEAD {
            *response.body_mut() = body::empty();
        }
        response
    }

    async fn find(&self, parts: &Parts, address: IpAddr, may_read: bool) -> Result<Response<Body>, Trouble> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Trouble::Status(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here".into()));
        }
        let below = parts.uri.path().strip_prefix("/v").unwrap_or_default();
        let whole =
            href::decode(below).map_err(|error| Trouble::Status(StatusCode::BAD_REQUEST, error.to_string().into()))?;
        let (path, wanted) = split(&whole)
            .ok_or(Trouble::Status(StatusCode::NOT_FOUND, "there is nothing of this name of a film".into()))?;
        let query = Query::of(parts);
        if !may_read {
            self.verify(&path, &query).await?;
        }
        let file = self.tree.stat(&path, Freshness::Cached).await?;
        match wanted {
            Wanted::Master => Ok(playlist(playlists::master(&*self.tree.films().info(&file).await?, &query.suffix())?)),
            Wanted::Rendition(template) => {
                let rendition = self.tree.films().rendition(&file, &template).await?;
                Ok(playlist(playlists::rendition(&rendition, &template, &query.suffix())))
            }
            Wanted::Segment(template, number) => self.segment(parts, &file, &template, number, &query, address).await,
            Wanted::Subtitles(number) => Ok(vtt(&self.tree.films().subtitles(&file, number).await?)),
            Wanted::SubtitlePlaylist(number) => {
                let info = self.tree.films().info(&file).await?;
                Ok(playlist(playlists::subtitles(info.duration_s, number, &query.suffix())))
            }
            Wanted::AsVtt => Ok(vtt(&self.beside(&file).await?)),
            Wanted::AsItIs => {
                let text = charset::text(&self.beside(&file).await?);
                Ok(reply::text(StatusCode::OK, text))
            }
        }
    }

    async fn verify(&self, path: &Path, query: &Query) -> Result<(), Trouble> {
        let key = self.key.key().await.map_err(|error| {
            tracing::error!(%error, "the state store failed a player");
            Trouble::Status(StatusCode::SERVICE_UNAVAILABLE, "the state store failed; the server's log says why".into())
        })?;
        verify_film(&key, path.as_str(), &query.sign, UnixSeconds::now())
            .map_err(|error| Trouble::Status(StatusCode::UNAUTHORIZED, error.to_string().into()))
    }

    /// The way to one segment, or its bytes.
    async fn segment(
        &self,
        parts: &Parts,
        file: &Resource,
        template: &str,
        number: usize,
        query: &Query,
        address: IpAddr,
    ) -> Result<Response<Body>, Trouble> {
        let url = self.tree.films().segment(file, template, number, &query.mark).await?;
        if !query.proxy && self.goes_directly(&url, parts, address) {
            return Ok(redirect(&url.expose().to_string()));
        }
        if parts.method == Method::HEAD {
            return Ok(of(SEGMENT, body::empty()));
        }
        let range = parts.headers.get(header::RANGE).and_then(|range| range.to_str().ok());
        let segment = self.tree.films().open_segment(file, template, number, &query.mark, range).await?;
        let frames = segment.bytes.map(|bytes| bytes.map(Frame::data).map_err(BodyError::from));
        let mut response = of(SEGMENT, StreamBody::new(frames).boxed_unsync());
        if segment.partial {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        }
        let headers = response.headers_mut();
        if let Some(length) = segment.length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        if let Some(range) = segment.range.and_then(|range| HeaderValue::from_str(&range).ok()) {
            headers.insert(header::CONTENT_RANGE, range);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
        Ok(response)
    }

    /// Whether a player is sent to the drive's host itself.
    fn goes_directly(&self, url: &SignedUrl, parts: &Parts, address: IpAddr) -> bool {
        let agent = parts.headers.get(header::USER_AGENT).map(|agent| String::from_utf8_lossy(agent.as_bytes()));
        let client = link::Client { user_agent: agent.as_deref(), address, user: None, by_script: false };
        match self.segments {
            Segments::Proxy => false,
            Segments::Redirect => true,
            Segments::Auto => {
                self.rules.decide(LinkPolicy::Redirect, client) == LinkPolicy::Redirect && self.may_load(url.expose())
            }
        }
    }

    /// Whether pages may load from there: a host of the drive's, or of the settings.
    pub(super) fn may_load(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        let origin =
            format!("{}://{}", uri.scheme_str().unwrap_or_default(), uri.authority().map_or("", |a| a.as_str()));
        let drives = uri.scheme_str() == Some("https") && PREVIEW_DOMAINS.iter().any(|domain| host.ends_with(domain));
        drives || self.media_hosts.iter().any(|own| own == "*" || own == host || *own == origin)
    }

    /// The bytes of a file of subtitles.
    async fn beside(&self, file: &Resource) -> Result<Vec<u8>, Trouble> {
        if file.is_folder() {
            return Err(drive::Error::IsAFolder.into());
        }
        let reader = Reader { id: 0, open_ended: false, urgent: true, by_range: false };
        let file = self.tree.sized(file, reader).await?;
        let size = file.entry.size.unwrap_or_default();
        if size > MAX_SUBTITLES {
            return Err(Trouble::Status(StatusCode::PAYLOAD_TOO_LARGE, "this is too large for subtitles".into()));
        }
        let mut text = Vec::new();
        if size > 0 {
            let mut stream = self.tree.read(&file, 0..size, reader).await?;
            while let Some(bytes) = stream.next().await {
                text.extend_from_slice(&bytes?);
            }
        }
        Ok(text)
    }
}

/// What the query says.
struct Query {
    sign: String,
    mark: String,
    /// The bytes, whatever the settings say: where a player cannot reach the drive's hosts.
    proxy: bool,
}

impl Query {
    fn of(parts: &Parts) -> Self {
        let (mut sign, mut mark, mut proxy) = (String::new(), String::new(), false);
        for (name, value) in url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()) {
            match &*name {
                "sign" => sign = value.into_owned(),
                "e" => mark = value.into_owned(),
                "via" => proxy = value == "proxy",
                _ => {}
            }
        }
        Self { sign, mark, proxy }
    }

    /// What the lines of a playlist say of themselves, as this request did.
    fn suffix(&self) -> String {
        format!("sign={}{}", self.sign, if self.proxy { "&via=proxy" } else { "" })
    }
}

/// The film of a URL's path; absent for what is none.
pub(super) fn film_of(path: &str) -> Option<Path> {
    let whole = href::decode(path.strip_prefix("/v")?).ok()?;
    split(&whole).map(|(film, _)| film)
}

/// From a URL's path to the film's and what of it is asked for.
fn split(whole: &Path) -> Option<(Path, Wanted)> {
    let name = whole.name().to_owned();
    let film = whole.parent()?;
    let (stem, extension) = name.rsplit_once('.')?;
    let number = || stem.parse::<usize>().ok();
    match (film.name(), stem, extension) {
        ("sub", "file", "vtt") => Some((film.parent()?, Wanted::AsVtt)),
        ("sub", "file", "ass") => Some((film.parent()?, Wanted::AsItIs)),
        ("sub", _, "vtt") => Some((film.parent()?, Wanted::Subtitles(number()?))),
        ("sub", _, "m3u8") => Some((film.parent()?, Wanted::SubtitlePlaylist(number()?))),
        (_, "master", "m3u8") => Some((film, Wanted::Master)),
        (_, template, "m3u8") if is_template(template) => Some((film, Wanted::Rendition(template.to_owned()))),
        (template, _, "ts") if is_template(template) => {
            let wanted = Wanted::Segment(template.to_owned(), number()?);
            Some((film.parent()?, wanted))
        }
        _ => None,
    }
}

fn is_template(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn of(kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn playlist(text: String) -> Response<Body> {
    of("application/vnd.apple.mpegurl", body::full(text))
}

fn vtt(subtitles: &[u8]) -> Response<Body> {
    of("text/vtt; charset=utf-8", body::full(subtitles::vtt(&charset::text(subtitles))))
}

/// Nothing may remember the target, which grows old, nor may the drive's host see where it came from.
fn redirect(target: &str) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    if let Ok(target) = HeaderValue::from_str(target) {
        headers.insert(header::LOCATION, target);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_film_and_what_of_it_is_wanted() {
        let of =
            |text: &str| split(&Path::parse(text).unwrap()).map(|(path, wanted)| (path.as_str().to_owned(), wanted));
        let film = "/电影/a.mkv".to_owned();
        assert_eq!(of("/电影/a.mkv/master.m3u8"), Some((film.clone(), Wanted::Master)));
        assert_eq!(of("/电影/a.mkv/best.m3u8"), Some((film.clone(), Wanted::Rendition("best".to_owned()))));
        assert_eq!(of("/电影/a.mkv/FHD/12.ts"), Some((film.clone(), Wanted::Segment("FHD".to_owned(), 12))));
        assert_eq!(of("/电影/a.mkv/sub/1.vtt"), Some((film.clone(), Wanted::Subtitles(1))));
        assert_eq!(of("/电影/a.mkv/sub/1.m3u8"), Some((film, Wanted::SubtitlePlaylist(1))));
        assert_eq!(of("/a.srt/sub/file.vtt"), Some(("/a.srt".to_owned(), Wanted::AsVtt)));
        for none in ["/", "/a", "/a.mkv", "/a.mkv/x.ts", "/a.mkv/FHD/-1.ts", "/a.mkv/sub/a.vtt", "/a/..b.m3u8"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
