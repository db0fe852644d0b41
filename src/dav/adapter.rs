//! The tree as dav-server's file system, for the methods that change something.
//!
//! dav-server walks trees and deletes before it acts; the drive moves a whole tree in one call and alidav
//! removes last. So the request's [`Scope`] tells what is going on: the walker is shown no children, and a
//! destination that is to be replaced is only marked. What went wrong is left in the scope, because
//! dav-server's own errors cannot say it.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavMetaData, FsError, FsFuture, FsResult, FsStream, GuardedFileSystem, OpenOptions,
    ReadDirMeta,
};
use parking_lot::Mutex;

use super::error::Failure;
use super::incoming::{Incoming, Sink};
use super::stored::Stored;
use crate::drive::{self, Entry, Freshness, Path, Resource, Tree, UploadOptions};

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
    /// What is at the destination may be replaced.
    pub(super) overwrite: bool,
    pub(super) upload: UploadOptions,
    /// What the destination held before; goes when the new is in place.
    pub(super) replaced: Mutex<Option<Resource>>,
    /// What went wrong.
    pub(super) failure: Arc<Mutex<Option<Failure>>>,
}

impl Scope {
    /// Remembers the exact failure; dav-server gets a word for it.
    pub(super) fn fail(&self, error: drive::Error) -> FsError {
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
    pub(super) fn fail_whole(&self, error: drive::Error) -> FsError {
        self.refuse(Failure::from(error));
        FsError::GeneralFailure
    }

    pub(super) fn refuse(&self, failure: Failure) {
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
    pub(super) fn log(&self, result: Result<(), crate::state::Error>) {
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
        let here = self.tree.keeps_here(&path) && scope.0.method == http::Method::PUT;
        let sink = if here {
            Sink::Here { size, content: Vec::new() }
        } else {
            let options = UploadOptions { size, ..scope.0.upload.clone() };
            let upload = self.tree.upload(&path, options).await.map_err(|error| scope.fail(error))?;
            if scope.0.method.as_str() == "LOCK" {
                // A lock on a name that is free makes an empty file there (RFC 4918, section 7.3).
                Sink::Done(Some(self.tree.hold(&path).await.map_err(|error| scope.fail(error))?))
            } else {
                let old_id = existing.map(|resource| resource.entry.file_id.to_string());
                Sink::Drive { upload: Box::new(upload), old_id }
            }
        };
        Ok(Box::new(Incoming { adapter: self.clone(), scope: scope.clone(), path, sink }))
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
            let mut replaced = scope.0.replaced.lock().take();
            let mut moved = self.tree.relocate(&source, &to, replaced.as_ref()).await;
            if matches!(moved, Err(drive::Error::NameExists)) && scope.0.overwrite {
                // Somebody else has put it there since the folder was listed.
                replaced =
                    Some(self.tree.stat(&to, Freshness::Refresh).await.map_err(|error| scope.fail_whole(error))?);
                moved = self.tree.relocate(&source, &to, replaced.as_ref()).await;
            }
            moved.map_err(|error| scope.fail_whole(error))?;
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
pub(super) struct Meta(pub(super) Arc<Entry>);

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
