//! The `Range` header (RFC 9110, section 14).

use std::ops::Range;

/// Most ranges of one request; a list this long is an attack, not a player (RFC 9110, section 17.15).
const MAX_RANGES: usize = 100;

/// What a `Range` header asks of a file of known size.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No usable `Range`: the whole file.
    Whole,
    /// These, half-open and within the file; never empty.
    Parts(Vec<Range<u64>>),
    /// None of the ranges is in the file.
    Unsatisfiable,
}

/// Reads a header. Another unit or a malformed list asks for nothing (RFC 9110, section 14.2), which a
/// too long list does not.
#[must_use]
pub fn parse(header: &str, size: u64) -> Wanted {
    let Some(list) = header.trim().split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes")) else {
        return Wanted::Whole;
    };
    let mut parts: Vec<Range<u64>> = Vec::new();
    let mut count = 0;
    for spec in list.1.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        count += 1;
        if count > MAX_RANGES {
            return Wanted::Unsatisfiable;
        }
        match parse_one(spec, size) {
            Err(Malformed) => return Wanted::Whole,
            Ok(None) => {}
            Ok(Some(part)) => parts.push(part),
        }
    }
    if count == 0 {
        return Wanted::Whole;
    }
    if parts.is_empty() { Wanted::Unsatisfiable } else { Wanted::Parts(joined(parts)) }
}

/// Whether a request asks to the end of the file from some point, as players do.
#[must_use]
pub fn is_open_ended(header: Option<&str>) -> bool {
    header.is_none_or(|text| text.trim_end().ends_with('-') && !text.contains(','))
}

struct Malformed;

/// `a-b`, `a-` or `-n`; absent where it lies beyond the end.
fn parse_one(spec: &str, size: u64) -> Result<Option<Range<u64>>, Malformed> {
    let number = |text: &str| match text.trim() {
        "" => Err(Malformed),
        digits if !digits.bytes().all(|b| b.is_ascii_digit()) => Err(Malformed),
        // More digits than 64 bits hold is beyond any file's end.
        digits => Ok(digits.parse().unwrap_or(u64::MAX)),
    };
    let (first, last) = spec.split_once('-').ok_or(Malformed)?;
    if first.trim().is_empty() {
        let length = number(last)?.min(size);
        return Ok((length > 0).then(|| size - length..size));
    }
    let first = number(first)?;
    let last = if last.trim().is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return Err(Malformed);
    }
    Ok((first < size).then(|| first..last.saturating_add(1).min(size)))
}

/// Overlapping and touching ranges become one; others keep the order asked for.
fn joined(parts: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut kept: Vec<Range<u64>> = Vec::with_capacity(parts.len());
    for mut part in parts {
        while let Some(at) = kept.iter().position(|other| other.start <= part.end && part.start <= other.end) {
            let other = kept.remove(at);
            part = part.start.min(other.start)..part.end.max(other.end);
        }
        kept.push(part);
    }
    kept
}

#[cfg(test)]
mod tests {
    #![expect(clippy::single_range_in_vec_init, reason = "a list of ranges is what is meant")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_three_forms_are_exact() {
        assert_eq!(parse("bytes=0-1", 10), Wanted::Parts(vec![0..2]));
        assert_eq!(parse("bytes=4-", 10), Wanted::Parts(vec![4..10]));
        assert_eq!(parse("bytes=-3", 10), Wanted::Parts(vec![7..10]));
        assert_eq!(parse("bytes=-30", 10), Wanted::Parts(vec![0..10]));
        assert_eq!(parse("bytes=5-500", 10), Wanted::Parts(vec![5..10]));
        assert_eq!(parse("Bytes = 0-0", 10), Wanted::Parts(vec![0..1]));
    }

    #[test]
    fn what_lies_beyond_the_end_is_unsatisfiable() {
        for text in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(parse(text, 10), Wanted::Unsatisfiable, "{text}");
        }
        assert_eq!(parse("bytes=0-0", 0), Wanted::Unsatisfiable);
        assert_eq!(parse("bytes=20-30,0-0", 10), Wanted::Parts(vec![0..1]));
    }

    // Keeps 29.
    #[test]
    fn malformed_headers_and_other_units_ask_for_the_whole() {
        for text in ["", "bytes", "bytes=", "bytes=a-b", "bytes=5-4", "bytes=1", "items=0-1", "bytes=--1", "bytes=+1-2"]
        {
            assert_eq!(parse(text, 10), Wanted::Whole, "{text}");
        }
    }

    #[test]
    fn ten_thousand_ranges_are_refused() {
        let list: Vec<_> = (0..10_000).map(|n| format!("{}-{}", n * 2, n * 2)).collect();
        assert_eq!(parse(&format!("bytes={}", list.join(",")), 1 << 20), Wanted::Unsatisfiable);
    }

    #[test]
    fn overlapping_ranges_are_sent_once() {
        assert_eq!(parse("bytes=0-4,3-8,20-21", 100), Wanted::Parts(vec![0..9, 20..22]));
        assert_eq!(parse("bytes=20-21,0-4,5-6", 100), Wanted::Parts(vec![20..22, 0..7]));
    }

    proptest! {
        #[test]
        fn parts_lie_in_the_file_and_apart(text in "bytes=[0-9,-]{0,30}", size in 0u64..50) {
            if let Wanted::Parts(parts) = parse(&text, size) {
                for (at, part) in parts.iter().enumerate() {
                    prop_assert!(part.start < part.end && part.end <= size);
                    for other in &parts[at + 1..] {
                        prop_assert!(part.end < other.start || other.end < part.start);
                    }
                }
            }
        }
    }
}
