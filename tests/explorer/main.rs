//! The schedule explorer: pairs of operations on one path, every order in which their calls can reach the drive, and
//! what can go wrong with each call. After each run some order of the operations must explain what is there.
//!
//! `EXPLORE=<name of a run>` runs one alone and tells each step. A plain `cargo test` tries a few orders of each pair;
//! `ALIDAV_TEST_WIDE=1`, as `just explore` runs it optimised, every order of nearly all pairs and each single fault at
//! each call of one operation after the other; `ALIDAV_TEST_LONG=1`, for hours, all of them in every order. The random
//! part is the same each time but in the long run, which prints its seed; `EXPLORE_SEED=<number>` draws another.
//! `EXPLORE_ONLY=<part of a name>` keeps to some.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "switches of the test, not settings")]

mod bench;
mod counts;
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
    let set = |name| std::env::var_os(name).is_some();
    let long = set("ALIDAV_TEST_LONG");
    let size = if long {
        Size::LONG
    } else if set("ALIDAV_TEST_WIDE") {
        Size::WIDE
    } else {
        Size::QUICK
    };
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
    println!(
        "EXPLORE_SEED={seed}: {} schedules in {:.0?}; every order of {} of {} scenarios, at least {} orders left out; {} known failures",
        report.runs,
        begun.elapsed(),
        report.complete,
        report.scenarios,
        report.left_out,
        known.len()
    );
    assert!(new.is_empty(), "{} runs that no order of the operations explains: {new:#?}", new.len());
    assert!(mended.is_empty(), "these hold now, and kept.txt is to say so: {mended:#?}");
}
