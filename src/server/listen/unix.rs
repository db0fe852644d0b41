//! Unix sockets: their names are files, which outlive the process that made them.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use tokio::net::{UnixListener, UnixSocket, UnixStream};

/// A socket that a dead process left behind is replaced. One that answers is not, nor is anything else of
/// that name.
pub(super) async fn bind(path: &Path, backlog: u32) -> io::Result<UnixListener> {
    match listen(path, backlog) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
            let dead = is_socket(path)? && UnixStream::connect(path).await.is_err_and(refused);
            if !dead {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            listen(path, backlog)
        }
        result => result,
    }
}

fn listen(path: &Path, backlog: u32) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    socket.listen(backlog)
}

fn is_socket(path: &Path) -> io::Result<bool> {
    Ok(std::fs::symlink_metadata(path)?.file_type().is_socket())
}
