//! The drive's HTTP API, one typed function per call.
//!
//! Answers for tokens, pacing, retries and the classification of every failure. Only this module
//! knows the service's URLs and JSON. It refuses to know paths of the served tree, caches or
//! WebDAV: callers speak in drive ids and file ids.

mod auth;
mod classify;
mod client;
mod data;
mod data_error;
mod error;
mod jwt;
mod lineage;
mod outbound;
mod pacer;
pub mod proof;
mod read;
mod remedy;
mod retry;
mod signed_url;
mod signin;
mod signin_error;
mod signin_form;
mod token_source;
mod token_status;
mod token_words;
mod transport;
mod types;
mod upkeep;
mod wire;
mod write;

pub use client::Client;
pub use data::{DataBody, DataHost, LARGEST_FRAME};
pub use data_error::{DataError, DataErrorKind};
pub use error::{Error, ErrorKind};
pub use remedy::GRANT_DRIVE;
pub use signed_url::{Life, Signature, SignedUrl};
pub use signin::{Code, Progress, SignIn, SignedIn};
pub use signin_error::{SignInError, SignInErrorKind};
pub use token_status::TokenStatus;
pub use types::*;
