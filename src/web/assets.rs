//! The files of `web/`: what they are, and their answers.
//!
//! They are part of the program, compressed by `build.rs` where that makes them smaller, and served so; a debug build
//! reads them from the disk. Their addresses bear a hash of them all, so that a browser keeps them for good and never
//! mixes two versions.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use parking_lot::RwLock;
use sha2::{Digest as _, Sha256};

use crate::protocol::{Body, body, gzip, reply};

/// The files, each packed or as it is.
#[cfg(not(debug_assertions))]
fn files() -> impl Iterator<Item = (String, Bytes)> {
    static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/pages.rs"));
    FILES.iter().map(|(name, bytes)| ((*name).to_owned(), Bytes::from_static(bytes)))
}

/// The files as they are on the disk now.
#[cfg(debug_assertions)]
fn files() -> impl Iterator<Item = (String, Bytes)> {
    fn walk(folder: &std::path::Path, below: &str, files: &mut Vec<(String, Bytes)>) {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), format!("{below}{}", entry.file_name().to_string_lossy()));
            if path.is_dir() && name != "node_modules" {
                walk(&path, &format!("{name}/"), files);
            } else if let Ok(bytes) = std::fs::read(path) {
                files.push((name, bytes.into()));
            }
        }
    }
    let mut files = Vec::new();
    walk(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/web")), "", &mut files);
    files.into_iter()
}

/// Ending of what is compressed within the program.
const PACKED: &str = ".gz";

/// Bytes below which compression gains nothing.
const TINY: usize = 256;

/// Tag of what has its version in its address. A page loads some forty files, whose heads are a fifth of its bytes.
const IN_ADDRESS: &str = "\"1\"";

/// One file.
pub(super) struct Asset {
    pub(super) kind: &'static str,
    /// Of this and the next, what the program holds is there from the beginning, the other once it is asked for.
    plain: OnceLock<Bytes>,
    /// Absent within where it does not get smaller.
    gzip: OnceLock<Option<Bytes>>,
}

/// All files of one version.
pub(super) struct Assets {
    /// Sixteen hex digits of the hash of all.
    pub(super) hash: String,
    files: BTreeMap<String, Asset>,
}

/// The version that is served.
#[derive(Default)]
pub(super) struct Shelf(RwLock<Option<Arc<Assets>>>);

impl Shelf {
    /// For a shell, with which a browser begins anew: in a debug build what is on the disk now.
    pub(super) fn newest(&self) -> Arc<Assets> {
        if !cfg!(debug_assertions) {
            return self.current();
        }
        let found = Assets::load();
        let mut shelf = self.0.write();
        match &*shelf {
            Some(known) if known.hash == found.hash => known.clone(),
            _ => shelf.insert(Arc::new(found)).clone(),
        }
    }

    fn current(&self) -> Arc<Assets> {
        if let Some(assets) = &*self.0.read() {
            return assets.clone();
        }
        self.0.write().get_or_insert_with(|| Arc::new(Assets::load())).clone()
    }

    /// The answer at `/assets/{below}`.
    pub(super) fn answer(&self, below: &str, parts: &Parts) -> Response<Body> {
        let assets = self.current();
        let Some((_, name)) = below.split_once('/').filter(|(hash, _)| *hash == assets.hash) else {
            let words = "this belongs to another version of the pages; load the page again\n";
            return uncached(reply::text(StatusCode::NOT_FOUND, words));
        };
        match assets.get(name) {
            Some(asset) => asset.answer(parts, IN_ADDRESS, "public, max-age=31536000, immutable"),
            None => uncached(reply::text(StatusCode::NOT_FOUND, "there is no such file\n")),
        }
    }
}

fn uncached(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Assets {
    fn load() -> Self {
        let mut hasher = Sha256::new();
        let mut asset = |(name, bytes): (String, Bytes)| {
            let (name, packed) = name.strip_suffix(PACKED).map_or((&*name, false), |name| (name, true));
            let kind = kind(name)?;
            hasher.update(format!("{name}\n{}\n", bytes.len()));
            hasher.update(&bytes);
            let (plain, gzip) = match packed {
                true => (OnceLock::new(), OnceLock::from(Some(bytes))),
                false => (OnceLock::from(bytes), OnceLock::new()),
            };
            Some((name.to_owned(), Asset { kind, plain, gzip }))
        };
        // Neither a disk nor the build has them in order.
        let files: BTreeMap<_, _> = files().collect();
        let files = files.into_iter().filter_map(&mut asset).collect();
        let hash = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { hash, files }
    }

    /// A file by its path below `web/`.
    pub(super) fn get(&self, name: &str) -> Option<&Asset> {
        self.files.get(name)
    }
}

impl Asset {
    /// The file, or the word that the browser has it. `tag` is quoted and names the version.
    pub(super) fn answer(&self, parts: &Parts, tag: &str, caching: &'static str) -> Response<Body> {
        let packed = gzip::is_taken(&parts.headers).then(|| self.packed()).flatten();
        let content = packed.unwrap_or_else(|| self.plain()).clone();
        let tag = if packed.is_some() { format!("{}-gzip\"", &tag[..tag.len() - 1]) } else { tag.to_owned() };
        let mut response = sent(parts, self.kind, &tag, caching, content);
        let headers = response.headers_mut();
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if packed.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// The file as it is below `web/`.
    pub(super) fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let mut plain = Vec::new();
            let packed = self.gzip.get().and_then(Option::as_ref).map_or(&[][..], |packed| packed);
            // What was packed when the program was built unpacks.
            let _ = GzDecoder::new(packed).read_to_end(&mut plain);
            plain.into()
        })
    }

    fn packed(&self) -> Option<&Bytes> {
        let pack = || {
            let plain = self.plain();
            if plain.len() < TINY || matches!(self.kind, "image/png" | "font/woff2") {
                return None;
            }
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(plain).ok()?;
            encoder.finish().ok().filter(|packed| packed.len() < plain.len()).map(Bytes::from)
        };
        self.gzip.get_or_init(pack).as_ref()
    }
}

/// An answer of known content, or 304 where the request names its tag.
pub(super) fn sent(
    parts: &Parts,
    kind: &'static str,
    tag: &str,
    caching: &'static str,
    content: Bytes,
) -> Response<Body> {
    let mut response = Response::new(body::empty());
    let plain = |tag: &str| tag.trim_start_matches("W/").to_owned();
    let known = parts.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    if { known }.any(|list| list.split(',').any(|one| plain(one.trim()) == plain(tag))) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(content.len()));
        if parts.method != Method::HEAD {
            *response.body_mut() = body::full(content);
        }
    }
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

/// Type by extension; what has none here is not served.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}
