//! Conditional requests on a file (RFC 9110, section 13).

use http::{HeaderMap, header};

use crate::clock::UnixSeconds;

/// What a file's validators are.
#[derive(Debug, Clone, Copy)]
pub(in crate::dav) struct Validators<'a> {
    /// Strong entity tag with its quotes.
    pub(in crate::dav) etag: Option<&'a str>,
    /// `Last-Modified`.
    pub(in crate::dav) modified: UnixSeconds,
    /// When the drive last changed the item. An uploader's time of modification can go
    /// back with new content, so it alone does not prove that nothing changed.
    pub(in crate::dav) changed: UnixSeconds,
}

/// How the preconditions come out, in the order of RFC 9110, section 13.2.2.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::dav) enum Verdict {
    Proceed,
    NotModified,
    Failed,
}

pub(in crate::dav) fn evaluate(headers: &HeaderMap, validators: Validators<'_>) -> Verdict {
    let if_match = list(headers, header::IF_MATCH);
    if let Some(tags) = if_match {
        if !matches(&tags, validators.etag, Strength::Strong) {
            return Verdict::Failed;
        }
    } else if date(headers, header::IF_UNMODIFIED_SINCE).is_some_and(|since| validators.modified > since) {
        return Verdict::Failed;
    }
    if let Some(tags) = list(headers, header::IF_NONE_MATCH) {
        if matches(&tags, validators.etag, Strength::Weak) {
            return Verdict::NotModified;
        }
    } else if let Some(since) = date(headers, header::IF_MODIFIED_SINCE)
        && (since == validators.modified || (validators.modified <= since && validators.changed <= since))
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// Whether a change may go ahead; without validators there is nothing at the path.
pub(in crate::dav) fn permit_change(headers: &HeaderMap, current: Option<Validators<'_>>) -> bool {
    if let Some(tags) = list(headers, header::IF_MATCH) {
        if !current.is_some_and(|current| matches(&tags, current.etag, Strength::Strong)) {
            return false;
        }
    } else if let Some(since) = date(headers, header::IF_UNMODIFIED_SINCE)
        && current.is_none_or(|current| current.modified > since)
    {
        return false;
    }
    let unwanted = list(headers, header::IF_NONE_MATCH);
    !unwanted.is_some_and(|tags| current.is_some_and(|current| matches(&tags, current.etag, Strength::Weak)))
}

/// Whether `Range` counts: without `If-Range`, or with one that names the current content.
pub(in crate::dav) fn range_counts(headers: &HeaderMap, validators: Validators<'_>) -> bool {
    let Some(value) = headers.get(header::IF_RANGE) else { return true };
    let Ok(text) = value.to_str() else { return false };
    let text = text.trim();
    if text.starts_with('"') || text.starts_with("W/") {
        return validators.etag == Some(text);
    }
    parse_date(text) == Some(validators.modified)
}

#[derive(PartialEq)]
enum Strength {
    Strong,
    Weak,
}

fn matches(tags: &str, etag: Option<&str>, strength: Strength) -> bool {
    if tags.trim() == "*" {
        return true;
    }
    let Some(etag) = etag else { return false };
    split(tags).any(|tag| match tag.strip_prefix("W/") {
        Some(weak) => strength == Strength::Weak && weak == etag,
        None => tag == etag,
    })
}

/// Entity tags of a list; a comma may be part of a tag.
fn split(tags: &str) -> impl Iterator<Item = &str> {
    let mut rest = tags;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let opening = rest.find('"')?;
        let closing = rest[opening + 1..].find('"')? + opening + 2;
        let (tag, after) = rest.split_at(closing);
        rest = after;
        Some(tag.trim())
    })
}

