//! Whether the head of an answer of the data host is what was asked for.

use std::ops::Range;

use http::{HeaderMap, StatusCode, header};

use crate::upstream::data::error::{DataError, DataErrorKind};
use crate::upstream::http::clients::DataAnswer;
use crate::upstream::signed_url::SignedUrl;

/// Where the host sends us for the content, if it does.
pub(super) fn redirection(from: &SignedUrl, answer: &DataAnswer) -> Option<SignedUrl> {
    const FOLLOWED: [u16; 5] = [301, 302, 303, 307, 308];
    let target = answer.headers().get(header::LOCATION).filter(|_| FOLLOWED.contains(&answer.status().as_u16()))?;
    let target = target.to_str().ok()?;
    SignedUrl::parse(target).or_else(|| {
        let base: url::Url = from.expose().to_string().parse().ok()?;
        SignedUrl::parse(base.join(target).ok()?.as_str())
    })
}

/// Bytes of the whole entity, if the answer brings exactly `range` of it, or at least begins with that.
///
/// # Errors
/// [`DataErrorKind::Shorter`] for an entity that ends before the range does, [`DataErrorKind::WrongRange`] for any
/// other answer.
pub(super) fn total(status: StatusCode, headers: &HeaderMap, range: &Range<u64>) -> Result<u64, DataError> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let wrong = |what: String| {
        let asked = format!("asked for bytes {}-{}", range.start, range.end - 1);
        DataError::new(DataErrorKind::WrongRange, format!("{asked}, got status {} {what}", status.as_u16()))
    };
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|encoding| !encoding.eq_ignore_ascii_case("identity"))
    {
        return Err(wrong(format!("in encoding {encoding}")));
    }
    let (answered, total) = match status {
        StatusCode::PARTIAL_CONTENT => content_range(headers)
            .ok_or_else(|| wrong(format!("range {}", text(header::CONTENT_RANGE).unwrap_or("none"))))?,
        // To a range that a host does not understand or cannot satisfy it gives the whole (reference 3.9).
        _ => {
            content_length(headers).map(|length| (0..length, length)).ok_or_else(|| wrong("without a length".into()))?
        }
    };
    if total < range.end {
        let message = format!("the content has {total} bytes, {} were expected", range.end);
        return Err(DataError::new(DataErrorKind::Shorter, message));
    }
    let exact = if status == StatusCode::OK { answered.start == range.start } else { answered == *range };
    if exact { Ok(total) } else { Err(wrong(format!("range {}-{}", answered.start, answered.end))) }
}

/// `Content-Range: bytes a-b/total` as a half-open range and the total.
fn content_range(headers: &HeaderMap) -> Option<(Range<u64>, u64)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.trim().split_once('-')?;
    let (first, last, total): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, total.trim().parse().ok()?);
    (first <= last && last < total).then(|| (first..last + 1, total))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_that_make_no_sense_are_not_believed() {
        let read =
            |text: &'static str| content_range(&HeaderMap::from_iter([(header::CONTENT_RANGE, text.parse().unwrap())]));
        assert_eq!(read("bytes 0-0/5"), Some((0..1, 5)));
        assert_eq!(read("bytes 2-4/5"), Some((2..5, 5)));
        for text in
            ["bytes 4-2/5", "bytes 0-5/5", "bytes */5", "bytes 0-1/*", "octets 0-1/5", "bytes 0-18446744073709551615/5"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
