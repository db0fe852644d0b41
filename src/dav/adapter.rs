//! The tree as dav-server's file system, for the methods that change something.
//!
//! dav-server walks trees and deletes before it acts; the drive moves a whole tree in one call and alidav
//! removes last. So the request's [`Scope`] tells what is going on: the walker is shown no children, and a
//! destination that is to be replaced is only marked. What went wrong is left in the scope, because
//! dav-server's own errors cannot say it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavMetaData, FsError, FsFuture, FsResult, FsStream, GuardedFileSystem, OpenOptions,
    ReadDirMeta,
};
use parking_lot::Mutex;

use super::error::Failure;
use super::stored::Stored;
use crate::drive::{self, Entry, Freshness, Path, Resource, Tree, Upload, UploadOptions};

/// What one request is about.
#[derive(Clone)]
pub(super) struct Scope(pub(super) Arc<ScopeInner>);

pub(super) struct ScopeInner {
    pub(super) method: http::Method,
    /// The part of the tree that the user sees as root.
    pub(super) base: Path,
    /// Source of the request, in the whole tree.
    pub(super) source: Path,
    /// COPY of a folder without its members.
    pub(super) depth_zero: bool,
    pub(super) upload: UploadOptions,
    /// What the destination held before; goes when the new is in place.
    pub(super) replaced: Mutex<Option<Resource>>,
    /// What went wrong.
    pub(super) failure: Arc<Mutex<Option<Failure>>>,
}

impl Scope {
    /// Remembers the exact failure; dav-server gets a word for it.
    fn fail(&self, error: drive::Error) -> FsError {
        let short = match error {
            drive::Error::NotFound => return FsError::NotFound,
            drive::Error::ParentMissing => FsError::NotFound,
            drive::Error::NameExists => FsError::Exists,
            _ => FsError::GeneralFailure,
        };
        self.refuse(Failure::from(error));
        short
    }

    /// Like [`Scope::fail`], for what is done in one call: dav-server would answer some of its failures by a
    /// multistatus, as if other parts had gone well.
    fn fail_whole(&self, error: drive::Error) -> FsError {
        self.refuse(Failure::from(error));
        FsError::GeneralFailure
    }

    fn refuse(&self, failure: Failure) {
        *self.0.failure.lock() = Some(failure);
    }
}

/// dav-server's view of the tree; cheap to clone.
#[derive(Clone)]
pub(super) struct Adapter {
    pub(super) tree: Tree,
    pub(super) stored: Arc<Stored>,
}

impl Adapter {
    fn path(&self, path: &DavPath, scope: &Scope) -> FsResult<Path> {
        let text = std::str::from_utf8(path.as_bytes()).map_err(|_| FsError::NotFound)?;
        // Without a prefix, dav-server's folder above a name at the top is an empty text.
        let text = if text.is_empty() { "/" } else { text };
        Ok(Path::parse(text).map_err(|_| FsError::NotFound)?.under(&scope.0.base))
    }

    async fn stat(&self, path: &Path, scope: &Scope) -> FsResult<Resource> {
        self.tree.stat(path, Freshness::Cached).await.map_err(|error| scope.fail(error))
    }

    async fn remove(&self, path: &DavPath, scope: &Scope) -> FsResult<()> {
        let resource = self.stat(&self.path(path, scope)?, scope).await?;
        if scope.0.method != http::Method::DELETE {
            *scope.0.replaced.lock() = Some(resource);
            return Ok(());
        }
        self.tree.remove(&resource).await.map_err(|error| scope.fail(error))?;
        self.log(self.stored.forget(&resource.entry.file_id).await);
        Ok(())
    }

    async fn copy_to(&self, to: &DavPath, scope: &Scope) -> FsResult<()> {
        self.settle(scope).await?;
        let source = self.stat(&scope.0.source, scope).await?;
        let to = self.path(to, scope)?;
        let replaced = scope.0.replaced.lock().take();
        self.tree.copy(&source, &to, replaced.as_ref()).await.map_err(|error| scope.fail_whole(error))?;
        self.copy_stored(&source, &to).await;
        Ok(())
    }

