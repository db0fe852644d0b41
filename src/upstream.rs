//! The drive's HTTP API, one typed function per call.
//!
//! Answers for tokens, pacing, retries and the classification of every failure. Only this module
//! knows the service's URLs and JSON. It refuses to know paths of the served tree, caches or
//! WebDAV: callers speak in drive ids and file ids.
//!
//! From the ground up: `error`, `types` and `signed_url` are what everything speaks in, `http` sends one request, `auth`
//! keeps the tokens, `client` is the loop around both, `api` has a function for each call, `data` carries the bytes,
//! and `signin` gets an account its first tokens.

mod api;
mod auth;
mod client;
mod data;
mod error;
mod films;
mod http;
mod pacer;
mod playlist;
mod remedy;
mod signed_url;
mod signin;
mod types;

pub use api::MAX_BATCH;
pub use auth::keeper::RENEWAL;
pub use auth::sign_in_error::{SignInError, SignInErrorKind};
pub use auth::status::TokenStatus;
pub use client::Client;
pub use client::troubles::Trouble;
pub use data::body::DataBody;

pub use data::error::{DataError, DataErrorKind};
pub use data::preview::SegmentBody;
pub use data::{DataHost, LARGEST_FRAME};
pub use error::{Error, ErrorKind};
pub use films::{Picture, PlayInfo, Played, Rendition, RenditionState, Subtitle};
pub use http::trust::client_tls;
pub use playlist::Playlist;
pub use remedy::GRANT_DRIVE;
pub use signed_url::{Life, Signature, SignedUrl};
pub use signin::{Code, Progress, SignIn, SignedIn};
pub use types::*;
