//! How the values of properties are written: text, dates, checksums, numbers.

use crate::clock::UnixSeconds;
use crate::digest::Sha1;
use std::fmt::Display;
use std::io::Write as _;

use jiff::Timestamp;
use jiff::fmt::{rfc2822, temporal};

/// Escaped text; characters that XML 1.0 cannot carry are left out.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let plain = text.bytes().all(|byte| !matches!(byte, b'<' | b'>' | b'&' | 0..=0x1f | 0xef));
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let carried: String = text
        .chars()
        .filter(|c| !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'))
        .collect();
    out.extend_from_slice(quick_xml::escape::partial_escape(carried.as_str()).as_bytes());
}

/// A checksum as ownCloud's clients read it (clients reference, section 3).
pub(super) fn push_sha1(out: &mut Vec<u8>, sha1: Sha1) {
    out.extend_from_slice(b"<oc:checksum>SHA1:");
    out.extend_from_slice(sha1.upper().as_bytes());
    out.extend_from_slice(b"</oc:checksum>");
}

/// Times before 1970 or beyond 9999, which no drive tells, count as the epoch.
fn timestamp(moment: UnixSeconds) -> Timestamp {
    Timestamp::from_second(moment.0.max(0)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// RFC 9110's preferred form of a date.
pub(super) fn push_http_date(out: &mut Vec<u8>, moment: UnixSeconds) {
    let written = rfc2822::DateTimePrinter::new().print_timestamp_rfc9110(&timestamp(moment), out);
    written.expect("a year from 1970 to 9999 can be written");
}

/// RFC 3339's form, which `creationdate` has.
pub(super) fn push_rfc3339(out: &mut Vec<u8>, moment: UnixSeconds) {
    let written = temporal::DateTimePrinter::new().print_timestamp(&timestamp(moment), out);
    written.expect("memory takes every byte");
}

/// A number or the like, which needs no escaping.
pub(super) fn push_display(out: &mut Vec<u8>, value: impl Display) {
    write!(out, "{value}").expect("memory takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_no_protocol_can_say_count_as_the_epoch() {
        for (seconds, http, rfc3339) in [
            (1_767_225_599, "Wed, 31 Dec 2025 23:59:59 GMT", "2025-12-31T23:59:59Z"),
            (253_402_000_000, "Tue, 28 Dec 9999 12:26:40 GMT", "9999-12-28T12:26:40Z"),
            (253_402_300_800, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
            (i64::MAX, "Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
        ] {
            let (mut out, mut other) = (Vec::new(), Vec::new());
            push_http_date(&mut out, UnixSeconds(seconds));
            push_rfc3339(&mut other, UnixSeconds(seconds));
            assert_eq!(
                (String::from_utf8(out).unwrap(), String::from_utf8(other).unwrap()),
                (http.into(), rfc3339.into())
            );
        }
    }

    #[test]
    fn text_is_escaped_and_keeps_only_what_xml_can_carry() {
        let mut out = Vec::new();
        push_text(&mut out, "a<b>&\u{1}c\u{ffff}é");
        assert_eq!(String::from_utf8(out).unwrap(), "a&lt;b&gt;&amp;cé");
    }
}
