//! Tells the program which commit it is built of, and packs the pages that become part of it.
//!
//! A git checkout is asked. A packager who builds from an archive says it by `ALIDAV_COMMIT`, and the day by
//! `SOURCE_DATE_EPOCH`. What nobody says is not guessed: the version stays bare.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    // A debug build reads them from the disk.
    if variable("CARGO_CFG_DEBUG_ASSERTIONS").is_none() {
        println!("cargo::rerun-if-changed=web");
        let out = PathBuf::from(variable("OUT_DIR").unwrap_or_default());
        let mut list = String::new();
        pack_pages(Path::new("web"), "", &out.join("page"), &mut list)?;
        fs::write(out.join("pages.rs"), format!("[{list}]"))?;
    }
    tell_version();
    Ok(())
}

/// Endings of what the pages are made of.
const PAGES: [&str; 9] = ["css", "html", "ico", "js", "mjs", "png", "svg", "webmanifest", "woff2"];

/// Adds each file of the pages to the list, as Rust's source: its name, packed with `.gz` at the end where that makes it
/// smaller by a tenth, and its bytes, which lie in a file beside `out`.
fn pack_pages(folder: &Path, below: &str, out: &Path, list: &mut String) -> io::Result<()> {
    let entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    // The same sources give the same program.
    let mut paths: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let served = path.extension().is_some_and(|end| PAGES.iter().any(|page| end == *page)) || name == "robots.txt";
        if path.is_dir() && name != "node_modules" {
            pack_pages(&path, &format!("{below}{name}/"), out, list)?;
        } else if served {
            let plain = fs::read(&path)?;
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&plain)?;
            let packed = encoder.finish()?;
            let (bytes, ending) = if packed.len() < plain.len() / 10 * 9 { (packed, ".gz") } else { (plain, "") };
            let file = out.with_extension(list.len().to_string());
            fs::write(&file, bytes)?;
            list.push_str(&format!("(\"{below}{name}{ending}\", include_bytes!({file:?}) as &[u8]),\n"));
        }
    }
    Ok(())
}

fn tell_version() {
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
