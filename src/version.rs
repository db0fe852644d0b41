//! Which alidav this is, in one place: what `--version`, the log, `/api/status` and `/metrics` say of it.
//!
//! The commit comes from `build.rs`; it is not known where neither git nor the packager told it.

/// The version of the release.
pub const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// The commit it is built of, as short as git writes it; empty where that is not known.
pub const COMMIT: &str = env!("BUILT_COMMIT");

/// For people: the number, with commit and day (UTC) where they are known, such as `0.1.0 (d8b6bf8 2026-11-26)`.
pub const WORDS: &str = env!("BUILT_VERSION");
