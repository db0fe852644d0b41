//! Signed URLs: addresses that whoever holds them may use for a while.
//!
//! Answers for taking them in as the service wrote them and for how long they may be used. It refuses to print them,
//! to encode them anew, and to trust the wall clock of this machine where the service's own tells the time.

use std::fmt;
use std::time::Duration;

use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri, header};
use tokio::time::Instant;
use url::Url;

use crate::clock::UnixMillis;

/// Life of a URL of which nothing plausible is said (reference 3.8).
const DEFAULT_LIFE: Duration = Duration::from_secs(900);

/// A URL that has just come may be said to have ended so long ago, and to live so much longer; more says nothing.
const LONG_PAST_MS: i64 = 3600 * 1000;
const FAR_AHEAD_MS: i64 = 8 * 86_400 * 1000;

/// The data host that serves everywhere, and its address within the Beijing region (reference 3.12).
const STEADY_HOST: &str = "cn-beijing-data.aliyundrive.net";
const INTERNAL_HOST: &str = "ccp-bj29-bj-1592982087.oss-cn-beijing-internal.aliyuncs.com";

/// Where links have been since 2026: a host that refuses on some networks. What it has is at the steady one too, by the
/// same path and query (reference 3.9).
const UNSTEADY_HOST: &str = "dl1-v6.aliyundrive.cloud";

/// A signed URL of the data host: whoever holds it may read or write, so it prints masked. Path and query stay
/// as the service wrote them, never encoded anew (reference 3.9).
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl {
    uri: Uri,
    /// Whether the service named the unsteady host.
    steadied: bool,
}

impl SignedUrl {
    /// Takes a URL as the service gave it; absent for what is no `http` URL.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let absolute = if text.starts_with("//") { format!("https:{text}") } else { text.to_owned() };
        let exact = absolute.parse().ok();
        // What no request line can hold has to be encoded.
        let uri: Uri = exact.or_else(|| absolute.parse::<Url>().ok()?.as_str().parse().ok())?;
        let good = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
        good.then_some(Self { uri, steadied: false })
    }

    /// The URL itself, for the request or the redirect it is meant for.
    #[must_use]
    pub fn expose(&self) -> &Uri {
        &self.uri
    }

    /// Bytes of its text, about: what it takes to keep.
    #[must_use]
    pub fn size(&self) -> usize {
        let authority = self.uri.authority().map_or(0, |authority| authority.as_str().len());
        authority + self.uri.path_and_query().map_or(0, |text| text.as_str().len())
    }

    /// How the URL is signed, by its own word.
    #[must_use]
    pub fn signature(&self) -> Signature {
        match self.parameter("x-oss-signature-version") {
            None => Signature::V1,
            Some(version) if version.starts_with("OSS4") => Signature::V4,
            Some(_) => Signature::V2,
        }
    }

    /// When the URL says it was signed; only version 4 does.
    fn signed(&self) -> Option<UnixMillis> {
        let date = self.parameter("x-oss-date")?;
        Some(UnixMillis(date.parse::<jiff::Timestamp>().ok()?.as_millisecond()))
    }

    /// When the URL says it expires, by the rule of its signature's version (reference 3.9).
    fn expires(&self) -> Option<UnixMillis> {
        let seconds = |name: &str| self.parameter(name)?.parse::<i64>().ok().map(|s| s.saturating_mul(1000));
        match self.signature() {
            Signature::V1 => seconds("Expires").or_else(|| seconds("x-oss-expires")).map(UnixMillis),
            Signature::V2 => seconds("x-oss-expires").map(UnixMillis),
            Signature::V4 => Some(UnixMillis(self.signed()?.0.saturating_add(seconds("x-oss-expires")?))),
        }
    }

    fn parameter(&self, wanted: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.uri.query()?.as_bytes());
        pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.into_owned())
    }

    /// Whether a `Referer` of the service's own pages was signed along, and is needed (reference 3.22).
    pub(super) fn needs_referer(&self) -> bool {
        self.parameter("x-oss-additional-headers").is_some_and(|names| names.split(';').any(|name| name == "referer"))
    }

    /// At the steady host, if the service named the other.
    fn steadied(self) -> Self {
        match self.uri.host() {
            Some(UNSTEADY_HOST) => Self { steadied: true, ..self.at_host(STEADY_HOST, None) },
            _ => self,
        }
    }

    /// At the host that the service named, if that was changed.
    pub(super) fn as_given(&self) -> Option<Self> {
        self.steadied.then(|| Self { steadied: false, ..self.at_host(UNSTEADY_HOST, None) })
    }

    /// The same object at the host inside Alibaba's Beijing network, by plain http; the URL itself where
    /// its host is not the one that is known to have such a twin. The signature stays valid.
    #[must_use]
    pub fn internal(&self) -> Self {
        match self.uri.host() {
            Some(STEADY_HOST) => self.at_host(INTERNAL_HOST, Some(Scheme::HTTP)),
            _ => self.clone(),
        }
    }

    /// The same path and query at another host.
    fn at_host(&self, host: &'static str, scheme: Option<Scheme>) -> Self {
        let mut parts = self.uri.clone().into_parts();
        parts.authority = Some(Authority::from_static(host));
        parts.scheme = scheme.or(parts.scheme);
        Self { uri: Uri::from_parts(parts).unwrap_or_else(|_| self.uri.clone()), ..*self }
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedUrl({}, masked)", self.uri.host().unwrap_or("-"))
    }
}

