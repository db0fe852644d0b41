//! alidav serves a person's Aliyundrive as WebDAV.
//!
//! The layers, each knowing only those named after it: [`config`] (settings), [`state`] (the
//! embedded store), [`upstream`] (the drive's HTTP API), [`drive`] (one tree of paths over it),
//! and above them the protocol. [`sim`] stands beside all of them: a stand-in for the service.

pub mod cli;
pub mod config;
pub mod dav;
pub mod drive;
pub mod link;
pub mod server;
pub mod sim;
pub mod state;
pub mod upstream;
pub mod web;
