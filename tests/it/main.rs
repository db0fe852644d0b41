//! alidav from outside: a running server over a running simulator, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "tests")]
// The compiler goes down through all that a test awaits, which is a whole server.
#![recursion_limit = "256"]

mod across;
mod across_again;
mod budget;
mod chunks;
mod commands;
mod conditions;
mod copy;
mod copy_drives;
mod copy_from;
mod copy_resume;
mod copy_waits;
mod crates;
mod data_hosts;
mod deliveries;
mod documents;
mod downloads;
mod drives;
mod export;
mod faults;
mod film_pages;
mod films;
mod harness;
mod hostile;
mod instances;
mod instances_removals;
mod instances_seen;
mod killed;
mod layers;
mod link_life;
mod links;
mod listings;
mod managers;
mod model;
mod origins;
mod outbound;
mod pages;
mod pair;
mod postgres_away;
mod preview_host;
mod process;
mod properties;
mod reload;
mod removals;
mod round_robin;
mod server;
mod service;
mod signin;
mod small_files;
mod state_copy;
mod streaming;
mod token_servers;
mod tokens;
mod turns;
mod upload_memory;
mod uploads;
mod views;
mod watch;
mod writing;
