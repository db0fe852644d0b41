//! The calls of the drive, one function each, on [`Client`](super::Client).

mod account;
mod changes;
mod items;
mod proof;
pub(super) mod wire;
