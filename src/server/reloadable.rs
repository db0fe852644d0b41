//! What may be replaced while the server runs.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio_rustls::TlsAcceptor;

use crate::server::route::App;

/// What new connections and requests are answered with.
pub(super) struct Reloadable {
    app: RwLock<Arc<App>>,
    acceptor: RwLock<Option<TlsAcceptor>>,
}

impl Reloadable {
    pub(super) fn new(app: App, acceptor: Option<TlsAcceptor>) -> Self {
        Self { app: RwLock::new(Arc::new(app)), acceptor: RwLock::new(acceptor) }
    }

    pub(super) fn app(&self) -> Arc<App> {
        self.app.read().clone()
    }

    pub(super) fn acceptor(&self) -> Option<TlsAcceptor> {
        self.acceptor.read().clone()
    }

    /// For requests from now on.
    pub(super) fn put_app(&self, app: App) {
        *self.app.write() = Arc::new(app);
    }

    /// For connections from now on.
    pub(super) fn put_acceptor(&self, acceptor: Option<TlsAcceptor>) {
        *self.acceptor.write() = acceptor;
    }
}
