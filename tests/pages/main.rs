//! The pages as a person meets them: in Chromium, over a running server and a running simulator.
//!
//! Needs `chromium` and `chromium-driver`, and one test axe-core, which `tests/tools.sh` fetches. Each test ends with
//! looking at what the browser has complained of and where it has been: see [`browser::Browser::finish`].

#![expect(clippy::unwrap_used, reason = "tests")]

mod browse;
mod browser;
mod commands;
#[path = "../it/harness.rs"]
#[allow(dead_code, reason = "what only the other target uses")]
mod harness;
mod hostile;
mod instances;
mod jobs;
mod keys;
mod looks;
mod mouse;
mod names;
#[path = "../it/pair.rs"]
#[allow(dead_code, reason = "what only the other target uses")]
mod pair;
mod play;
mod seen;
mod sign_in;
mod stars;
mod states;
mod upload;
mod world;
