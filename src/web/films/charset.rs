//! Texts of unknown encoding: UTF-8, UTF-16 by its mark, else what the bytes look like.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// The text; what cannot be read in the encoding is replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding.decode(bytes).0.into_owned();
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    detector.guess(None, Utf8Detection::Deny).decode(bytes).0.into_owned()
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
