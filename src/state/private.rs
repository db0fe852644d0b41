//! The store's files: their owner's alone, who is whom their folder belongs to.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens a file, and makes it where it does not exist.
///
/// One that root makes in another's folder is that other's, who could not open it otherwise: `check` and `login` are
/// run by root on a machine whose service has a user of its own.
pub(super) fn open(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.clone().create_new(true).open(file) {
        Ok(made) => {
            #[cfg(unix)]
            give_to_folders_owner(&made, file);
            Ok(made)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => options.create(true).open(file),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn give_to_folders_owner(made: &File, file: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let (Ok(folder), Ok(file)) = (folder.metadata(), made.metadata())
        && folder.uid() != file.uid()
    {
        // Who is not root cannot, and keeps it.
        fchown(made, Some(folder.uid()), Some(folder.gid())).ok();
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, chown};

    use crate::config::StateLocation;
    use crate::state::store::Store;

    // Keeps 166.
    #[tokio::test]
    async fn what_root_makes_belongs_to_whom_the_folder_belongs_to() {
        const SERVICE: u32 = 4711;
        let folder = tempfile::tempdir().unwrap();
        if chown(folder.path(), Some(SERVICE), Some(SERVICE)).is_err() {
            // Only root can try.
            return;
        }
        let store = Store::open(&StateLocation::File(folder.path().join("state.db"))).await.unwrap();
        let _alone = store.serve_alone().unwrap();
        store.try_write().await.unwrap();
        let mut names = Vec::new();
        for entry in folder.path().read_dir().unwrap() {
            let (name, metadata) = { entry }.map(|entry| (entry.file_name(), entry.metadata().unwrap())).unwrap();
            assert_eq!(
                (metadata.uid(), metadata.gid(), metadata.mode() & 0o777),
                (SERVICE, SERVICE, 0o600),
                "{name:?}"
            );
            names.push(name.into_string().unwrap());
        }
        names.sort();
        assert_eq!(names, ["state.db", "state.db-shm", "state.db-wal", "state.db.lock"]);
    }
}
