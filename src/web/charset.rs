//! Texts of unknown encoding: what a mark at the beginning says, else UTF-8, else what the bytes look like.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8};

/// A text, and how it was read.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: &'static Encoding,
    /// Nothing says that this is its encoding.
    pub(super) guessed: bool,
}

/// The text of a whole file; what cannot be read in the encoding is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    decode(bytes, None, false).text
}

/// As `named`, else as a mark at the beginning says, else as the bytes look like. The last character of a `truncated`
/// text may have been cut in two.
pub(super) fn decode(bytes: &[u8], named: Option<&'static Encoding>, truncated: bool) -> Decoded {
    if let (Some((encoding, mark)), None) = (Encoding::for_bom(bytes), named) {
        let (text, _) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return Decoded { text: text.into_owned(), encoding, guessed: false };
    }
    let encoding = named.unwrap_or_else(|| guess(bytes, truncated));
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if truncated && encoding == UTF_8 && error.error_len().is_none() => &bytes[..error.valid_up_to()],
        _ => bytes,
    };
    let (text, _) = encoding.decode_with_bom_removal(whole);
    Decoded { text: text.into_owned(), encoding, guessed: named.is_none() && encoding != UTF_8 }
}

fn guess(bytes: &[u8], truncated: bool) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        Ok(_) => return UTF_8,
        Err(error) if truncated && error.error_len().is_none() => return UTF_8,
        Err(_) => {}
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, !truncated);
    // The bytes are no UTF-8.
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subtitles_of_every_usual_encoding_are_read() {
        let words = "你好，世界。这是一个字幕，用来看看编码是不是被认出来了。";
        let gb = encoding_rs::GB18030.encode(words).0;
        let big5 = encoding_rs::BIG5.encode("這是繁體中文的字幕，看看編碼是不是被認出來了。").0;
        assert_eq!(text(&gb), words);
        assert!(text(&big5).starts_with("這是繁體中文"));
        assert_eq!(text(words.as_bytes()), words);
        assert_eq!(text(&[b"\xef\xbb\xbf", words.as_bytes()].concat()), words);
        let utf16: Vec<u8> = [0xfeff].into_iter().chain(words.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(text(&utf16), words);
    }
}
