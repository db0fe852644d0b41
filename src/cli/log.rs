//! The log: lines on standard error, as text or JSON, one for each event whatever its values hold.

use std::fmt::{self, Write as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::{FormatFields, format};

use crate::config::LogFormat;

/// Starts it. The filter was checked with the settings.
pub(super) fn start(filter: &str, format: LogFormat) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A full disk or a reader that has gone costs lines, not the program: the complaint would panic.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => {
            log.fmt_fields(fields()).with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
        // An event's fields stand beside level and target; those of its spans, outermost first, in `spans`.
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_ansi(false).try_init(),
    };
    started.ok();
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
    fn a_value_cannot_begin_a_line() {
        let mut line = OneLine(String::new());
        line.write_str("a\nINFO \u{1b}[31mü\u{9b}\r\n\n阿").unwrap();
        assert_eq!(line.0, "a\\nINFO \\u{1b}[31mü\\u{9b}\\r\\n\\n阿");
    }
}
