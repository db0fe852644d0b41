//! alidav serves a person's Aliyundrive as WebDAV.
//!
//! The layers, from the ground up, each knowing only those before it: [`clock`], [`digest`], [`backoff`], [`calls`],
//! [`waits`], [`meters`], [`percent`], [`log_tail`] and [`version`] (what everybody needs), [`config`] (settings), [`state`] (the embedded
//! store), [`link`] (which way a download goes, signed addresses), [`upstream`] (the drive's HTTP API), [`drive`] (one tree of paths over
//! it), then [`protocol`] (what its users share of HTTP), side by side [`dav`] and [`web`], [`server`] over both, and
//! [`cli`]. [`sim`] stands beside all of them: a stand-in for the service.

pub mod backoff;
pub mod calls;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dav;
pub mod digest;
pub mod drive;
pub mod link;
pub mod log_tail;
pub mod meters;
pub mod percent;
pub mod protocol;
pub mod server;
pub mod sim;
pub mod state;
pub mod upstream;
pub mod version;
pub mod waits;
pub mod web;
