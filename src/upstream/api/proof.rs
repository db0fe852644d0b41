//! The proof of possession for a rapid upload (reference 3.11): up to eight bytes of the content,
//! at an offset that the access token of the very request decides.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// Which bytes of a content of `size` bytes the token asks for; empty for empty content.
pub(in crate::upstream) fn proof_range(access_token: &str, size: u64) -> Range<u64> {
    if size == 0 {
        return 0..0;
    }
    let digest: [u8; 16] = Md5::digest(access_token.as_bytes()).into();
    // The first 16 hex digits, read as an unsigned number, are the first eight bytes, big end first.
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    let start = u64::from_be_bytes(first) % size;
    start..(start + 8).min(size)
}

/// The bytes of [`proof_range`] as the request carries them.
pub(in crate::upstream) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(token: &str, content: &[u8]) -> (Range<u64>, String) {
        let range = proof_range(token, content.len() as u64);
        let (start, end) = (usize::try_from(range.start).unwrap_or(0), usize::try_from(range.end).unwrap_or(0));
        (range, encode(&content[start..end]))
    }

    #[test]
    fn agrees_with_the_reference_examples() {
        let fox = b"The quick brown fox jumps over the lazy dog";
        let pattern: Vec<u8> = (0..4096u32).map(|i| u8::try_from(i % 251).unwrap_or(0)).collect();
        let first = "example-access-token-0001";
        assert_eq!(proof(first, fox), (14..22, "biBmb3gganU=".into()));
        assert_eq!(proof(first, b"hello"), (3..5, "bG8=".into()));
        assert_eq!(proof(first, b""), (0..0, String::new()));
        assert_eq!(proof(first, &pattern), (649..657, "k5SVlpeYmZo=".into()));
        assert_eq!(proof("example-access-token-0281", &pattern), (4090..4096, "SktMTU5P".into()));
        assert_eq!(proof("example-access-token-0004", fox), (36..43, "YXp5IGRvZw==".into()));
    }
}