/// How a URL is signed, as far as its expiry depends on it (reference 3.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// No version named.
    V1,
    /// Version 2 or 3.
    V2,
    /// Version 4.
    V4,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "version 1",
            Self::V2 => "version 2",
            Self::V4 => "version 4",
        })
    }
}

/// How long a signed URL may be used, counted from the request that brought it by a clock that nobody sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    from: Instant,
    whole: Duration,
}

impl Life {
    /// A life that begins now.
    #[must_use]
    pub fn lasting(whole: Duration) -> Self {
        Self { from: Instant::now(), whole }
    }

    /// From its beginning to its end; zero for a URL that was dead when it came.
    #[must_use]
    pub fn whole(self) -> Duration {
        self.whole
    }

    /// What is left of it; zero after its end.
    #[must_use]
    pub fn left(self) -> Duration {
        self.whole.saturating_sub(self.from.elapsed())
    }
}

/// Takes in the signed URLs of one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Intake {
    /// When the answer was asked for: what it says held then at the earliest.
    asked: Instant,
    /// The service's time, as its `Date` tells.
    date: Option<UnixMillis>,
    /// Whether the unsteady host is replaced.
    steady: bool,
}

impl Intake {
    pub(super) fn new(asked: Instant, headers: &HeaderMap, steady: bool) -> Self {
        let date = headers.get(header::DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        let date = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        Self { asked, date: date.map(UnixMillis), steady }
    }

    /// A URL and its life. `expiration` is what the answer says beside it; absent for no URL.
    pub(super) fn url(&self, text: &str, expiration: Option<UnixMillis>) -> Option<(SignedUrl, Life)> {
        let url = SignedUrl::parse(text)?;
        let life = Life { from: self.asked, whole: self.life(&url, expiration) };
        Some((if self.steady { url.steadied() } else { url }, life))
    }

    /// The answer's word counts before the URL's own. Of words that are plausible one by which the URL still
    /// lives is believed first: it would not have been given out dead.
    fn life(&self, url: &SignedUrl, expiration: Option<UnixMillis>) -> Duration {
        // Both name a whole second, of which up to all may have passed. Without either our own clock has to do.
        let told = self.date.or_else(|| url.signed()).map(|second| second.plus(Duration::from_secs(1)));
        let now = told.unwrap_or_else(UnixMillis::now);
        let left = [expiration, url.expires()].into_iter().flatten().map(|at| at.0.saturating_sub(now.0));
        let plausible: Vec<i64> = left.filter(|left| (-LONG_PAST_MS..=FAR_AHEAD_MS).contains(left)).collect();
        match plausible.iter().find(|left| **left > 0).or(plausible.first()) {
            Some(left) => Duration::from_millis(u64::try_from(*left).unwrap_or(0)),
            None => DEFAULT_LIFE,
        }
    }
}

#[cfg(test)]
impl Intake {
    /// Of an answer whose `Date` says so, Unix seconds.
    pub(super) fn dated(seconds: Option<i64>) -> Self {
        Self { asked: Instant::now(), date: seconds.map(|s| UnixMillis(s * 1000)), steady: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixSeconds;

    /// 2026-01-01T03:18:20Z.
    const SIGNED: i64 = 1_767_237_500;
    const V4: &str =
        "https://h/p?x-oss-date=20260101T031820Z&x-oss-expires=900&x-oss-signature-version=OSS4-HMAC-SHA256";

    fn life(date: Option<i64>, url: &str, expiration: Option<i64>) -> u64 {
        let (_, life) = Intake::dated(date).url(url, expiration.map(|s| UnixSeconds(s).millis())).unwrap();
        life.whole().as_secs()
    }

    #[test]
    fn only_the_known_host_has_an_internal_twin() {
        let internal = |text: &str| SignedUrl::parse(text).unwrap().internal().expose().to_string();
        assert_eq!(
            internal("https://cn-beijing-data.aliyundrive.net/a%2Fb?x-oss-signature=c%3D"),
            "http://ccp-bj29-bj-1592982087.oss-cn-beijing-internal.aliyuncs.com/a%2Fb?x-oss-signature=c%3D"
        );
        let other = "https://bj29-enet.cn-beijing.data.alicloudccp.com/a?b";
        assert_eq!(internal(other), other);
    }

    #[test]
    fn the_unsteady_host_is_replaced_and_nothing_else_of_the_url() {
        let given = "https://dl1-v6.aliyundrive.cloud/a/b%2fc?callback=e%3D&x-oss-signature=0a'(1)*";
        let (url, _) = Intake::dated(None).url(given, None).unwrap();
        assert_eq!(
            url.expose().to_string(),
            given.replace("dl1-v6.aliyundrive.cloud", "cn-beijing-data.aliyundrive.net")
        );
        let original = url.as_given().unwrap();
        assert_eq!(original.expose().to_string(), given);
        assert!(original.as_given().is_none());
        for host in ["cn-beijing-data.aliyundrive.net", "bj29-enet.cn-beijing.data.alicloudccp.com", "127.0.0.1:81"] {
            let given = format!("https://{host}/a?b");
            let (url, _) = Intake::dated(None).url(&given, None).unwrap();
            assert_eq!((url.expose().to_string(), url.as_given()), (given, None));
        }
    }

    #[test]
    fn each_version_of_signature_tells_its_expiry_in_its_own_way() {
        let expires = |query: &str| SignedUrl::parse(&format!("https://h/p?{query}")).unwrap().expires();
        assert_eq!(SignedUrl::parse(V4).unwrap().expires(), Some(UnixSeconds(SIGNED + 900).millis()));
        assert_eq!(
            expires("x-oss-expires=1767238400&x-oss-signature-version=OSS2"),
            Some(UnixMillis(1_767_238_400_000))
        );
        assert_eq!(
            expires("x-oss-expires=1767238400&x-oss-signature-version=OSS3"),
            Some(UnixMillis(1_767_238_400_000))
        );
        assert_eq!(expires("Expires=1767238400&Signature=x"), Some(UnixMillis(1_767_238_400_000)));
        assert_eq!(expires("x-oss-expires=1767226500"), Some(UnixMillis(1_767_226_500_000)));
        assert_eq!(expires("x-oss-date=yesterday&x-oss-expires=900&x-oss-signature-version=OSS4-HMAC-SHA256"), None);
        assert_eq!(expires("x-oss-expires=900&x-oss-signature-version=OSS4-HMAC-SHA256"), None);
        assert_eq!(expires("x-oss-expires=-&x-oss-signature-version=OSS2"), None);
    }

    #[test]
    fn the_answer_s_word_counts_before_the_url_s() {
        assert_eq!(life(Some(SIGNED), V4, Some(SIGNED + 600)), 599);
        assert_eq!(life(Some(SIGNED), V4, None), 899);
        assert_eq!(life(Some(SIGNED + 100), V4, None), 799);
        let v2 = format!("https://h/p?x-oss-expires={}&x-oss-signature-version=OSS2", SIGNED + 900);
        assert_eq!(life(Some(SIGNED), &v2, None), 899);
    }

    #[test]
    fn what_is_not_plausible_says_nothing() {
        let silent = "https://h/p";
        for expiration in [None, Some(0), Some(SIGNED - 3601), Some(SIGNED + 9 * 86_400), Some(i64::MAX / 1000)] {
            assert_eq!(life(Some(SIGNED), silent, expiration), 900, "{expiration:?}");
            assert_eq!(life(Some(SIGNED), V4, expiration), 899, "{expiration:?}");
        }
        let endless = V4.replace("=900", &format!("={}", i64::MAX));
        assert_eq!(life(Some(SIGNED), &endless, None), 900);
        // Both say that it came dead; one alone is not believed against the other.
        assert_eq!(life(Some(SIGNED + 1000), V4, Some(SIGNED)), 0);
        assert_eq!(life(Some(SIGNED), V4, Some(SIGNED - 600)), 899);
    }

    #[test]
    fn a_local_clock_gone_wrong_does_not_matter() {
        // This machine's clock is years away from the URL's here, and the answer has no date.
        assert_eq!(life(None, V4, Some(SIGNED + 900)), 899);
        assert_eq!(life(None, V4, None), 899);
    }
}
