//! How a run is shown: bars on a terminal, a line a file elsewhere, JSON for programs.
//!
//! Failures and what is left out go to standard error, all else to standard output.

use std::time::Duration;

use indicatif::{BinaryBytes, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::json;

use super::counts::{Counts, Fate};

/// What the output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    Bars,
    Lines,
    Json,
}

/// How often a bar is drawn though nothing comes.
const TICK: Duration = Duration::from_millis(250);

pub(super) struct Show {
    view: View,
    /// Only where there are bars.
    bar: Option<ProgressBar>,
}

impl Show {
    pub(super) fn new(view: View) -> Self {
        let bar = (view == View::Bars).then(|| {
            let bar = ProgressBar::new(0);
            // Each line fits into forty columns. A template that cannot be read leaves indicatif's own.
            if let Ok(style) = ProgressStyle::with_template(
                "{wide_bar} {percent:>3}%\n{bytes}/{total_bytes}, {binary_bytes_per_sec}\n{eta} left, {wide_msg}",
            ) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { view, bar }
    }

    /// A file has come to its end.
    pub(super) fn file(&self, at: &str, size: u64, fate: &Fate) {
        let at = printable(at);
        let (word, why) = match fate {
            Fate::Attached => ("attached", None),
            Fate::Sent => ("sent", None),
            Fate::Received { proved: true } => ("received", None),
            Fate::Received { proved: false } => ("received by its length alone", None),
            Fate::Copied => ("copied", None),
            Fate::Present => ("present", None),
            Fate::Planned => ("planned", None),
            Fate::LeftOut(why) => ("left out", Some(printable(why))),
            Fate::Failed(why) => ("failed", Some(printable(why))),
        };
        if self.view == View::Json {
            say!("{}", json!({ "event": "file", "path": at, "bytes": size, "outcome": word, "why": why }));
            return;
        }
        match (&self.bar, why) {
            (Some(bar), Some(why)) => bar.suspend(|| eprintln!("alidav: {at}: {word}: {why}")),
            (None, Some(why)) => eprintln!("alidav: {at}: {word}: {why}"),
            (None, None) if *fate != Fate::Present => say!("{word} {at}"),
            (_, None) => {}
        }
    }

    /// Whether it is drawn over, a second later too.
    pub(super) fn is_drawn(&self) -> bool {
        self.bar.is_some()
    }

    /// Nothing goes on: what for, and how long by now.
    pub(super) fn waits(&self, what: &str, since: Duration) {
        let (what, seconds) = (printable(what), since.as_secs());
        match (&self.bar, self.view) {
            (Some(bar), _) => bar.set_message(format!("waiting {seconds} s for {what}")),
            (None, View::Json) => say!("{}", json!({ "event": "waiting", "for": what, "seconds": seconds })),
            (None, _) => eprintln!("alidav: waiting {seconds} s for {what}"),
        }
    }

    /// The wait is over.
    pub(super) fn goes_on(&self, counts: &Counts) {
        match self.view {
            View::Bars => self.progress(counts),
            View::Json => say!("{}", json!({ "event": "going on" })),
            View::Lines => eprintln!("alidav: going on"),
        }
    }

    /// How far it is.
    pub(super) fn progress(&self, counts: &Counts) {
        let Some(bar) = &self.bar else { return };
        let there = counts.there();
        // What is under way counts with what has gone of it.
        let moved = counts.carried_bytes.saturating_sub(counts.sent.bytes + counts.received.bytes);
        bar.set_length(counts.found.bytes);
        bar.set_position((there.bytes + moved).min(counts.found.bytes));
        let failed = if counts.failed > 0 { format!(", {} failed", counts.failed) } else { String::new() };
        bar.set_message(format!(
            "{}/{} files, {}% without sending{failed}",
            there.files + counts.failed,
            counts.found.files,
            share(counts)
        ));
    }

    /// The last word.
    pub(super) fn summary(&self, counts: &Counts, took: Duration, code: u8) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        if self.view == View::Json {
            let seconds = took.as_secs_f64();
            say!("{}", json!({ "event": "summary", "counts": counts, "seconds": seconds, "exit": code }));
            return;
        }
        let parts = [
            ("attached without sending", counts.attached.files),
            ("sent", counts.sent.files),
            ("received", counts.received.files),
            ("of them by their length alone", counts.unproved),
            ("copied on the drive", counts.copied.files),
            ("planned", counts.planned.files),
            ("present", counts.present.files),
            ("left out", counts.left_out),
            ("failed", counts.failed),
        ];
        let always = |word: &str| matches!(word, "present" | "failed");
        let parts = parts.iter().filter(|(word, count)| *count > 0 || always(word));
        let parts: Vec<String> = parts.map(|(word, count)| format!("{count} {word}")).collect();
        say!(
            "{} files, {}: {}; {} carried in {}",
            counts.found.files,
            BinaryBytes(counts.found.bytes),
            parts.join(", "),
            BinaryBytes(counts.carried_bytes),
            HumanDuration(took)
        );
    }
}

/// Of a hundred bytes that had to get to the drive, how many were not sent.
fn share(counts: &Counts) -> u64 {
    let (free, sent) = (counts.attached.bytes + counts.copied.bytes, counts.sent.bytes);
    (free.saturating_mul(100)).checked_div(free + sent).unwrap_or(0)
}

/// A name must not move the cursor or begin a line.
fn printable(text: &str) -> String {
    text.chars().map(|sign| if sign.is_control() { char::REPLACEMENT_CHARACTER } else { sign }).collect()
}
