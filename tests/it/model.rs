//! Random operations of clients, other programs and the system beside a simple model: after each step the tree, by
//! both mounts of one folder, is what some order of the step's operations explains, whatever went wrong on the way.
//!
//! A run that fails is shrunk and written as its steps' names (`model/steps.rs`), which `MODEL=<steps>` runs alone; it
//! is kept below under a name of its own. The runs are the same each time; `ALIDAV_TEST_LONG=1` draws many more and
//! longer ones by a seed that it prints, `MODEL_SEED=<number>` others.

mod bench;
mod oracle;
mod steps;

use std::time::Duration;

use alidav::sim::Fault;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use tokio::runtime::Builder;
use unicode_normalization::UnicodeNormalization as _;

use bench::Bench;
use oracle::{Asked, Tree, behind, explained, same_content, shown};
use steps::{Step, endpoint, runs, script, written};

/// Longest time until what was cut off has been put in order.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs that failed once, or would if what each is about were forgotten.
const KEPT: [(&str, &str); 5] = [
    ("a lock of one Unicode form holds in the other", "put@1e=20 lock@1E"),
    ("a copy onto itself by another mount and form", "put@1e=20 note@1e copy@1e>2E copy@1e>2e delete@2E"),
    ("a move to the other form by another mount", "mkcol@1e put@1ea=20 move@1e>2E put@2Ea=30 delete@1e"),
    ("what another program replaced is found by both mounts", "put@1a=1 ~write@1a put@2a=20 ~trash@1a put@1a=0"),
    ("two mounts write one name at once", "put@1a=20&put@2a=30 put@1a=0&put@2a=40 move@1a>1b&put@2b=20"),
];

async fn run(steps: &[Step]) -> Result<(), String> {
    let mut bench = Bench::start().await;
    let outcome = take_all(&mut bench, steps).await;
    bench.kill().await;
    outcome
}

async fn take_all(bench: &mut Bench, steps: &[Step]) -> Result<(), String> {
    let mut tree = Tree::new();
    for (number, step) in steps.iter().enumerate() {
        tree = take(bench, &tree, step, number).await.map_err(|why| format!("step {number}, {step}: {why}"))?;
    }
    settles(bench, &tree).await
}

/// In the end the drive itself has what is seen, but for empty files that wait for their content.
async fn settles(bench: &mut Bench, tree: &Tree) -> Result<(), String> {
    let full = |(path, content): (String, Option<Vec<u8>>)| {
        let path: String = path.nfc().collect();
        match content {
            None => Some((format!("{path}/"), None)),
            Some(content) if content.is_empty() => None,
            content => Some((path, content)),
        }
    };
    let mut expected: Vec<_> = tree.iter().map(|(path, node)| (path.clone(), node.content.clone())).collect();
    expected.retain(|(_, content)| content.as_ref().is_none_or(|content| !content.is_empty()));
    let begun = tokio::time::Instant::now();
    loop {
        let mut drive: Vec<_> = bench.sim.tree().into_iter().filter_map(full).collect();
        drive.sort();
        if drive == expected {
            return Ok(());
        }
        if begun.elapsed() > 3 * PATIENCE {
            let paths: Vec<_> = drive.iter().map(|(path, _)| path).collect();
            return Err(format!("the drive has {paths:?}, seen is {}", shown(tree)));
        }
        // What the server still has to put in order is seen at the drive only.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Takes a step, and tells the tree that was found, which must be one that is explained.
async fn take(bench: &mut Bench, tree: &Tree, step: &Step, number: usize) -> Result<Tree, String> {
    let asked = |request, which: &str, status| Asked { request, mark: format!("{number}{which}"), status };
    let (mark, other) = (format!("{number}"), format!("{number}b"));
    let asked = match step {
        Step::Alone(request) => vec![asked(request, "", bench.carry_out(request, &mark, true).await?)],
        Step::Faulty(request, wrong, call) => {
            bench.sim.fault(Fault::once(endpoint(*call), wrong.kind()));
            let status = bench.carry_out(request, &mark, false).await?;
            bench.sim.clear_faults();
            vec![asked(request, "", status)]
        }
        Step::Killed(request, calls) => vec![asked(request, "", bench.cut_off(request, &mark, *calls).await)],
        Step::Both(one, two) => {
            let (first, second) = tokio::join!(bench.carry_out(one, &mark, false), bench.carry_out(two, &other, false));
            vec![asked(one, "", first?), asked(two, "b", second?)]
        }
        Step::Behind(..) => Vec::new(),
    };
    let ends = match step {
        Step::Behind(what, at) => vec![behind(&bench.sim, tree, *what, at, &mark)],
        _ => explained(tree, &asked),
    };
    // Of what is noted only a request that nothing disturbs can be sure.
    let sure = matches!(asked.as_slice(), [only] if !only.doubtful());
    let fits = |found: &Tree| ends.iter().any(|end| if sure { end == found } else { same_content(end, found) });
    let begun = tokio::time::Instant::now();
    let cut_off = matches!(step, Step::Killed(..)) || asked.iter().any(Asked::doubtful);
    let found = loop {
        let found = bench.seen("m1", true).await;
        if found.as_ref().is_ok_and(fits) {
            break found?;
        }
        // What was begun is put in order in the background.
        if cut_off && begun.elapsed() < PATIENCE / 5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        let found = found?;
        let told: Vec<_> = asked.iter().map(|asked| asked.status).collect();
        let ends: Vec<_> = ends.iter().map(shown).collect();
        return Err(format!("gave {told:?}\nfound {}\nexpected {}", shown(&found), ends.join("\n or ")));
    };
    // Each mount has listings of its own, which hear of all but what another program does.
    let other = bench.seen("m2", matches!(step, Step::Behind(..))).await?;
    if other != found {
        return Err(format!("one mount shows {}\nthe other {}", shown(&found), shown(&other)));
    }
    Ok(found)
}

fn wait_for<T>(future: impl Future<Output = T>) -> T {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

#[test]
#[expect(clippy::disallowed_methods, reason = "switches of the test, not settings")]
fn whatever_happens_the_tree_is_what_the_model_says() {
    if let Ok(steps) = std::env::var("MODEL") {
        assert_eq!(wait_for(run(&script(&steps))), Ok(()));
        return;
    }
    for (name, steps) in KEPT {
        assert_eq!(wait_for(run(&script(steps))), Ok(()), "{name}");
    }
    let long = std::env::var_os("ALIDAV_TEST_LONG").is_some();
    let told = std::env::var("MODEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = told.unwrap_or_else(|| if long { rand::random() } else { 1 });
    println!("MODEL_SEED={seed}");
    let (cases, steps) = if long { (400, 150) } else { (16, 60) };
    let settings = Runs { cases, max_shrink_iters: 400, failure_persistence: None, ..Runs::default() };
    let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    let mut runner = TestRunner::new_with_rng(settings, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&runs(steps), |steps| wait_for(run(&steps)).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, steps)) => panic!("MODEL='{}'\n{why}", written(&steps)),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}
