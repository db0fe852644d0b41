//! Faults as data: which call goes wrong, when, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One planned fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Endpoint as counted (`openFile/list`, `data GET`, …), or `*` for all.
    pub call: String,
    /// Skips this many matching calls first.
    #[serde(default)]
    pub skip: u64,
    /// How many calls fail.
    #[serde(default = "once")]
    pub times: u64,
    /// How.
    pub kind: FaultKind,
}

fn once() -> u64 {
    1
}

impl Fault {
    /// The next call of the endpoint fails.
    #[must_use]
    pub fn once(call: &str, kind: FaultKind) -> Self {
        Self { call: call.to_owned(), skip: 0, times: 1, kind }
    }

    /// All calls of the endpoint fail.
    #[must_use]
    pub fn always(call: &str, kind: FaultKind) -> Self {
        Self { times: u64::MAX, ..Self::once(call, kind) }
    }

    /// Lets `calls` matching calls pass first.
    #[must_use]
    pub fn after(self, calls: u64) -> Self {
        Self { skip: calls, ..self }
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// An error body with this code.
    Code {
        /// HTTP status.
        status: u16,
        /// The service's code.
        code: String,
        /// `x-retry-after` in milliseconds.
        #[serde(default)]
        retry_after_ms: Option<u64>,
    },
    /// Any text instead of the answer: a web page, plain words, or nothing.
    Text {
        /// HTTP status.
        status: u16,
        /// The body.
        body: String,
    },
    /// The body is cut off after so many bytes and the connection closed.
    Cut {
        /// Bytes that still arrive.
        after: u64,
    },
    /// So many bytes arrive, then nothing until the client leaves.
    Stall {
        /// Bytes that still arrive.
        after: u64,
    },
    /// The answer comes so much later.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
    /// No answer until the client leaves; nothing is done.
    Hang,
    /// The connection closes before anything is done.
    CloseBefore,
    /// The call is acted upon and its answer lost.
    CloseAfter,
    /// An answer that breaks off in mid-JSON.
    BrokenJson,
    /// An object whose every field is null.
    AllNull,
    /// These fields are null.
    Null {
        /// Their names.
        fields: Vec<String>,
    },
    /// A data GET says that the link has expired.
    ExpireLink,
    /// A data GET answers with another entity's validators.
    DifferentEntity,
    /// A data GET ignores the range: 200 and the whole.
    IgnoreRange,
    /// A data GET sends on, to the same URL.
    Redirect,
    /// A data GET claims that its bytes are compressed.
    Encoded,
}

/// Planned faults and the counts of calls.
#[derive(Debug, Default)]
pub(in crate::sim) struct Ledger {
    faults: Vec<Fault>,
    calls: BTreeMap<String, u64>,
    refused: Refused,
}

/// What was refused since the last reset, planned faults not counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Calls beyond the rate.
    pub calls: u64,
    /// Bodies beyond those that a user may have open.
    pub downloads: u64,
    /// Refresh tokens that had been used.
    pub spent_tokens: u64,
}

impl Ledger {
    pub(in crate::sim) fn plan(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(in crate::sim) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(in crate::sim) fn reset(&mut self) {
        self.calls.clear();
        self.refused = Refused::default();
    }

    /// Counts a refusal.
    pub(in crate::sim) fn refuse(&mut self, count: impl FnOnce(&mut Refused)) {
        count(&mut self.refused);
    }

    pub(in crate::sim) fn refused(&self) -> Refused {
        self.refused
    }

    pub(in crate::sim) fn calls(&self) -> BTreeMap<String, u64> {
        self.calls.clone()
    }

    /// Counts a call and says what goes wrong with it.
    pub(in crate::sim) fn enter(&mut self, call: &str) -> Option<FaultKind> {
        *self.calls.entry(call.to_owned()).or_default() += 1;
        let mut hit = None;
        for fault in self.faults.iter_mut().filter(|f| f.call == "*" || f.call == call) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 && hit.is_none() {
                fault.times -= 1;
                hit = Some(fault.kind.clone());
            }
        }
        self.faults.retain(|fault| fault.times > 0);
        hit
    }
}
