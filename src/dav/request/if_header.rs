//! The grammar of the `If` header (RFC 4918, section 10.4.2).

/// Conditions of which all must hold, on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dav) struct List {
    /// Reference of the resource that they are about; absent for the request's own.
    pub(in crate::dav) resource: Option<String>,
    pub(in crate::dav) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dav) struct Condition {
    pub(in crate::dav) not: bool,
    pub(in crate::dav) item: Item,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dav) enum Item {
    /// A lock token, or another URI.
    State(String),
    /// An entity tag as it stands there, with its quotes.
    Tag(String),
}

/// Reads `[<resource>] ( [Not] <token> | [Not] [etag] … ) …`, of which one list must hold; absent where it is
/// malformed: a client that meant a condition must not lose its guard over a typing mistake.
pub(in crate::dav) fn parse(value: &str) -> Option<Vec<List>> {
    let mut rest = value.trim();
    let mut lists = Vec::new();
    let mut resource = None;
    while !rest.is_empty() {
        if rest.starts_with('<') {
            let (reference, after) = enclosed(rest, '>')?;
            resource = Some(reference.to_owned());
            rest = after;
        }
        let (conditions, after) = list(rest)?;
        lists.push(List { resource: resource.clone(), conditions });
        rest = after;
    }
    (!lists.is_empty()).then_some(lists)
}

/// One list in parentheses, and what follows.
fn list(text: &str) -> Option<(Vec<Condition>, &str)> {
    let mut rest = text.strip_prefix('(')?.trim_start();
    let mut conditions = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix(')') {
            return (!conditions.is_empty()).then(|| (conditions, after.trim_start()));
        }
        let not = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not"));
        rest = if not { rest[3..].trim_start() } else { rest };
        let (item, after) = if rest.starts_with('[') { entity_tag(rest)? } else { state(rest)? };
        conditions.push(Condition { not, item });
        rest = after;
    }
}

/// `<token>`, an absolute URI.
fn state(text: &str) -> Option<(Item, &str)> {
    let (token, rest) = enclosed(text.strip_prefix('<').map(|_| text)?, '>')?;
    token.contains(':').then(|| (Item::State(token.to_owned()), rest))
}

/// `["tag"]` or `[W/"tag"]`; a bracket may be part of the tag.
fn entity_tag(text: &str) -> Option<(Item, &str)> {
    let inner = text[1..].trim_start();
    let opening = if inner.starts_with("W/\"") { 2 } else { 0 };
    let quoted = inner[opening..].strip_prefix('"')?;
    let end = opening + 1 + quoted.find('"')? + 1;
    let rest = inner[end..].trim_start().strip_prefix(']')?;
    Some((Item::Tag(inner[..end].to_owned()), rest.trim_start()))
}

/// What stands between the first character and `end`, and what follows.
fn enclosed(text: &str, end: char) -> Option<(&str, &str)> {
    let (inner, rest) = text.get(1..)?.split_once(end)?;
    (!inner.is_empty()).then(|| (inner, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(not: bool, token: &str) -> Condition {
        Condition { not, item: Item::State(token.into()) }
    }

    fn tag(not: bool, tag: &str) -> Condition {
        Condition { not, item: Item::Tag(tag.into()) }
    }

    #[test]
    fn conditions_of_the_standard_are_read() {
        let of =
            |value| parse(value).unwrap().into_iter().map(|list| (list.resource, list.conditions)).collect::<Vec<_>>();
        assert_eq!(
            of("(<urn:uuid:181d4fae> [\"I am an ETag\"]) ([\"another]\"])"),
            [
                (None, vec![state(false, "urn:uuid:181d4fae"), tag(false, "\"I am an ETag\"")]),
                (None, vec![tag(false, "\"another]\"")])
            ]
        );
        assert_eq!(of("(Not <urn:a>not<urn:b>)"), [(None, vec![state(true, "urn:a"), state(true, "urn:b")])]);
        assert_eq!(
            of("</one> (<urn:a> [W/\"weak\"])(Not [\"strong\"]) <http://x/two>(<DAV:no-lock>)"),
            [
                (Some("/one".to_owned()), vec![state(false, "urn:a"), tag(false, "W/\"weak\"")]),
                (Some("/one".to_owned()), vec![tag(true, "\"strong\"")]),
                (Some("http://x/two".to_owned()), vec![state(false, "DAV:no-lock")]),
            ]
        );
    }

    #[test]
    fn anything_else_is_malformed() {
        for value in [
            "",
            "((((",
            "()",
            "<a>",
            "(<a:b>",
            "(a)",
            "(<a>)",
            "(<a:b>) b",
            "urn:uuid:1",
            "([x)",
            "([x])",
            "([\"x)",
            "([\"x])",
            "(Not)",
            "(<>)",
            "([])",
            "(\"x\")",
            "<é",
            "(Not Not <a:b>)",
        ] {
            assert_eq!(parse(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_reading_panic(value in "[ \\[\\]()<>\"W/Nota:é]{0,30}") {
            let _ = parse(&value);
        }
    }
}