/// All fields of the name as one list.
fn list(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    // One that cannot be read is there all the same, and matches nothing.
    let values: Vec<_> = headers.get_all(name).iter().map(|v| v.to_str().unwrap_or_default()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<UnixSeconds> {
    parse_date(headers.get(name)?.to_str().ok()?)
}

fn parse_date(text: &str) -> Option<UnixSeconds> {
    let time = httpdate::parse_http_date(text).ok()?;
    i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs()).ok().map(UnixSeconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: &str = "Thu, 01 Jan 1970 00:16:40 GMT"; // 1000 s

    fn file() -> Validators<'static> {
        Validators { etag: Some("\"a,b\""), modified: UnixSeconds(1000), changed: UnixSeconds(2000) }
    }

    fn verdict(headers: &[(header::HeaderName, &str)]) -> Verdict {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        evaluate(&headers, file())
    }

    #[test]
    fn tags_are_compared_weakly_for_none_match_and_strongly_for_match() {
        assert_eq!(verdict(&[(header::IF_NONE_MATCH, "\"x\", W/\"a,b\"")]), Verdict::NotModified);
        assert_eq!(verdict(&[(header::IF_NONE_MATCH, "\"x\"")]), Verdict::Proceed);
        assert_eq!(verdict(&[(header::IF_NONE_MATCH, "*")]), Verdict::NotModified);
        assert_eq!(verdict(&[(header::IF_MATCH, "\"a,b\"")]), Verdict::Proceed);
        assert_eq!(verdict(&[(header::IF_MATCH, "W/\"a,b\"")]), Verdict::Failed);
        assert_eq!(verdict(&[(header::IF_MATCH, "*")]), Verdict::Proceed);
    }

    #[test]
    fn a_change_goes_ahead_only_on_the_content_that_the_client_knows() {
        let permit = |name: header::HeaderName, value: &str, current: Option<Validators<'_>>| {
            permit_change(&HeaderMap::from_iter([(name, value.parse().unwrap())]), current)
        };
        for (name, value, over_it, on_nothing) in [
            (header::IF_MATCH, "*", true, false),
            (header::IF_MATCH, "\"x\", \"a,b\"", true, false),
            (header::IF_MATCH, "W/\"a,b\"", false, false),
            (header::IF_MATCH, "\"", false, false),
            (header::IF_NONE_MATCH, "*", false, true),
            (header::IF_NONE_MATCH, "W/\"a,b\"", false, true),
            (header::IF_NONE_MATCH, "\"x\"", true, true),
            (header::IF_UNMODIFIED_SINCE, THEN, true, false),
            (header::IF_UNMODIFIED_SINCE, "Thu, 01 Jan 1970 00:00:00 GMT", false, false),
            (header::IF_MODIFIED_SINCE, THEN, true, true),
        ] {
            let found = (permit(name.clone(), value, Some(file())), permit(name.clone(), value, None));
            assert_eq!(found, (over_it, on_nothing), "{name}: {value}");
        }
        assert!(permit_change(&HeaderMap::new(), None));
    }

    #[test]
    fn a_tag_outweighs_a_date() {
        assert_eq!(verdict(&[(header::IF_NONE_MATCH, "\"x\""), (header::IF_MODIFIED_SINCE, THEN)]), Verdict::Proceed);
    }

    // Keeps 31.
    #[test]
    fn not_modified_only_if_the_drive_saw_no_change_either() {
        assert_eq!(verdict(&[(header::IF_MODIFIED_SINCE, THEN)]), Verdict::NotModified);
        let between = "Thu, 01 Jan 1970 00:25:00 GMT";
        assert_eq!(verdict(&[(header::IF_MODIFIED_SINCE, between)]), Verdict::Proceed);
        let later = "Thu, 01 Jan 1970 01:00:00 GMT";
        assert_eq!(verdict(&[(header::IF_MODIFIED_SINCE, later)]), Verdict::NotModified);
        assert_eq!(verdict(&[(header::IF_UNMODIFIED_SINCE, "Thu, 01 Jan 1970 00:00:00 GMT")]), Verdict::Failed);
        assert_eq!(verdict(&[(header::IF_MODIFIED_SINCE, "yesterday")]), Verdict::Proceed);
    }

    #[test]
    fn a_resumed_download_gets_its_range_only_of_the_same_content() {
        let counts =
            |value: &str| range_counts(&HeaderMap::from_iter([(header::IF_RANGE, value.parse().unwrap())]), file());
        assert!(counts("\"a,b\""));
        assert!(!counts("W/\"a,b\""));
        assert!(counts(THEN));
        assert!(!counts("Thu, 01 Jan 1970 00:16:41 GMT"));
        assert!(range_counts(&HeaderMap::new(), file()));
    }
}
