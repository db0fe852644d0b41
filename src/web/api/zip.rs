//! `GET zip`: a folder, or some of its members, in one file that is made while it is sent.
//!
//! Folders are listed as they come up and files read one after another by the way of every proxied download, each with
//! a place. Nothing is kept but the way back up and the zip's directory. What cannot be read ends the answer, whose
//! length nobody was told, in the middle of a chunk: a client sees a broken download, never a smaller folder.

use async_stream::try_stream;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderValue, Method, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use crate::calls::CallCounter;
use crate::clock::UnixMillis;
use crate::drive::{self, ByteStream, Freshness, Members, Path, Reader, Resource, Tree};
use crate::protocol::{Body, BodyError, body};
use crate::web::api::raw::attachment;
use crate::web::caller::Caller;
use crate::web::error::Refusal;
use crate::web::input;
use crate::web::site::Site;
use crate::web::zip::{Zip, ZipError, safe};

/// Folders within one another that are gone into.
const MAX_DEPTH: usize = 100;

/// A folder that is being gone through.
struct Level {
    folder: Path,
    members: Members,
    next: usize,
    /// Its path within the zip, with a slash at the end; empty at the top.
    prefix: String,
}

/// Reads what the zip is made of.
struct Walk {
    tree: Tree,
    reader: Reader,
    /// Of the folder, those that are wanted; all where there are none.
    names: Vec<String>,
    levels: Vec<Level>,
}

/// What comes next.
enum Item {
    Folder { path: String, modified: UnixMillis },
    File { path: String, modified: UnixMillis, size: u64, content: Content },
}

enum Content {
    Here(Vec<u8>),
    Drive(Box<ByteStream>),
}

/// `GET zip?path=…[&name=…]…`: a folder; of its members only those that are named.
pub(super) async fn zip(site: &Site, parts: &Parts, caller: &Caller) -> Result<Response<Body>, Refusal> {
    let shown = input::path(parts)?;
    let folder = site.tree.stat(&shown.under(&caller.base_path), Freshness::Cached).await?;
    if !folder.is_folder() {
        return Err(Refusal::bad("this is a file; ask for its bytes by raw"));
    }
    let members = site.tree.members(&folder, Freshness::Cached).await?;
    let names = input::all(parts, "name");
    if let Some(missing) = names.iter().find(|name| !members.iter().any(|entry| *entry.name == ***name)) {
        return Err(Refusal::new(crate::web::error::Code::NotFound, format!("there is no {missing:?} in this folder")));
    }
    let name = match (shown.is_root(), names.as_slice()) {
        (_, [one]) => one,
        (true, _) => "files",
        (false, _) => shown.name(),
    };
    let mut response = Response::new(match parts.method {
        Method::HEAD => body::empty(),
        _ => {
            let reader = Reader { id: caller.reader, open_ended: false, urgent: false, by_range: false };
            let top = Level { folder: folder.path, members, next: 0, prefix: String::new() };
            sent(Walk { tree: site.tree.clone(), reader, names: names.clone(), levels: vec![top] })
        }
    });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::CONTENT_DISPOSITION, attachment(&format!("{}.zip", safe(name))));
    Ok(response)
}

/// The zip as it is made: nothing is read before it is asked for.
fn sent(mut walk: Walk) -> Body {
    let counter = CallCounter::current();
    let pieces = try_stream! {
        let mut zip = Zip::default();
        while let Some(item) = counter.scope(walk.next()).await? {
            let (path, modified, size, content) = match item {
                Item::Folder { path, modified } => {
                    yield zip.folder(&path, modified)?.into();
                    continue;
                }
                Item::File { path, modified, size, content } => (path, modified, size, content),
            };
            let (before, mut member) = zip.file(&path, modified, size)?;
            yield Bytes::from(before);
            match content {
                Content::Here(bytes) => {
                    member.pass(&bytes);
                    yield bytes.into();
                }
                Content::Drive(mut stream) => {
                    while let Some(bytes) = stream.next().await {
                        let bytes = bytes?;
                        member.pass(&bytes);
                        yield bytes;
                    }
                }
            }
            yield zip.end(member)?.into();
        }
        yield zip.finish().into();
    };
    let pieces = pieces.map(|piece: Result<Bytes, Trouble>| {
        piece.map(Frame::data).map_err(|trouble| {
            tracing::warn!(error = %trouble, "a zip of a folder was broken off");
            BodyError::from(trouble)
        })
    });
    StreamBody::new(pieces).boxed_unsync()
}

/// Why a zip breaks off.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{1}: {0}")]
    Drive(#[source] drive::Error, Path),
    /// The stream of a file, which has told the log which.
    #[error(transparent)]
    Stream(#[from] drive::Error),
    #[error(transparent)]
    Zip(#[from] ZipError),
}

impl From<Trouble> for BodyError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Drive(error, _) | Trouble::Stream(error) => Self::Drive(error),
            Trouble::Zip(error) => Self::Protocol(std::io::Error::other(error)),
        }
    }
}

impl Walk {
    /// The next folder, or the next file, opened; absent after the last.
    async fn next(&mut self) -> Result<Option<Item>, Trouble> {
        while let Some(level) = self.levels.last_mut() {
            if level.next >= level.members.positions() {
                self.levels.pop();
                continue;
            }
            let Some(entry) = level.members.get(level.next) else {
                level.next += 1;
                continue;
            };
            level.next += 1;
            let is_top = level.prefix.is_empty();
            let (name, at) = (&*entry.name, level.folder.join(&entry.name));
            let path = format!("{}{}", level.prefix, safe(name));
            let (is_folder, modified) = (entry.is_folder(), entry.modified);
            if is_top && !self.names.is_empty() && !self.names.iter().any(|wanted| wanted == name) {
                continue;
            }
            return if is_folder {
                self.enter(at, path.clone()).await?;
                Ok(Some(Item::Folder { path, modified }))
            } else {
                let opened = open(&self.tree, &at, self.reader).await;
                let (size, content) = opened.map_err(|error| Trouble::Drive(error, at))?;
                Ok(Some(Item::File { path, modified, size, content }))
            };
        }
        Ok(None)
    }

    async fn enter(&mut self, at: Path, path: String) -> Result<(), Trouble> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(ZipError::LongName.into());
        }
        let listed = async {
            let folder = self.tree.stat(&at, Freshness::Cached).await?;
            self.tree.members(&folder, Freshness::Cached).await
        };
        let members = listed.await.map_err(|error| Trouble::Drive(error, at.clone()))?;
        self.levels.push(Level { folder: at, members, next: 0, prefix: format!("{path}/") });
        Ok(())
    }
}

/// A file's bytes, of the size that they are known to have; by a new listing where the one at hand is out of date.
async fn open(tree: &Tree, at: &Path, reader: Reader) -> Result<(u64, Content), drive::Error> {
    match read(tree, &tree.stat(at, Freshness::Cached).await?, reader).await {
        Err(drive::Error::Changed { .. }) => read(tree, &tree.stat(at, Freshness::Refresh).await?, reader).await,
        result => result,
    }
}

async fn read(tree: &Tree, file: &Resource, reader: Reader) -> Result<(u64, Content), drive::Error> {
    let file = tree.sized(file, reader).await?;
    if let Some(content) = tree.kept_content(&file).await? {
        return Ok((content.len() as u64, Content::Here(content)));
    }
    match file.entry.size.unwrap_or_default() {
        0 => Ok((0, Content::Here(Vec::new()))),
        size => Ok((size, Content::Drive(Box::new(tree.read(&file, 0..size, reader).await?)))),
    }
}
