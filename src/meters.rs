//! The metrics that alidav keeps: each declared once, with its kind, unit, labels and meaning.
//!
//! Whoever counts names a metric by its constant; `server::metrics` describes all of [`ALL`] to the recorder, and
//! `docs/metrics.md` lists them. Knows neither values nor the recorder.

use metrics::Unit;

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from zero at the start.
    Counter,
    /// It is what it is at the moment.
    Gauge,
    /// How often a value fell within each bound.
    Histogram,
}

/// A metric as it is declared.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    /// The whole name, with the unit and `_total` for counters as Prometheus has it. Those of the process bear the names
    /// that Prometheus gives them in every program.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// The labels that each of its series has.
    pub labels: &'static [&'static str],
    /// What it tells, in one sentence.
    pub meaning: &'static str,
}

macro_rules! meters {
    ($($constant:ident = $name:literal $kind:ident $unit:ident [$($label:literal),*] $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            // There nothing tells of the process.
            #[cfg_attr(target_os = "macos", allow(dead_code))]
            pub(crate) const $constant: &str = $name;
        )*

        /// Every metric, in the order of a request's way.
        pub const ALL: &[Meter] = &[$(Meter {
            name: $name, kind: Kind::$kind, unit: Unit::$unit, labels: &[$($label),*], meaning: $meaning,
        }),*];
    };
}

meters! {
    CONNECTIONS = "alidav_connections" Gauge Count [] "Open connections of clients.";
    CONNECTIONS_CLOSED = "alidav_connections_closed_for_others_total" Counter Count [] "Connections without a request that were closed for newcomers.";
    REQUESTS_RUNNING = "alidav_requests_running" Gauge Count [] "Requests under way, each until the end of its answer.";
    REQUESTS = "alidav_requests_total" Counter Count ["method", "status"] "Requests answered; methods that nobody knows count as other.";
    REQUEST_SECONDS = "alidav_request_seconds" Histogram Seconds [] "Time from a request's head to the end of the answer.";
    RECEIVED_BYTES = "alidav_received_bytes_total" Counter Bytes [] "Bytes of request bodies.";
    SENT_BYTES = "alidav_sent_bytes_total" Counter Bytes [] "Bytes of answers' bodies.";
    LISTING_LOOKUPS = "alidav_listing_lookups_total" Counter Count ["outcome"] "Listings asked for: answered from memory (hit), old while a new one is fetched (stale), fetched anew since another program changed the folder (outdated), fetched (fetch), fetched in advance (ahead).";
    WATCH_SEARCHES = "alidav_watch_searches_total" Counter Count ["outcome"] "Searches for what other programs changed: ok, failed, left out.";
    WATCH_OUTDATED = "alidav_watch_outdated_total" Counter Count [] "Folders to be listed again since a search found something new in them.";
    DOWNLOAD_BODIES = "alidav_download_bodies" Gauge Count [] "Open downloads from the drive.";
    DOWNLOAD_WAITING = "alidav_download_waiting" Gauge Count [] "Requests that wait for a free download.";
    DOWNLOAD_MEMORY = "alidav_download_memory_bytes" Gauge Bytes [] "What all downloads hold in memory.";
    DOWNLOAD_EDGES = "alidav_download_edges_total" Counter Count [] "Reads answered from the kept heads and tails of films.";
    LINKS_SPARED = "alidav_links_spared_total" Counter Count [] "Small files read without a call for a link.";
    ADDRESS_FAILURES = "alidav_address_failures_total" Counter Count ["reason"] "Listed addresses of small files that did not do, and why.";
    UPLOAD_MEMORY = "alidav_upload_memory_bytes" Gauge Bytes [] "What all uploads hold in memory.";
    PART_RETRIES = "alidav_part_retries_total" Counter Count [] "Parts of uploads that were sent again.";
    REMOVALS_PENDING = "alidav_removals_pending" Gauge Count ["account"] "Replaced versions and leftovers that are hidden and wait to be removed.";
    REMOVALS = "alidav_removals_total" Counter Count ["reason", "outcome"] "Removals that came to an end: done, or kept since another program has changed the item.";
    REMOVALS_FAILED = "alidav_removals_failed_total" Counter Count ["reason"] "Tries to remove that the drive refused.";
    UPSTREAM_RUNNING = "alidav_upstream_running" Gauge Count [] "Calls to and transfers with the drive and token servers under way, each until the end of its answer.";
    UPSTREAM_CALLS = "alidav_upstream_calls_total" Counter Count ["endpoint", "outcome"] "Calls to the drive.";
    UPSTREAM_CALL_SECONDS = "alidav_upstream_call_seconds" Histogram Seconds ["endpoint"] "Time of a call to the drive, without the wait for its turn.";
    UPSTREAM_WAIT_SECONDS = "alidav_upstream_wait_seconds" Histogram Seconds ["class"] "Wait of a call for its turn in the rate.";
    UPSTREAM_WAITING = "alidav_upstream_waiting" Gauge Count ["class"] "Calls that wait for their turn.";
    DATA_REQUESTS = "alidav_data_requests_total" Counter Count ["method"] "Transfers from and to the drive's data host.";
    TOKEN_RENEWALS = "alidav_token_renewals_total" Counter Count ["outcome"] "Uses of a refresh token: granted, refused, not acted, unclear.";
    TOKEN_EXPIRES = "alidav_token_expires_in_seconds" Gauge Seconds ["account", "token"] "What is left of the access token's and the refresh token's life; not a number where nothing is known.";
    SIGN_IN_NEEDED = "alidav_sign_in_needed" Gauge Count ["account"] "1 if a person has to sign in now.";
    SIGN_IN_DUE = "alidav_sign_in_due" Gauge Count ["account"] "1 if a person has to sign in within 14 days.";
    STORE_FAILURES = "alidav_store_failures_total" Counter Count [] "Statements of the state store that failed, for a full disk or a file that cannot be written.";
    SIGN_IN_LEFT = "alidav_sign_in_left_seconds" Gauge Seconds ["account"] "What is left until a person has to sign in, if no renewal succeeds; not a number where nothing is known.";
    INSTANCE_INFO = "alidav_instance_info" Gauge Count ["name"] "Always 1: what this server is called among those that share its database; absent where the state is a file. Not `instance`: that label Prometheus sets itself, to the address that it asks.";
    INSTANCES = "alidav_instances" Gauge Count [] "Servers that shared the database when this one last reached it, itself among them; absent where the state is a file.";
    INSTANCE_UNSEEN = "alidav_instance_unseen_seconds" Gauge Seconds [] "Time since this server last gave the others a sign of life in the database; after 15 seconds they take it for dead.";
    BUILD_INFO = "alidav_build_info" Gauge Count ["version", "commit"] "Always 1: which alidav runs. The commit is blank where it is not known.";
    PROCESS_CPU = "process_cpu_seconds_total" Counter Seconds [] "Time of processors that the process has used, in whole seconds.";
    PROCESS_MEMORY = "process_resident_memory_bytes" Gauge Bytes [] "Memory that the process has in use.";
    PROCESS_FILES = "process_open_fds" Gauge Count [] "Files and sockets that the process has open.";
    PROCESS_MOST_FILES = "process_max_fds" Gauge Count [] "How many of them it may open; 0 without a bound.";
    PROCESS_START = "process_start_time_seconds" Gauge Seconds [] "When the process was started, in seconds since 1970.";
}
