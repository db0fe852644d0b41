//! What several methods read from a request: headers, conditions and XML, strictly and within bounds.

pub(super) mod body;
pub(super) mod conditions;
pub(super) mod depth;
pub(super) mod headers;
mod if_header;
pub(super) mod preconditions;
pub(super) mod xml;
