//! Subtitles as WebVTT, which browsers show: from SubRip, or from WebVTT of any writing.

/// What stands between the times of a cue.
const ARROW: &str = "-->";

/// The text as WebVTT.
pub(super) fn vtt(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace(['\r', '\0'], "\n");
    if text.starts_with("WEBVTT") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str("WEBVTT\n\n");
    for line in text.lines() {
        match line.split_once(ARROW).and_then(|(from, to)| Some((time(from)?, time(to)?))) {
            Some((from, to)) => out.push_str(&format!("{from} {ARROW} {to}\n")),
            // An arrow in words would begin a cue.
            None => {
                out.push_str(&words(line).replace(ARROW, "→"));
                out.push('\n');
            }
        }
    }
    out
}

/// A time of SubRip, `1:02:03,5` or with more and less of it, as WebVTT writes it; positions behind it are left out.
fn time(text: &str) -> Option<String> {
    let text = text.split_whitespace().next()?.replace(',', ".");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let mut parts = whole.rsplit(':').map(|part| part.parse::<u32>().ok());
    let seconds = parts.next()??;
    let minutes = parts.next().unwrap_or(Some(0))?;
    let hours = parts.next().unwrap_or(Some(0))?;
    let fraction: String = fraction.chars().take_while(char::is_ascii_digit).chain("000".chars()).take(3).collect();
    (parts.next().is_none() && minutes < 60 && seconds < 60)
        .then(|| format!("{hours:02}:{minutes:02}:{seconds:02}.{fraction}"))
}

/// A line without the overrides of another format that many files carry, such as `{\an8}`.
fn words(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{\\") {
        out.push_str(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subrip_becomes_webvtt() {
        let srt = "\u{feff}1\r\n00:00:01,000 --> 00:00:04,5 X1:1 X2:2\r\n{\\an8}你好 --> <i>w</i>\r\n\r\n2\r\n1:2,25 --> 01:00:03,000\r\nb\r\n";
        assert_eq!(
            vtt(srt),
            "WEBVTT\n\n1\n00:00:01.000 --> 00:00:04.500\n你好 → <i>w</i>\n\n2\n00:01:02.250 --> 01:00:03.000\nb\n"
        );
    }

    #[test]
    fn webvtt_stays_as_it_is_but_for_its_line_ends() {
        let text = "WEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\na\r\n";
        assert_eq!(vtt(text), text.replace('\r', ""));
    }

    #[test]
    fn nonsense_does_no_harm() {
        for text in ["", "-->", "a --> b", "99:99:99,9 --> 1", "{\\", "\0"] {
            assert!(vtt(text).starts_with("WEBVTT\n\n"), "{text}");
        }
    }
}
