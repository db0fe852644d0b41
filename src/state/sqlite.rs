//! The store on SQLite, a file an operation's subject.

pub(super) mod drives;
pub(super) mod hashes;
pub(super) mod held;
mod link_key;
pub(super) mod locks;
mod open;
pub(super) mod properties;
pub(super) mod removals;
pub(super) mod sessions;
pub(super) mod tokens;
pub(super) mod uploads;
