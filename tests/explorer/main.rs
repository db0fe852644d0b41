//! The schedule explorer: pairs of operations on one path, every order in which their calls can reach the drive, and
//! what can go wrong with each call. After each run some order of the operations must explain what is there.
//!
//! `EXPLORE=<name of a run>` runs one alone and tells each step. The random part is the same each time;
//! `ALIDAV_TEST_LONG=1` runs many more, by a seed that it prints, `EXPLORE_SEED=<number>` by another.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "switches of the test, not settings")]

mod bench;
mod explore;
mod judge;
mod kept;
mod model;
mod run;
mod scenario;

use std::time::Instant;

use bench::Bench;
use explore::{Explorer, Size};
use kept::Kept;
use scenario::Plan;

#[test]
fn every_order_of_calls_is_explained_by_an_order_of_operations() {
    rustls::crypto::ring::default_provider().install_default().ok();
    if let Ok(name) = std::env::var("EXPLORE") {
        let plan: Plan = name.parse().unwrap();
        let run = run::run(&mut Bench::start(), &plan, &mut |_| 0);
        for (number, step) in run.steps.iter().enumerate() {
            println!("{number:3} {}/{} {}", step.chosen, step.allowed, step.what);
        }
        assert_eq!(run.failure, None, "{plan}");
        return;
    }
    let long = std::env::var_os("ALIDAV_TEST_LONG").is_some();
    let size = if long { Size::LONG } else { Size::SHORT };
    let told = std::env::var("EXPLORE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = told.unwrap_or_else(|| if long { rand::random() } else { 1 });
    let filter = std::env::var("EXPLORE_ONLY").unwrap_or_default();
    println!("EXPLORE_SEED={seed}");
    let begun = Instant::now();
    let kept = Kept::read();
    let report = Explorer::new(size, seed, &filter, &kept).go();
    let (known, new): (Vec<_>, Vec<_>) = report.failures.keys().partition(|name| kept.knows(name));
    let mended: Vec<_> =
        kept.fails.iter().filter(|name| name.contains(&filter) && !report.failures.contains_key(*name)).collect();
    println!("{} schedules in {:.0?}, {} known failures", report.runs, begun.elapsed(), known.len());
    assert!(new.is_empty(), "{} runs that no order of the operations explains: {new:#?}", new.len());
    assert!(mended.is_empty(), "these hold now, and kept.txt is to say so: {mended:#?}");
}
