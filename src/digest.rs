//! The SHA-1 of a content, by which the drive knows it, and its two spellings.
//!
//! Hashing itself is the `sha1` crate's.

use std::fmt;

use sha1::Digest as _;

/// SHA-1 of a content. Shown in lower-case hex.
///
/// ```
/// use alidav::digest::Sha1;
///
/// let sum = Sha1::of(b"abc");
/// assert_eq!(sum.to_string(), "a9993e364706816aba3e25717850c26c9cd0d89d");
/// assert_eq!(Sha1::parse("A9993E364706816ABA3E25717850C26C9CD0D89D"), Some(sum));
/// assert_eq!(Sha1::parse("a9993e"), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha1([u8; 20]);

impl Sha1 {
    /// Of no bytes (reference 3.21).
    pub const EMPTY: Self = Self(*b"\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07\x09");

    /// Of these bytes.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(sha1::Sha1::digest(content).into())
    }

    /// Reads forty hex digits of either case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 20 || !rest.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut sha1 = [0; 20];
        for (byte, pair) in sha1.iter_mut().zip(pairs) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(sha1))
    }

    /// Its twenty bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 20] {
        self.0
    }

    /// Lower-case hex, as entity tags have it.
    #[must_use]
    pub fn lower(self) -> Hex {
        self.hex(b"0123456789abcdef")
    }

    /// Upper-case hex, as the service and ownCloud's clients write it.
    #[must_use]
    pub fn upper(self) -> Hex {
        self.hex(b"0123456789ABCDEF")
    }

    fn hex(self, digits: &[u8; 16]) -> Hex {
        let mut hex = [0; 40];
        for (pair, byte) in hex.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]];
        }
        Hex(hex)
    }
}

impl From<[u8; 20]> for Sha1 {
    fn from(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

/// Of what the hasher has taken.
impl From<sha1::Sha1> for Sha1 {
    fn from(hasher: sha1::Sha1) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.lower(), f)
    }
}

impl fmt::Debug for Sha1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.lower(), f)
    }
}

/// A SHA-1 written out.
#[derive(Clone, Copy)]
pub struct Hex([u8; 40]);

impl Hex {
    /// The forty digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_and_written() {
        let hello = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
        assert_eq!(Sha1::of(b"hello").to_string(), hello);
        assert_eq!(Sha1::parse(hello), Sha1::parse(&hello.to_uppercase()));
        assert_eq!(Sha1::of(b"hello").upper().to_string(), hello.to_uppercase());
        assert_eq!(Sha1::of(b""), Sha1::EMPTY);
        assert_eq!(Sha1::from(sha1::Sha1::new()), Sha1::EMPTY);
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for odd in ["", "aa", &"a".repeat(39), &"a".repeat(41), &"g".repeat(40), &"+1".repeat(20), &"é".repeat(20)] {
            assert_eq!(Sha1::parse(odd), None, "{odd}");
        }
    }
}
