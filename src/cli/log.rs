//! The log: lines on standard error, as text or JSON, one for each event whatever its values hold.

mod named;

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FormatFields, format};
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer};

use crate::clock::UnixMillis;
use crate::config::{LogFormat, LogTime};
use crate::log_tail::{self, Line, MAX_CHARS};

use self::named::Named;

/// Starts it. The filter was checked with the settings. Each line names the instance, where it is one of several.
pub(super) fn start(filter: &str, format: LogFormat, time: LogTime, instance: Option<&str>) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_timer(Stamp::new(time))
        // A full disk or a reader that has gone costs lines, not the program: the complaint would panic.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            let log = log.fmt_fields(fields()).with_ansi(ansi);
            log.map_event_format(|format| Named::text(format.with_ansi(ansi), instance)).finish().with(Tail).try_init()
        }
        // An event's fields stand beside level and target; those of its spans, outermost first, in `spans`.
        LogFormat::Json => {
            let log = log.json().flatten_event(true).with_current_span(false).with_ansi(false);
            log.map_event_format(|format| Named::json(format, instance)).finish().with(Tail).try_init()
        }
    };
    started.ok();
}

/// Dates a line, to the millisecond.
struct Stamp {
    /// Absent for UTC.
    zone: Option<TimeZone>,
}

impl Stamp {
    /// The zone is the one of `TZ`, else of the machine, else UTC; summer time comes and goes while it runs.
    fn new(time: LogTime) -> Self {
        Self { zone: (time == LogTime::Local).then(TimeZone::system) }
    }

    fn write(&self, out: &mut impl fmt::Write, at: UnixMillis) -> fmt::Result {
        let at = Timestamp::from_millisecond(at.0).map_err(|_| fmt::Error)?;
        match &self.zone {
            Some(zone) => write!(out, "{:.3}", at.display_with_offset(zone.to_offset(at))),
            None => write!(out, "{at:.3}"),
        }
    }
}

impl FormatTime for Stamp {
    fn format_time(&self, out: &mut format::Writer<'_>) -> fmt::Result {
        self.write(out, UnixMillis::now())
    }
}

/// Feeds the tail of the log with what the filter lets through, but for the lines of single requests, which would drive
/// all others out.
struct Tail;

impl<S: Subscriber> Layer<S> for Tail {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO if event.metadata().target() != "access" => "info",
            _ => return,
        };
        let mut words = Words(String::new());
        event.record(&mut words);
        let words = words.0.chars().take(MAX_CHARS).collect();
        log_tail::keep(Line { at: UnixMillis::now().0, level, words });
    }
}

/// An event as [`fields`] writes it.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let blank = if self.0.is_empty() { "" } else { " " };
        let name = if field.name() == "message" { String::new() } else { format!("{}=", field.name()) };
        // Into memory.
        write!(OneLine(&mut self.0), "{blank}{name}{value:?}").ok();
    }
}

/// `name=value`, with blanks between.
fn fields() -> impl for<'writer> FormatFields<'writer> + Send + Sync + 'static {
    format::debug_fn(|out, field, value| {
        if field.name() != "message" {
            write!(out, "{}=", field.name())?;
        }
        write!(OneLine(out), "{value:?}")
    })
    .delimited(" ")
}

/// Escapes control characters: names come from clients and from the drive, and could feign other lines.
struct OneLine<W>(W);

impl<W: fmt::Write> fmt::Write for OneLine<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive(char::is_control) {
            let bare = piece.trim_end_matches(char::is_control);
            self.0.write_str(bare)?;
            write!(self.0, "{}", piece[bare.len()..].escape_default())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_has_what_happens_and_no_line_of_a_request() {
        tracing::subscriber::with_default(tracing_subscriber::registry().with(Tail), || {
            tracing::warn!(path = "/a\nb", "tail: told");
            tracing::info!(target: "access", "tail: a request");
            tracing::debug!("tail: a detail");
        });
        let lines: Vec<_> = log_tail::newest().into_iter().filter(|line| line.words.contains("tail: ")).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!((lines[0].level, &*lines[0].words), ("warn", "tail: told path=\"/a\\nb\""));
    }

    #[test]
    fn a_line_is_dated_in_utc_or_with_its_distance_from_it() {
        let stamp = |zone: Option<&str>, at: i64| {
            let (stamp, mut line) = (Stamp { zone: zone.map(|zone| TimeZone::posix(zone).unwrap()) }, String::new());
            stamp.write(&mut line, UnixMillis(at)).map(|()| line)
        };
        assert_eq!(stamp(None, 1_767_225_600_007).unwrap(), "2026-01-01T00:00:00.007Z");
        assert_eq!(stamp(Some("CST-8"), 1_767_225_600_000).unwrap(), "2026-01-01T08:00:00.000+08:00");
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        assert_eq!(stamp(Some(berlin), 1_767_225_600_000).unwrap(), "2026-01-01T01:00:00.000+01:00");
        assert_eq!(stamp(Some(berlin), 1_782_864_000_000).unwrap(), "2026-07-01T02:00:00.000+02:00");
        assert!(stamp(None, i64::MAX).is_err());
    }

    #[test]
    fn a_value_cannot_begin_a_line() {
        let mut line = OneLine(String::new());
        line.write_str("a\nINFO \u{1b}[31mü\u{9b}\r\n\n阿").unwrap();
        assert_eq!(line.0, "a\\nINFO \\u{1b}[31mü\\u{9b}\\r\\n\\n阿");
    }
}
