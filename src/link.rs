//! Which way a download goes, and the signatures of links.
//!
//! Pure: no call, no clock, no cache. Answers for the choice between the three policies, for the
//! text of signs and proxy URLs as AList's and OpenList's published proxies expect them, and for signed addresses of
//! our own.

mod addresses;
mod programs;
mod proxy_url;
mod rules;
pub mod sign;

pub use addresses::{Addresses, verify_film};
pub use proxy_url::proxy_url;
pub use rules::{Client, Rules};
