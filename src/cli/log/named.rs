//! The instance's name at the end of each line of its log, for those who read the logs of several in one place.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes lines as `F` does, and the name where there is one.
pub(super) struct Named<F> {
    format: F,
    end: Option<End>,
}

struct End {
    /// What `F` ends a line with.
    plain: &'static str,
    named: String,
}

impl<F> Named<F> {
    /// Of lines of text.
    pub(super) fn text(format: F, instance: Option<&str>) -> Self {
        let end = instance.map(|name| End { plain: "\n", named: format!(" instance={name:?}\n") });
        Self { format, end }
    }

    /// Of objects of JSON.
    pub(super) fn json(format: F, instance: Option<&str>) -> Self {
        let named = |name: &str| format!(",\"instance\":{}}}\n", serde_json::Value::from(name));
        Self { format, end: instance.map(|name| End { plain: "}\n", named: named(name) }) }
    }
}

impl<S, N, F> FormatEvent<S, N> for Named<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let Some(end) = &self.end else { return self.format.format_event(context, out, event) };
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_suffix(end.plain) {
            Some(words) => write!(out, "{words}{}", end.named),
            None => out.write_str(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(subscriber: impl Subscriber + Send + Sync, written: &Written) -> String {
        tracing::subscriber::with_default(subscriber, || tracing::info!(path = "/a", "done"));
        String::from_utf8(written.0.lock().clone()).unwrap()
    }

    #[test]
    fn a_line_ends_in_the_instance_s_name() {
        let written = Written::default();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer({
            let written = written.clone();
            move || written.clone()
        });
        let log = log.map_event_format(|format| Named::text(format, Some("a \"b\"\n")));
        let line = line(log.finish(), &written);
        assert!(line.ends_with(" done path=\"/a\" instance=\"a \\\"b\\\"\\n\"\n"), "{line}");
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn an_object_has_it_at_the_top() {
        let written = Written::default();
        let log = tracing_subscriber::fmt().json().flatten_event(true).with_writer({
            let written = written.clone();
            move || written.clone()
        });
        let log = log.map_event_format(|format| Named::json(format, Some("a \"b\"\n")));
        let line = line(log.finish(), &written);
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&told["message"], &told["instance"]), (&"done".into(), &"a \"b\"\n".into()), "{line}");
        assert!(line.ends_with("}\n"), "{line}");
    }
}
