//! What clients keep on the tree and the drive does not: locks and stored properties.

pub(super) mod dead_properties;
pub(super) mod locks;
pub(super) mod unfinished;
