//! Tells the program which commit it is built of.
//!
//! A git checkout is asked. A packager who builds from an archive says it by `ALIDAV_COMMIT`, and the day by
//! `SOURCE_DATE_EPOCH`. What nobody says is not guessed: the version stays bare.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ALIDAV_COMMIT");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let version = variable("CARGO_PKG_VERSION").unwrap_or_default();
    let (commit, seconds) = match variable("ALIDAV_COMMIT") {
        Some(commit) => (Some(commit), None),
        None => checkout(),
    };
    let day = variable("SOURCE_DATE_EPOCH").or(seconds).and_then(|seconds| seconds.parse().ok()).map(day);
    let words = match (&commit, day) {
        (Some(commit), Some(day)) => format!("{version} ({commit} {day})"),
        (Some(commit), None) => format!("{version} ({commit})"),
        (None, _) => version,
    };
    // Not ALIDAV_…: cargo hands these to what it runs, where that prefix means a setting.
    println!("cargo::rustc-env=BUILT_COMMIT={}", commit.unwrap_or_default());
    println!("cargo::rustc-env=BUILT_VERSION={words}");
}

/// A variable's first line; more would end cargo's directive.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "these are not the program's settings")]
    let value = std::env::var(name).ok()?;
    value.lines().next().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty())
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The commit and its time in seconds since 1970, where this folder itself is a checkout and not only within one.
fn checkout() -> (Option<String>, Option<String>) {
    if git(&["rev-parse", "--show-prefix"]).is_none_or(|prefix| !prefix.is_empty()) {
        return (None, None);
    }
    // The journal of HEAD grows with each commit, checkout and rebase, a packed branch's too, and is each worktree's own.
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD"].into_iter().chain(branch.as_deref()) {
        // Cargo takes a file that is not there for one that has changed.
        if let Some(path) = git(&["rev-parse", "--git-path", name]).filter(|path| Path::new(path).exists()) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    (git(&["rev-parse", "--short", "HEAD"]), git(&["show", "--no-patch", "--format=%ct", "HEAD"]))
}

/// The day in UTC of a time in seconds since 1970, as year-month-day: Howard Hinnant's `civil_from_days`, which counts
/// from 0000-03-01 in eras of 400 years.
fn day(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
