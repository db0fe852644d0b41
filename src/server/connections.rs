//! Which connections are open, and which of them gives way when there are too many.
//!
//! A connection costs its client nothing, no password is needed for one, and each holds a descriptor. So they are bounded, in all and for each
//! address; but a bound that turns newcomers away would let the silent shut everybody out. Therefore the connection that has been
//! without a request for the longest time makes place: it is silent, slow with its head, still at its handshake, or idle after an answer. One with a request
//! under way never gives way.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::meters;

/// Connections at a time.
pub(super) const MOST: usize = 1024;

/// Of these for one address (of IPv6 a /64): a household behind one address, each device with a browser's six or a
/// synchroniser's dozen, stays far below.
pub(super) const MOST_OF_ONE: usize = 256;

/// All connections of the server; clones are the same.
#[derive(Clone, Default)]
pub(super) struct Connections(Arc<Inner>);

#[derive(Default)]
struct Inner {
    table: Mutex<Table>,
    /// Told when one closes or is left without a request.
    changed: Notify,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    /// Absent for those whose address stands for many.
    address: Option<IpAddr>,
    activity: watch::Sender<Activity>,
    give_way: CancellationToken,
}

/// What runs on a connection.
#[derive(Clone, Copy)]
pub(super) struct Activity {
    /// Requests under way.
    pub(super) running: usize,
    /// Since when there have been so many.
    since: Instant,
}

/// A connection's entry; it ends when this is dropped.
pub(super) struct Connection {
    id: u64,
    activity: watch::Sender<Activity>,
    give_way: CancellationToken,
    all: Connections,
}

/// A request under way, until its answer's body has ended.
pub(super) struct RequestGuard {
    activity: watch::Sender<Activity>,
    all: Connections,
}

impl Connections {
    /// Admits a connection, for which another may have to give way; waits while all have requests under way. An
    /// address is given where it stands for one client.
    ///
    /// Absent if the address has its share and all of them have requests under way.
    pub(super) async fn admit(&self, address: Option<IpAddr>) -> Option<Connection> {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            // What changes between the look and the wait counts.
            changed.as_mut().enable();
            {
                let mut table = self.0.table.lock();
                let of_one = |open: &Open| address.is_some() && open.address == address;
                if table.open.values().filter(|open| of_one(open)).count() >= MOST_OF_ONE && !table.make_place(of_one) {
                    return None;
                }
                if table.open.len() < MOST || table.make_place(|_| true) {
                    return Some(table.enter(address, self.clone()));
                }
            }
            changed.await;
        }
    }

    /// The connection that has been without a request for the longest time gives way, if there is one.
    pub(super) fn make_place(&self) -> bool {
        self.0.table.lock().make_place(|_| true)
    }
}

impl Table {
    fn enter(&mut self, address: Option<IpAddr>, all: Connections) -> Connection {
        metrics::gauge!(meters::CONNECTIONS).increment(1.0);
        let id = self.next;
        self.next += 1;
        let activity = watch::Sender::new(Activity { running: 0, since: Instant::now() });
        let give_way = CancellationToken::new();
        self.open.insert(id, Open { address, activity: activity.clone(), give_way: give_way.clone() });
        Connection { id, activity, give_way, all }
    }

    fn make_place(&mut self, among: impl Fn(&Open) -> bool) -> bool {
        let idle = self.open.iter().filter(|(_, open)| among(open)).filter_map(|(id, open)| {
            let activity = *open.activity.borrow();
            // Of the same moment the one that came first.
            (activity.running == 0).then_some((activity.since, *id))
        });
        let Some((_, id)) = idle.min() else { return false };
        if let Some(open) = self.open.remove(&id) {
            open.give_way.cancel();
            metrics::counter!(meters::CONNECTIONS_CLOSED).increment(1);
        }
        true
    }
}

impl Connection {
    /// A request begins.
    pub(super) fn request(&self) -> RequestGuard {
        self.activity.send_modify(|activity| activity.running += 1);
        metrics::gauge!(meters::REQUESTS_RUNNING).increment(1.0);
        RequestGuard { activity: self.activity.clone(), all: self.all.clone() }
    }

    pub(super) fn activity(&self) -> watch::Receiver<Activity> {
        self.activity.subscribe()
    }

    /// Returns when the place is wanted for another.
    pub(super) async fn gives_way(&self) {
        self.give_way.cancelled().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::gauge!(meters::CONNECTIONS).decrement(1.0);
        self.all.0.table.lock().open.remove(&self.id);
        self.all.0.changed.notify_one();
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        metrics::gauge!(meters::REQUESTS_RUNNING).decrement(1.0);
        self.activity.send_modify(|activity| {
            activity.running -= 1;
            activity.since = Instant::now();
        });
        self.all.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn one() -> Option<IpAddr> {
        Some([192, 0, 2, 1].into())
    }

    async fn fill(connections: &Connections, address: Option<IpAddr>, count: usize) -> Vec<Connection> {
        let mut open = Vec::new();
        for _ in 0..count {
            open.push(connections.admit(address).await.unwrap());
        }
        open
    }

    fn gone(connection: &Connection) -> bool {
        connection.give_way.is_cancelled()
    }

    #[tokio::test]
    async fn the_one_without_a_request_for_the_longest_time_gives_way() {
        let connections = Connections::default();
        let open = fill(&connections, None, MOST).await;
        let busy = open[0].request();
        drop(open[1].request());
        let _new = connections.admit(None).await.unwrap();
        assert_eq!(open.iter().map(gone).collect::<Vec<_>>().iter().position(|gone| *gone), Some(2));
        assert!(!gone(&open[0]) && !gone(&open[1]));
        drop(busy);
        assert_eq!(connections.0.table.lock().open.len(), MOST);
        drop(open);
        assert_eq!(connections.0.table.lock().open.len(), 1);
    }

    #[tokio::test]
    async fn who_comes_while_all_have_requests_waits_for_the_first_to_end() {
        let connections = Connections::default();
        let open = fill(&connections, None, MOST).await;
        let mut busy: Vec<_> = open.iter().map(Connection::request).collect();
        let waiting = connections.admit(None);
        tokio::pin!(waiting);
        assert!(waiting.as_mut().now_or_never().is_none());
        busy.swap_remove(7);
        assert!(waiting.await.is_some());
        assert!(gone(&open[7]));
    }

    #[tokio::test]
    async fn an_address_has_a_share_within_which_its_own_give_way() {
        let connections = Connections::default();
        let other = fill(&connections, Some([192, 0, 2, 2].into()), 1).await;
        let mut open = fill(&connections, one(), MOST_OF_ONE).await;
        open.push(connections.admit(one()).await.unwrap());
        assert!(gone(&open[0]) && !gone(&other[0]));
        let _busy: Vec<_> = open[1..].iter().map(Connection::request).collect();
        assert!(connections.admit(one()).await.is_none());
        assert!(connections.admit(Some([192, 0, 2, 2].into())).await.is_some());
        fill(&connections, None, MOST_OF_ONE + 1).await;
    }
}
