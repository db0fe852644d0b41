//! How long things are waited for where no setting says so.
//!
//! Each number has a reason that does not change from one installation to the next, so none of them is a key of the
//! file. They are handed in, so that whoever tests a wait need not sit through it.

use std::time::Duration;

/// The waits of a run; [`Timeouts::default`] is what the program uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A connection on which no request is complete and none runs is closed after this time: 30 s.
    pub request_head: Duration,
    /// Longest TLS handshake: 10 s.
    pub handshake: Duration,
    /// Longest wait for another process that holds the state store: 5 s.
    pub store_busy: Duration,
    /// Longest silence of a download's body while its reader waits: 20 s.
    pub silent_body: Duration,
    /// First pause before a download's body is opened again; it doubles up to 3 s: 100 ms.
    pub first_reopening: Duration,
    /// A client that takes nothing for this long has paused, and its slot may go to one that waits: 10 s.
    pub paused_client: Duration,
    /// First pause before a failed call is sent again; it doubles: 500 ms. The service names no wait of its own for
    /// most failures (reference 4.2).
    pub first_retry: Duration,
    /// The same after a 429 without a wait of its own: 1 s.
    pub first_throttled_retry: Duration,
    /// First pause before a part of an upload is sent again; it doubles up to 5 s: 300 ms.
    pub first_part_retry: Duration,
    /// First pause after a commit whose answer was lost, for the drive may still be at it; it doubles up to 2 s: 500 ms.
    pub first_commit_retry: Duration,
    /// The service is asked at most this often how one sign-in stands, however often the page asks: 1 s.
    pub sign_in_poll: Duration,
    /// Least time between an attempt to renew the tokens whose end is unknown and the next: 5 s.
    pub unclear_renewal: Duration,
    /// Least time between attempts at token servers that could not be reached or refused to act: 1 s.
    pub failed_renewal: Duration,
    /// Longest a request waits for the removal of what it replaced, before that goes on in the background: 5 s.
    pub removal_try: Duration,
    /// First pause before something hidden is to be removed again; it doubles: 1 s.
    pub first_removal: Duration,
    /// An upload in chunks that nobody goes on with is kept for this time, as Nextcloud does: a day.
    pub unfinished_upload: Duration,
    /// Longest a request waits for such an upload to be put together, before the client is asked to come again: 45 s.
    /// Proxies give a request up after a minute, some after 100 seconds.
    pub assembly_answer: Duration,
    /// How long an instance that shares the state store counts as living after its last sign of life: its open downloads
    /// and unfinished work are the others' then: 15 s.
    pub instance_life: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_head: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            store_busy: Duration::from_secs(5),
            silent_body: Duration::from_secs(20),
            first_reopening: Duration::from_millis(100),
            paused_client: Duration::from_secs(10),
            first_retry: Duration::from_millis(500),
            first_throttled_retry: Duration::from_secs(1),
            first_part_retry: Duration::from_millis(300),
            first_commit_retry: Duration::from_millis(500),
            sign_in_poll: Duration::from_secs(1),
            unclear_renewal: Duration::from_secs(5),
            failed_renewal: Duration::from_secs(1),
            removal_try: Duration::from_secs(5),
            first_removal: Duration::from_secs(1),
            unfinished_upload: Duration::from_secs(24 * 3600),
            assembly_answer: Duration::from_secs(45),
            instance_life: Duration::from_secs(15),
        }
    }
}
