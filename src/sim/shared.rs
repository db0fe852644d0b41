//! What all connections of a simulator share.

use std::sync::atomic::AtomicUsize;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::sim::levers::gate::Gates;
use crate::sim::world::World;

pub(super) struct Shared {
    pub(super) world: Mutex<World>,
    pub(super) gates: Mutex<Gates>,
    /// Calls that wait at gates.
    pub(super) held: AtomicUsize,
    /// Open download bodies of all users.
    pub(super) downloads: watch::Sender<usize>,
}
