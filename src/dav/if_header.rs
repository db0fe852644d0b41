//! The grammar of the `If` header (RFC 4918, section 10.4.2).
//!
//! dav-server evaluates it and takes what it cannot read for an absent condition; a client that meant a
//! condition must not lose its guard over a typing mistake.

/// Whether the value is a list of conditions: `[<resource>] ( [Not] <token> | [Not] [etag] … ) …`.
pub(super) fn is_well_formed(value: &[u8]) -> bool {
    let mut rest = value.trim_ascii();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        if rest[0] == b'<' {
            let Some(after) = past(rest, b'>') else { return false };
            rest = after;
        }
        let Some(after) = list(rest) else { return false };
        rest = after;
    }
    true
}

/// What follows the first `end`, without blanks.
fn past(text: &[u8], end: u8) -> Option<&[u8]> {
    let at = text.iter().position(|byte| *byte == end)?;
    Some(text[at + 1..].trim_ascii_start())
}

/// What follows one parenthesised list, which is not empty.
fn list(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"(")?.trim_ascii_start();
    let mut count = 0;
    while rest.first()? != &b')' {
        if rest.len() > 3 && rest[..3].eq_ignore_ascii_case(b"not") {
            rest = rest[3..].trim_ascii_start();
        }
        rest = match rest.first()? {
            b'<' => past(rest, b'>')?,
            b'[' => past(rest, b']')?,
            _ => return None,
        };
        count += 1;
    }
    (count > 0).then(|| rest[1..].trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::is_well_formed;

    #[test]
    fn conditions_of_the_standard_are_well_formed() {
        for value in [
            "(<urn:uuid:181d4fae> [\"I am an ETag\"]) ([\"I am another ETag\"])",
            "(Not <urn:uuid:181d4fae> <urn:uuid:58f202ac>)",
            "(<urn:uuid:181d4fae>) (Not <DAV:no-lock>)",
            "</resource1> (<urn:uuid:181d4fae> [W/\"A weak ETag\"]) ([\"strong ETag\"])",
            "<http://www.example.com/specs/> (<urn:uuid:181d4fae>)",
        ] {
            assert!(is_well_formed(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn anything_else_is_not() {
        for value in ["", "((((", "()", "<a>", "(<a>", "(a)", "(<a>) b", "urn:uuid:1", "([x)", "(Not)"] {
            assert!(!is_well_formed(value.as_bytes()), "{value}");
        }
    }
}
