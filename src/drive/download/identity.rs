//! What an open body is of: so that what follows another body is of the same content, or nothing follows.

use crate::upstream::DataBody;

/// What tells whether a newly opened body is of the same content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentId {
    total: u64,
    etag: Option<String>,
    crc64: Option<String>,
    last_modified: Option<String>,
}

impl ContentId {
    pub(in crate::drive) fn of(body: &DataBody) -> Self {
        Self {
            total: body.total,
            etag: body.etag.clone(),
            crc64: body.crc64.clone(),
            last_modified: body.last_modified.clone(),
        }
    }

    pub(in crate::drive) fn total(&self) -> u64 {
        self.total
    }

    /// Whether other content of the same length would be told apart.
    pub(in crate::drive) fn tells(&self) -> bool {
        self.etag.is_some() || self.crc64.is_some() || self.last_modified.is_some()
    }

    /// The first that both answers carry decides: entity tag, checksum, else the time of modification.
    pub(in crate::drive) fn same(&self, other: &Self) -> bool {
        self.total == other.total
            && match (&self.etag, &other.etag, &self.crc64, &other.crc64) {
                (Some(a), Some(b), ..) | (_, _, Some(a), Some(b)) => a == b,
                _ => self.last_modified == other.last_modified,
            }
    }
}

#[cfg(test)]
impl ContentId {
    pub(in crate::drive) fn of_tag(tag: Option<&str>) -> Self {
        Self { total: 0, etag: tag.map(str::to_owned), crc64: None, last_modified: None }
    }
}

#[cfg(test)]
mod tests {
    use super::ContentId;

    #[test]
    fn content_is_told_apart_by_what_both_answers_say() {
        let identity = |etag: &str, crc64: &str, last_modified: &str| {
            let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            ContentId { total: 9, etag: said(etag), crc64: said(crc64), last_modified: said(last_modified) }
        };
        assert!(identity("a", "1", "x").same(&identity("a", "", "y")));
        assert!(!identity("a", "1", "x").same(&identity("b", "1", "x")));
        assert!(!identity("", "1", "x").same(&identity("a", "2", "x")));
        assert!(identity("", "1", "x").same(&identity("", "1", "y")));
        assert!(!identity("a", "", "x").same(&identity("", "1", "y")));
        assert!(!identity("a", "", "x").same(&ContentId { total: 8, ..identity("a", "", "x") }));
        assert!(identity("", "1", "").tells() && !identity("", "", "").tells());
    }
}
