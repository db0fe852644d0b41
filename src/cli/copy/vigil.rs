//! Watches a run: says what it waits for when nothing goes on, and ends one that cannot even begin.

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::run::Run;

/// How long nothing goes on before that is told.
const SILENCE: Duration = Duration::from_secs(4);

/// How often it is told again, where each time is a line.
const AGAIN: Duration = Duration::from_secs(30);

const TICK: Duration = Duration::from_secs(1);

/// Watches until the run ends. One that has not begun within `beginning` is ended.
pub(super) async fn watch(run: &Run, beginning: Duration) {
    let started = Instant::now();
    let mut told: Option<Instant> = None;
    loop {
        tokio::time::sleep(TICK).await;
        let Some((since, what)) = longest(run).filter(|(since, _)| stands_still(run, *since)) else {
            told = None;
            run.tally.goes_on();
            continue;
        };
        if run.tally.is_drawn() || told.is_none_or(|at| at.elapsed() >= AGAIN) {
            run.tally.waits(&what, since.elapsed());
            told = Some(Instant::now());
        }
        if !run.begun.load(Ordering::Relaxed) && started.elapsed() >= beginning {
            return run.end(&format!("could not begin within {} s: waiting for {what}", beginning.as_secs()));
        }
    }
}

fn stands_still(run: &Run, since: Instant) -> bool {
    since.elapsed() >= SILENCE && run.tally.silent_for() >= SILENCE
}

/// What is waited for longest. Pauses between tries tell more than what is tried.
fn longest(run: &Run) -> Option<(Instant, Cow<'static, str>)> {
    let clients = run.tree.accounts().filter_map(|client| client.waits().longest());
    clients.chain(run.waits.longest()).min_by_key(|(since, _)| *since)
}