    /// A copy has the stored properties of its source (RFC 4918, section 9.8.2).
    async fn copy_stored(&self, source: &Resource, to: &Path) {
        if let Ok(copy) = self.tree.stat(to, Freshness::Cached).await {
            self.log(self.stored.follow(&source.entry.file_id, &copy.entry.file_id, true).await);
        }
    }

    /// What is to be moved or copied must be on the drive; what went wrong on the way here stops it.
    async fn settle(&self, scope: &Scope) -> FsResult<()> {
        if scope.0.failure.lock().is_some() {
            return Err(FsError::GeneralFailure);
        }
        self.tree.settle(&scope.0.source).await.map_err(|error| scope.fail(error))?;
        let replaced = scope.0.replaced.lock().clone();
        let Some(replaced) = replaced else { return Ok(()) };
        if self.tree.drop_held(&replaced.path).await {
            *scope.0.replaced.lock() = None;
        }
        Ok(())
    }

    /// Stored properties are worth less than the content they belong to.
    fn log(&self, result: Result<(), crate::state::Error>) {
        if let Err(error) = result {
            tracing::error!(%error, "stored properties could not be kept");
        }
    }

    async fn open_upload(&self, path: &DavPath, options: OpenOptions, scope: &Scope) -> FsResult<Box<dyn DavFile>> {
        let path = self.path(path, scope)?;
        let existing = match self.tree.stat(&path, Freshness::Cached).await {
            Ok(resource) => Some(resource),
            Err(drive::Error::NotFound) => None,
            Err(error) => return Err(scope.fail(error)),
        };
        match &existing {
            Some(resource) if resource.is_folder() => {
                let text = "this is a folder; a file cannot take its place";
                scope.refuse(Failure::new(http::StatusCode::METHOD_NOT_ALLOWED, text));
                return Err(FsError::GeneralFailure);
            }
            Some(_) if options.create_new => return Err(FsError::Exists),
            None if !options.create => return Err(FsError::NotFound),
            _ => {}
        }
        if self.tree.refuses(&path) {
            let text = "file managers' own files are refused here (upload.metadata_files)";
            scope.refuse(Failure::new(http::StatusCode::FORBIDDEN, text));
            return Err(FsError::GeneralFailure);
        }
        let size = scope.0.upload.size.or(options.size);
        if self.tree.keeps_here(&path) && scope.0.method == http::Method::PUT {
            let kept =
                Kept { adapter: self.clone(), scope: scope.clone(), path, size, content: Vec::new(), entry: None };
            return Ok(Box::new(kept));
        }
        let upload = self.tree.upload(&path, UploadOptions { size, ..scope.0.upload.clone() }).await;
        let mut upload = Some(upload.map_err(|error| scope.fail(error))?);
        let mut entry = None;
        if scope.0.method.as_str() == "LOCK" {
            // A lock on a name that is free makes an empty file there (RFC 4918, section 7.3).
            upload = None;
            entry = Some(self.tree.hold(&path).await.map_err(|error| scope.fail(error))?);
        }
        let old_id = existing.map(|resource| resource.entry.file_id.to_string());
        Ok(Box::new(Body { adapter: self.clone(), scope: scope.clone(), path, upload, entry, old_id }))
    }
}

