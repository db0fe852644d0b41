//! Something of the drive's that lives for a while and is then asked for again, once for all who want it.
//!
//! It is renewed while it still lives, beside those who use it; only what is dead is waited for. A renewal that fails
//! is not tried again at once: while the drive throttles, what is valid is used to its end.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::calls;
use crate::drive::error::Error;
use crate::upstream::Life;

/// How long before its end it is renewed; at half its life, if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);

/// Less is not handed out: a request needs time to arrive.
const LEAST: Duration = Duration::from_secs(2);

/// How soon after a failed renewal the next.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Renewed<T> {
    state: Mutex<State<T>>,
    flight: tokio::sync::Mutex<()>,
}

struct State<T> {
    held: Option<(Arc<T>, Life)>,
    failed: Option<(Instant, Error)>,
}

impl<T> Default for Renewed<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { held: None, failed: None }), flight: tokio::sync::Mutex::default() }
    }
}

impl<T: Send + Sync + 'static> Renewed<T> {
    /// What is held, with at least the margin to live.
    fn fresh(&self) -> Option<Arc<T>> {
        self.living(|whole| MARGIN.min(whole / 2))
    }

    fn living(&self, least: impl Fn(Duration) -> Duration) -> Option<Arc<T>> {
        let state = self.state.lock();
        let held = state.held.as_ref().filter(|(_, life)| life.left() > least(life.whole()));
        held.map(|(value, _)| value.clone())
    }

    /// What is held, whether it lives or not.
    pub(super) fn held(&self) -> Option<Arc<T>> {
        self.state.lock().held.as_ref().map(|(value, _)| value.clone())
    }

    pub(super) fn put(&self, value: Arc<T>, life: Life) {
        *self.state.lock() = State { held: Some((value, life)), failed: None };
    }

    /// What is held is of no use, whatever its life.
    pub(super) fn forget(&self) {
        self.state.lock().held = None;
    }

    /// What lives, renewed if it is time.
    ///
    /// # Errors
    /// A renewal's, where nothing lives.
    pub(super) async fn get<F>(self: &Arc<Self>, renew: impl FnOnce() -> F + Send + 'static) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<(T, Life), Error>> + Send,
    {
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let living = self.living(|whole| LEAST.min(whole / 4));
        let rests = self.state.lock().failed.as_ref().is_some_and(|(at, _)| at.elapsed() < PAUSE);
        if let Some(living) = living.clone().filter(|_| rests || self.flight.try_lock().is_err()) {
            return Ok(living);
        }
        // A task of its own: whoever leaves does not stop it for the others.
        let (this, began) = (self.clone(), Instant::now());
        let renewal = calls::spawn(async move { this.renewed(began, renew).await });
        match living {
            Some(living) => Ok(living),
            None => match renewal.await {
                Ok(result) => result,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => Err(Error::Stopping),
            },
        }
    }

    /// What has at least the margin to live, renewed if need be: for what is itself renewed by it.
    ///
    /// # Errors
    /// The renewal's, also of one that failed a moment ago.
    pub(super) async fn get_fresh<F>(&self, renew: impl FnOnce() -> F) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<(T, Life), Error>>,
    {
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        let failed = self.state.lock().failed.clone().filter(|(at, _)| at.elapsed() < PAUSE);
        match failed.filter(|_| self.held().is_some()) {
            Some((_, error)) => Err(error),
            None => self.renewed(Instant::now(), renew).await,
        }
    }

    async fn renewed<F>(&self, began: Instant, renew: impl FnOnce() -> F) -> Result<Arc<T>, Error>
    where
        F: Future<Output = Result<(T, Life), Error>>,
    {
        let _flight = self.flight.lock().await;
        if let Some(fresh) = self.fresh() {
            return Ok(fresh);
        }
        // Another's try failed while this one waited for it.
        if let Some((_, error)) = self.state.lock().failed.as_ref().filter(|(at, _)| *at > began) {
            return Err(error.clone());
        }
        match renew().await {
            Ok((value, life)) => {
                let value = Arc::new(value);
                self.put(value.clone(), life);
                Ok(value)
            }
            Err(error) => {
                self.state.lock().failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    async fn ask(renewed: &Arc<Renewed<u32>>, made: &Arc<AtomicU32>, fails: bool) -> Option<u32> {
        let made = made.clone();
        let renewed = renewed.get(move || async move {
            let number = made.fetch_add(1, Ordering::Relaxed) + 1;
            tokio::time::sleep(Duration::from_millis(100)).await;
            if fails { Err(Error::NotFound) } else { Ok((number, Life::lasting(Duration::from_secs(900)))) }
        });
        renewed.await.ok().map(|value| *value)
    }

    #[tokio::test(start_paused = true)]
    async fn what_lives_is_used_while_one_renewal_runs_beside() {
        let (renewed, made) = (Arc::new(Renewed::default()), Arc::default());
        let first = futures_util::future::join_all((0..5).map(|_| ask(&renewed, &made, false))).await;
        assert_eq!(first, [Some(1); 5]);
        tokio::time::advance(Duration::from_secs(839)).await;
        assert_eq!(ask(&renewed, &made, false).await, Some(1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!((ask(&renewed, &made, false).await, ask(&renewed, &made, false).await), (Some(1), Some(1)));
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((ask(&renewed, &made, false).await, made.load(Ordering::Relaxed)), (Some(2), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_leaves_what_lives_and_is_tried_again_after_a_pause() {
        let (renewed, made) = (Arc::new(Renewed::default()), Arc::default());
        ask(&renewed, &made, false).await;
        tokio::time::advance(Duration::from_secs(850)).await;
        for tries in [2, 2, 2, 3] {
            assert_eq!(ask(&renewed, &made, true).await, Some(1));
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(made.load(Ordering::Relaxed), tries);
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(ask(&renewed, &made, true).await, None);
        assert_eq!(ask(&renewed, &made, false).await, Some(5));
    }
}
