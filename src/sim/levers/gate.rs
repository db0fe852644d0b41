//! Gates: calls that wait until a test lets them go, so that it alone decides in which order they act and are
//! answered.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::sim::levers::fault::FaultKind;

/// Where a call waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// It has arrived and has not acted.
    Start,
    /// It has acted, or was refused, and its answer is not on its way yet.
    End,
}

/// A gate at which calls of one kind wait; when it is dropped they all go on, and later ones do not stop.
#[derive(Debug)]
pub struct Gate {
    arrivals: mpsc::UnboundedReceiver<HeldCall>,
}

impl Gate {
    /// Waits for the next call that arrives.
    pub async fn arrival(&mut self) -> HeldCall {
        match self.arrivals.recv().await {
            Some(held) => held,
            // The simulator is gone, and with it every call.
            None => std::future::pending().await,
        }
    }

    /// A call that has arrived already.
    pub fn arrived(&mut self) -> Option<HeldCall> {
        self.arrivals.try_recv().ok()
    }
}

/// A call that waits; it goes on when this is dropped.
#[derive(Debug)]
pub struct HeldCall {
    call: String,
    moment: Moment,
    verdict: oneshot::Sender<FaultKind>,
}

impl HeldCall {
    /// Its endpoint, as it is counted.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Where it waits.
    #[must_use]
    pub fn moment(&self) -> Moment {
        self.moment
    }

    /// Whether its caller has given it up.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.verdict.is_closed()
    }

    /// Lets it go on.
    pub fn go_on(self) {}

    /// Lets it go wrong: at its start as if it had been planned, at its end only what happens to an answer.
    pub fn go_wrong(self, kind: FaultKind) {
        self.verdict.send(kind).ok();
    }
}

/// All gates that are up.
#[derive(Debug, Default)]
pub(in crate::sim) struct Gates(Vec<Post>);

#[derive(Debug)]
struct Post {
    call: String,
    moment: Moment,
    arrivals: mpsc::UnboundedSender<HeldCall>,
}

impl Gates {
    /// Puts up a gate for an endpoint, or for all by `*`.
    pub(in crate::sim) fn put_up(&mut self, call: &str, moments: &[Moment]) -> Gate {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let post = |moment: &Moment| Post { call: call.to_owned(), moment: *moment, arrivals: sender.clone() };
        self.0.extend(moments.iter().map(post));
        Gate { arrivals }
    }

    /// Announces a call at the first gate that is meant for it; what comes back is the test's verdict.
    pub(in crate::sim) fn announce(&mut self, call: &str, moment: Moment) -> Option<oneshot::Receiver<FaultKind>> {
        self.0.retain(|post| !post.arrivals.is_closed());
        let post = self.0.iter().find(|post| post.moment == moment && (post.call == "*" || post.call == call))?;
        let (verdict, decided) = oneshot::channel();
        post.arrivals.send(HeldCall { call: call.to_owned(), moment, verdict }).ok()?;
        Some(decided)
    }
}