impl GuardedFileSystem<Scope> for Adapter {
    fn open<'a>(&'a self, path: &'a DavPath, options: OpenOptions, scope: &'a Scope) -> FsFuture<'a, Box<dyn DavFile>> {
        Box::pin(self.open_upload(path, options, scope))
    }

    fn read_dir<'a>(
        &'a self,
        _path: &'a DavPath,
        _meta: ReadDirMeta,
        _scope: &'a Scope,
    ) -> FsFuture<'a, FsStream<Box<dyn DavDirEntry>>> {
        // Whole trees are changed in one call; there is nothing to walk.
        Box::pin(async { Ok(Box::pin(futures_util::stream::empty()) as FsStream<Box<dyn DavDirEntry>>) })
    }

    fn metadata<'a>(&'a self, path: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, Box<dyn DavMetaData>> {
        Box::pin(async move {
            let path = self.path(path, scope)?;
            let found = self.stat(&path, scope).await?;
            if scope.0.method.as_str() == "MOVE" && path != scope.0.source {
                // The same item under another spelling of its name is no destination that is taken.
                let source = self.tree.stat(&scope.0.source, Freshness::Cached).await;
                if source
                    .is_ok_and(|source| !found.entry.file_id.is_empty() && source.entry.file_id == found.entry.file_id)
                {
                    return Err(FsError::NotFound);
                }
            }
            Ok(Box::new(Meta(found.entry)) as Box<dyn DavMetaData>)
        })
    }

    fn create_dir<'a>(&'a self, path: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, ()> {
        Box::pin(async move {
            if scope.0.method.as_str() == "COPY" && !scope.0.depth_zero {
                return self.copy_to(path, scope).await;
            }
            let path = self.path(path, scope)?;
            match self.tree.stat(&path, Freshness::Cached).await {
                Ok(_) => return Err(FsError::Exists),
                Err(drive::Error::NotFound) => {}
                Err(error) => return Err(scope.fail(error)),
            }
            match self.tree.create_folder(&path).await {
                Err(drive::Error::NameExists) => return Err(FsError::Exists),
                made => made.map_err(|error| scope.fail(error))?,
            }
            if scope.0.method.as_str() == "COPY" {
                self.copy_stored(&self.stat(&scope.0.source, scope).await?, &path).await;
            }
            Ok(())
        })
    }

    fn remove_dir<'a>(&'a self, path: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, ()> {
        Box::pin(self.remove(path, scope))
    }

    fn remove_file<'a>(&'a self, path: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, ()> {
        Box::pin(self.remove(path, scope))
    }

    fn rename<'a>(&'a self, _from: &'a DavPath, to: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, ()> {
        Box::pin(async move {
            self.settle(scope).await?;
            let source = self.stat(&scope.0.source, scope).await?;
            let to = self.path(to, scope)?;
            let replaced = scope.0.replaced.lock().take();
            self.tree.relocate(&source, &to, replaced.as_ref()).await.map_err(|error| scope.fail_whole(error))?;
            if let Some(replaced) = replaced {
                self.log(self.stored.forget(&replaced.entry.file_id).await);
            }
            Ok(())
        })
    }

    fn copy<'a>(&'a self, _from: &'a DavPath, to: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, ()> {
        Box::pin(self.copy_to(to, scope))
    }
}

/// An entry as dav-server looks at it.
#[derive(Debug, Clone)]
struct Meta(Arc<Entry>);

impl DavMetaData for Meta {
    fn len(&self) -> u64 {
        self.0.size.unwrap_or(0)
    }

    fn modified(&self) -> FsResult<SystemTime> {
        Ok(UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0.modified_ms).unwrap_or(0)))
    }

    fn is_dir(&self) -> bool {
        self.0.is_folder()
    }

    fn etag(&self) -> Option<String> {
        // dav-server puts the quotes itself.
        self.0.etag().map(|tag| tag.trim_matches('"').to_owned())
    }
}

/// The body of a PUT on its way.
struct Body {
    adapter: Adapter,
    scope: Scope,
    path: Path,
    upload: Option<Upload>,
    entry: Option<Entry>,
    /// The file that the body replaces.
    old_id: Option<String>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").finish_non_exhaustive()
    }
}

