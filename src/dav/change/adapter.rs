//! The tree as dav-server's file system, for the methods that change something.
//!
//! dav-server walks trees, looks and deletes before it acts; the drive moves a whole tree in one call, and the tree looks
//! and removes in its own turn. So the request's [`Scope`] tells what is going on: the walker is shown no children, and
//! the removal of a destination before a COPY or MOVE does nothing. What was done and what went wrong is left in the
//! scope: dav-server cannot know the one and its errors cannot say the other.

use std::sync::Arc;

use dav_server::davpath::DavPath;
use dav_server::fs::{
    DavDirEntry, DavFile, DavMetaData, FsError, FsFuture, FsResult, FsStream, GuardedFileSystem, OpenOptions,
    ReadDirMeta,
};

use crate::dav::change::incoming::{Incoming, Sink};
use crate::dav::change::scope::{Meta, Scope};
use crate::dav::error::Failure;
use crate::dav::store::dead_properties::{DeadProperties, log_failure};
use crate::drive::{self, Expected, Freshness, Origin, Path, Placed, Resource, Tree, UploadOptions};

/// dav-server's view of the tree; cheap to clone.
#[derive(Clone)]
pub(super) struct Adapter {
    pub(super) tree: Tree,
    pub(super) stored: Arc<DeadProperties>,
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
        if scope.0.method != http::Method::DELETE {
            return Ok(());
        }
        let path = self.path(path, scope)?;
        let gone = self.tree.remove(&path, &scope.0.expected).await.map_err(|error| scope.fail(error))?;
        for entry in gone {
            log_failure(self.stored.forget(&entry.file_id).await);
        }
        Ok(())
    }

    async fn copy_to(&self, to: &DavPath, scope: &Scope) -> FsResult<()> {
        scope.unharmed()?;
        let to = self.path(to, scope)?;
        let copied = self.tree.copy(&scope.0.source, &to, &scope.terms()).await;
        let placed = copied.map_err(|error| scope.fail_whole(error))?;
        self.forget_replaced(&placed).await;
        // A copy has the stored properties of its source (RFC 4918, section 9.8.2).
        if let Some(source) = &placed.copy_of {
            log_failure(self.stored.follow(source, &placed.entry.file_id, true).await);
        }
        scope.placed(&placed);
        Ok(())
    }

    async fn forget_replaced(&self, placed: &Placed) {
        if let Some(replaced) = placed.replaced.as_ref().filter(|replaced| **replaced != placed.entry.file_id) {
            log_failure(self.stored.forget(replaced).await);
        }
    }

    async fn open_upload(&self, path: &DavPath, options: OpenOptions, scope: &Scope) -> FsResult<Box<dyn DavFile>> {
        let path = self.path(path, scope)?;
        if self.tree.refuses(&path) {
            let text = "file managers' own files are refused here (upload.metadata_files)";
            scope.refuse(Failure::new(http::StatusCode::FORBIDDEN, text));
            return Err(FsError::GeneralFailure);
        }
        let sink = match scope.0.method.as_str() {
            "LOCK" => self.locked_into_being(&path, scope).await?,
            _ => self.begin(&path, options, scope).await?,
        };
        Ok(Box::new(Incoming {
            tree: self.tree.clone(),
            stored: self.stored.clone(),
            scope: scope.clone(),
            path,
            sink,
        }))
    }

    /// A lock on a name that is free makes an empty file there (RFC 4918, section 7.3). Whether it is free the tree
    /// says; dav-server takes every error for "nothing is there".
    async fn locked_into_being(&self, path: &Path, scope: &Scope) -> FsResult<Sink> {
        let held = self.tree.hold(path, &Expected::Anything).await.map_err(|error| scope.fail(error))?;
        *scope.0.made.lock() = Some(held.as_ref().is_some_and(|placed| placed.replaced.is_none()));
        Ok(Sink::Done(held.map(|placed| placed.entry)))
    }

    async fn begin(&self, path: &Path, options: OpenOptions, scope: &Scope) -> FsResult<Sink> {
        let existing = match self.tree.stat(path, Freshness::Cached).await {
            Ok(resource) => Some(resource.entry),
            Err(drive::Error::NotFound) => None,
            Err(error) => return Err(scope.fail(error)),
        };
        if existing.as_ref().is_some_and(|entry| entry.is_folder()) {
            let text = "this is a folder; a file cannot take its place";
            scope.refuse(Failure::new(http::StatusCode::METHOD_NOT_ALLOWED, text));
            return Err(FsError::GeneralFailure);
        }
        let size = scope.0.upload.size.or(options.size);
        if self.tree.keeps_here(path) {
            return Ok(Sink::Here { size, content: Vec::new() });
        }
        let options = UploadOptions { size, ..scope.0.upload.clone() };
        let upload = self.tree.upload(path, options).await.map_err(|error| scope.fail(error))?;
        let free = existing.is_none_or(|entry| entry.origin == Origin::Held);
        Ok(Sink::Drive { upload: Box::new(upload), free })
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
                let (source, copy) = (self.stat(&scope.0.source, scope).await?, self.stat(&path, scope).await?);
                log_failure(self.stored.follow(&source.entry.file_id, &copy.entry.file_id, true).await);
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
            scope.unharmed()?;
            let to = self.path(to, scope)?;
            let moved = self.tree.relocate(&scope.0.source, &to, &scope.terms()).await;
            let placed = moved.map_err(|error| scope.fail_whole(error))?;
            self.forget_replaced(&placed).await;
            scope.placed(&placed);
            Ok(())
        })
    }

    fn copy<'a>(&'a self, _from: &'a DavPath, to: &'a DavPath, scope: &'a Scope) -> FsFuture<'a, ()> {
        Box::pin(self.copy_to(to, scope))
    }
}
