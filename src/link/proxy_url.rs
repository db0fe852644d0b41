//! URLs of download proxies (reference 6.2).

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret as _;

use super::sign::sign;
use crate::clock::UnixSeconds;
use crate::config::Mount;

/// How long a signed URL given to a client works: a film may be paused overnight.
const LIFE_S: i64 = 24 * 3600;

/// Go's escaping of a path segment: the sub-delimiters that it leaves bare.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b':')
    .remove(b'=')
    .remove(b'@');

/// The URL at a download proxy of a file by its decoded path from the tree's root, signed where the
/// mount says so. Of several proxies each path always goes to the same one. Empty without a proxy.
#[must_use]
pub fn proxy_url(mount: &Mount, path: &str, now: UnixSeconds) -> String {
    let Some(base) = choose(mount, path) else { return String::new() };
    let mut url = base.trim_end_matches('/').to_owned();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        url.push('/');
        url.extend(utf8_percent_encode(segment, SEGMENT));
    }
    match &mount.down_proxy_token {
        Some(token) if mount.down_proxy_sign => {
            // The published proxies take the sign raw, its `=` and `:` bare.
            url.push_str("?sign=");
            url.push_str(&sign(token.expose_secret(), path, now.plus(LIFE_S)));
        }
        _ => {}
    }
    url
}

fn choose<'a>(mount: &'a Mount, path: &str) -> Option<&'a str> {
    let count = mount.down_proxy_urls.len() as u64;
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    let at = usize::try_from(hasher.finish().checked_rem(count)?).ok()?;
    Some(mount.down_proxy_urls.get(at)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::sign::verify;

    fn mount() -> Mount {
        let mut mount = Mount::at("/ali", "main");
        mount.down_proxy_urls = vec!["https://proxy.example".parse().unwrap()];
        mount.down_proxy_token = Some("example-token-0123456789".into());
        mount
    }

    #[test]
    fn the_path_is_escaped_as_the_reference_says_and_the_sign_is_raw() {
        let url = proxy_url(&mount(), "/ali/电影/a b.mp4", UnixSeconds(1000));
        let (base, sign) = url.split_once("?sign=").unwrap();
        assert_eq!(base, "https://proxy.example/ali/%E7%94%B5%E5%BD%B1/a%20b.mp4");
        assert_eq!(verify("example-token-0123456789", "/ali/电影/a b.mp4", sign, UnixSeconds(2000)), Ok(()));
        assert!(sign.ends_with(":87400"));
    }

    #[test]
    fn without_signing_there_is_no_query() {
        let mut mount = mount();
        mount.down_proxy_sign = false;
        assert_eq!(
            proxy_url(&mount, "/ali/a+b&c=d:@$.mp4", UnixSeconds(0)),
            "https://proxy.example/ali/a+b&c=d:@$.mp4"
        );
    }

    #[test]
    fn a_path_always_goes_to_the_same_proxy() {
        let mut mount = mount();
        mount.down_proxy_urls.push("https://second.example/base/".parse().unwrap());
        let host = |path: &str| proxy_url(&mount, path, UnixSeconds(0)).split("/ali").next().unwrap().to_owned();
        assert_eq!(host("/ali/a"), host("/ali/a"));
        let hosts: std::collections::HashSet<_> = (0..50).map(|n| host(&format!("/ali/{n}"))).collect();
        assert_eq!(hosts.len(), 2);
    }
}
