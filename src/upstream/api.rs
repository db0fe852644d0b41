//! The calls of the drive, one function each, on [`Client`](super::Client).

mod account;
mod changes;
mod items;
mod proof;
mod video;
pub(super) mod wire;
pub(super) mod wire_account;
mod wire_video;

pub use video::MAX_BATCH;
