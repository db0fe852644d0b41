//! Which of what is found is wanted.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::clock::UnixMillis;

/// The choice that the arguments make.
#[derive(Debug)]
pub(super) struct Choice {
    excluded: GlobSet,
    newer_than: Option<UnixMillis>,
}

impl Choice {
    /// # Errors
    /// An argument makes no sense, in words.
    pub(super) fn new(excluded: &[String], newer_than: Option<&str>) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for pattern in excluded {
            set.add(glob(pattern).map_err(|error| format!("--exclude {pattern}: {}", error.kind()))?);
        }
        Ok(Self {
            excluded: set.build().map_err(|error| format!("--exclude: {error}"))?,
            newer_than: newer_than.map(moment).transpose()?,
        })
    }

    /// Whether the path below a source is left out.
    pub(super) fn excludes(&self, at: &str) -> bool {
        self.excluded.is_match(at)
    }

    /// Whether a file was changed too long ago. One whose time is not known is wanted.
    pub(super) fn is_too_old(&self, modified: Option<UnixMillis>) -> bool {
        self.newer_than.zip(modified).is_some_and(|(limit, modified)| modified < limit)
    }
}

/// A pattern without a slash is of a name at any depth, one with a slash of a path below the source.
fn glob(pattern: &str) -> Result<globset::Glob, globset::Error> {
    let plain = pattern.trim_end_matches('/');
    let whole = match plain.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None if plain.contains('/') => plain.to_owned(),
        None => format!("**/{plain}"),
    };
    GlobBuilder::new(&whole).literal_separator(true).build()
}

/// `7d`, `12h`, a date by the machine's time zone, or a moment with its zone.
fn moment(text: &str) -> Result<UnixMillis, String> {
    let wrong = || format!("--newer-than {text}: must be like 7d, 12h, 2024-05-01 or 2024-05-01T12:00:00Z");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        "w" => Some(7 * 86_400),
        _ => None,
    };
    if let Some(unit) = seconds {
        let span = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(wrong)?;
        return Ok(UnixMillis::now().minus(std::time::Duration::from_secs(span)));
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(UnixMillis(moment.as_millisecond()));
    }
    let date: jiff::civil::Date = text.parse().map_err(|_| wrong())?;
    let begin = date.to_zoned_datetime(jiff::tz::TimeZone::system()).map_err(|_| wrong())?;
    Ok(UnixMillis(begin.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_slash_is_of_a_name_at_any_depth() {
        let words = ["*.tmp", "cache/", "a/*.nfo", "/top", "**/deep/x"].map(str::to_owned);
        let choice = Choice::new(&words, None).unwrap();
        for out in ["a.tmp", "b/c.tmp", "cache", "b/cache", "a/x.nfo", "top", "q/deep/x"] {
            assert!(choice.excludes(out), "{out}");
        }
        for wanted in ["a.tmp2", "b/a/x.nfo", "a/b/x.nfo", "b/top", "x.nfo"] {
            assert!(!choice.excludes(wanted), "{wanted}");
        }
        assert!(Choice::new(&["a[".to_owned()], None).unwrap_err().contains("a["));
    }

    #[test]
    fn times_are_spans_dates_and_moments() {
        let day = UnixMillis::now().minus(std::time::Duration::from_secs(86_400));
        let choice = |text: &str| Choice::new(&[], Some(text));
        assert!(choice("23h").unwrap().is_too_old(Some(day)));
        assert!(!choice("2d").unwrap().is_too_old(Some(day)));
        assert!(!choice("1m").unwrap().is_too_old(None));
        let fixed = choice("2024-05-01T00:00:00Z").unwrap();
        assert!(fixed.is_too_old(Some(UnixMillis(1_714_521_599_999))));
        assert!(!fixed.is_too_old(Some(UnixMillis(1_714_521_600_000))));
        assert!(choice("2024-05-01").unwrap().is_too_old(Some(UnixMillis(0))));
        for odd in ["", "d", "7 parsecs", "2024-13-01", "99999999999999999999d"] {
            assert!(choice(odd).unwrap_err().contains("--newer-than"), "{odd}");
        }
    }
}