impl DavFile for Body {
    fn metadata(&'_ mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        Box::pin(async {
            let entry = self.entry.clone().ok_or(FsError::GeneralFailure)?;
            Ok(Box::new(Meta(Arc::new(entry))) as Box<dyn DavMetaData>)
        })
    }

    fn write_buf(&'_ mut self, mut buf: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        self.write_bytes(bytes)
    }

    fn write_bytes(&'_ mut self, buf: Bytes) -> FsFuture<'_, ()> {
        Box::pin(async move {
            let upload = self.upload.as_mut().ok_or(FsError::GeneralFailure)?;
            upload.write(buf).await.map_err(|error| self.scope.fail(error))
        })
    }

    fn read_bytes(&'_ mut self, _count: usize) -> FsFuture<'_, Bytes> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn seek(&'_ mut self, _pos: std::io::SeekFrom) -> FsFuture<'_, u64> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn flush(&'_ mut self) -> FsFuture<'_, ()> {
        Box::pin(async {
            let Some(upload) = self.upload.take() else { return Ok(()) };
            // An empty file under a free name is most often the beginning of a save.
            let opening = upload.is_empty() && self.old_id.as_deref().is_none_or(|id| id.starts_with("held-"));
            let (adapter, path, old) = (self.adapter.clone(), self.path.clone(), self.old_id.take());
            let made = self.adapter.tree.see_through(async move {
                let entry = if opening { adapter.tree.hold(&path).await? } else { upload.finish().await? };
                if let Some(old) = old.filter(|old| **old != *entry.file_id) {
                    adapter.log(adapter.stored.follow(&old, &entry.file_id, false).await);
                }
                Ok(entry)
            });
            let made = made.await.and_then(|made: Result<Entry, drive::Error>| made);
            self.entry = Some(made.map_err(|error| self.scope.fail_whole(error))?);
            Ok(())
        })
    }
}

/// The body of a file manager's own file, which stays in the state store.
struct Kept {
    adapter: Adapter,
    scope: Scope,
    path: Path,
    size: Option<u64>,
    content: Vec<u8>,
    entry: Option<Entry>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

impl DavFile for Kept {
    fn metadata(&'_ mut self) -> FsFuture<'_, Box<dyn DavMetaData>> {
        Box::pin(async {
            let entry = self.entry.clone().ok_or(FsError::GeneralFailure)?;
            Ok(Box::new(Meta(Arc::new(entry))) as Box<dyn DavMetaData>)
        })
    }

    fn write_buf(&'_ mut self, mut buf: Box<dyn Buf + Send>) -> FsFuture<'_, ()> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        self.write_bytes(bytes)
    }

    fn write_bytes(&'_ mut self, buf: Bytes) -> FsFuture<'_, ()> {
        Box::pin(async move {
            if self.content.len() + buf.len() > drive::MAX_LOCAL {
                let text = "a file manager's own file of this size is not kept (upload.metadata_files)";
                self.scope.refuse(Failure::new(http::StatusCode::PAYLOAD_TOO_LARGE, text));
                return Err(FsError::TooLarge);
            }
            self.content.extend_from_slice(&buf);
            Ok(())
        })
    }

    fn read_bytes(&'_ mut self, _count: usize) -> FsFuture<'_, Bytes> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn seek(&'_ mut self, _pos: std::io::SeekFrom) -> FsFuture<'_, u64> {
        Box::pin(async { Err(FsError::NotImplemented) })
    }

    fn flush(&'_ mut self) -> FsFuture<'_, ()> {
        Box::pin(async {
            let received = self.content.len() as u64;
            if let Some(expected) = self.size.filter(|expected| *expected != received) {
                return Err(self.scope.fail(drive::Error::Length { expected, received }));
            }
            let content = std::mem::take(&mut self.content);
            let kept = self.adapter.tree.keep_here(&self.path, content).await;
            self.entry = Some(kept.map_err(|error| self.scope.fail(error))?);
            Ok(())
        })
    }
}
