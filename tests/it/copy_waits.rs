//! `alidav copy` where nothing goes on: it says what it waits for, goes on by itself, and ends where it must.

use std::io::{BufRead as _, BufReader};
use std::time::{Duration, Instant};

use alidav::sim::{Fault, FaultKind};
use serde_json::Value;

use crate::copy::{Copy, said};
use crate::harness::{noise, until};

fn refused(status: u16, code: &str) -> FaultKind {
    FaultKind::Code { status, code: code.to_owned(), retry_after_ms: Some(10) }
}

// Keeps 167.
#[tokio::test(flavor = "multi_thread")]
async fn a_drive_that_cannot_be_reached_is_told_and_a_run_that_cannot_begin_ends() {
    let copy = Copy::start().await;
    copy.write("a", b"a");
    let settings = std::fs::read_to_string(copy.config()).unwrap();
    std::fs::write(copy.config(), settings.replace(&copy.sim.url(), "http://127.0.0.1:9")).unwrap();
    let begun = Instant::now();
    let told = copy.run(&["local/a", "drive:/", "--begin-s", "8"], 1);
    assert!(told.contains("alidav: waiting ") && told.contains("could not begin within 8 s"), "{told}");
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
}

// Keeps 167.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_waits_for_a_drive_that_is_away_and_says_so() {
    let copy = Copy::start().await;
    copy.write("a", b"a");
    copy.write("b", &noise(300_000));
    copy.sim.fault(Fault::always("*", FaultKind::CloseBefore).after(4));
    let mut child = copy.spawn(&["local/", "drive:/x", "--json"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        line
    });
    let waiting = tokio::task::block_in_place(|| lines.find(|line| line["event"] == "waiting").unwrap());
    assert!(waiting["seconds"].as_u64().unwrap() >= 4 && waiting["for"].as_str().unwrap().len() > 5, "{waiting}");
    copy.sim.clear_faults();
    let rest: Vec<Value> = tokio::task::block_in_place(|| lines.collect());
    assert!(rest.iter().any(|line| line["event"] == "going on"), "{rest:?}");
    assert_eq!((&rest.last().unwrap()["event"], &rest.last().unwrap()["exit"]), (&"summary".into(), &0.into()));
    said(child, 0);
    assert_eq!(copy.files(), ["/x/a", "/x/b"]);
}

// Keeps 167.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_out_however_often_and_an_outage_without_end_is_not() {
    let copy = Copy::start().await;
    copy.write("a", b"a");
    copy.sim.fault(Fault { times: 36, ..Fault::once("openFile/create", refused(429, "TooManyRequests")) });
    let told = copy.run(&["local/", "drive:/"], 0);
    assert!(told.contains("1 sent") && copy.calls("openFile/create") > 36, "{told}");
    copy.write("b", b"b");
    copy.sim.fault(Fault::always("openFile/create", FaultKind::CloseBefore));
    let told = copy.run(&["local/", "drive:/", "--away-s", "1"], 3);
    assert!(told.contains("nothing has gone on for 1 s") && told.contains("1 present"), "{told}");
}

// Keeps 167.
#[tokio::test(flavor = "multi_thread")]
async fn a_bound_on_the_rate_is_kept() {
    let copy = Copy::start().await;
    copy.write("a", &noise(3 << 19));
    let begun = Instant::now();
    copy.run(&["local/", "drive:/", "--bwlimit", "1MiB"], 0);
    // The first of three pieces goes at once.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
}

// Keeps 152.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_in_mid_copy_is_renewed() {
    let copy = Copy::start().await;
    for at in 0..4 {
        copy.write(&at.to_string(), &noise(500_000 + at));
    }
    let child = copy.spawn(&["local/", "drive:/", "--transfers", "1"]);
    until(|| copy.calls("data PUT") >= 2).await;
    copy.sim.expire_access_tokens();
    said(child, 0);
    assert_eq!(copy.files().len(), 4);
    assert!(copy.sim.read("/3").unwrap() == noise(500_003));
}

// Keeps 168.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_room_is_told_with_both_figures_before_it_is_read() {
    let copy = Copy::start().await;
    copy.write("large", &noise(3 << 20));
    copy.write("small", b"small");
    copy.sim.rules(|rules| rules.quota = 2 << 20);
    let told = copy.run(&["local/", "drive:/"], 3);
    assert!(told.contains("large: failed: it needs 3.00 MiB, and the drive has 2.00 MiB left"), "{told}");
    assert_eq!((copy.files(), copy.calls("openFile/create")), (vec!["/small".to_owned()], 1));
}

/// Runs a command with a file system of its own of one megabyte in `disk`; absent where that is not allowed.
fn on_a_small_disk(copy: &Copy, words: &str) -> Option<String> {
    let disk = copy.folder.path().join("disk");
    std::fs::create_dir_all(&disk).unwrap();
    let program = copy.command(&[]).get_program().to_owned();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs disk || exit 99; '{}' copy --config alidav.toml --pause-ms 20 {words}; \
         echo \"exit $?\"; ls disk",
        program.display()
    );
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "sh", "-c", &script]).current_dir(copy.folder.path());
    let output = tokio::task::block_in_place(|| command.output()).ok()?;
    let text = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    text.contains("exit ").then_some(text)
}

// Keeps 168.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_leaves_no_half_of_a_file_under_its_name() {
    let copy = Copy::start().await;
    copy.sim.write("/d/large", noise(3 << 20));
    copy.sim.write("/d/small", "small");
    let Some(told) = on_a_small_disk(&copy, "drive:/d/ disk") else {
        eprintln!("not tried: no file system can be mounted here");
        return;
    };
    assert!(told.contains("large: failed: it needs 3.00 MiB, and the disk has "), "{told}");
    assert!(told.contains("exit 3") && told.lines().any(|line| line == "small"), "{told}");
    assert!(!told.lines().any(|line| line.starts_with("large.") || line == "large"), "{told}");
    // Two that fit one by one and not together.
    copy.sim.write("/two/a", noise(700_000));
    copy.sim.write("/two/b", noise(700_001));
    copy.sim.rules(|rules| rules.download_bytes_per_s = Some(1_000_000));
    let told = on_a_small_disk(&copy, "drive:/two/ disk").unwrap();
    assert!(told.contains("the disk") && !told.contains("exit 0"), "{told}");
    assert!(!told.lines().any(|line| line == "a") || !told.lines().any(|line| line == "b"), "{told}");
}
