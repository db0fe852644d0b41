//! What the headers of a change ask for, read once and strictly.
//!
//! dav-server takes a header that it cannot read for an absent one, which turns `Overwrite: f` into leave to
//! overwrite, and some values make it panic. So it is handed a request with one spelling of everything, and
//! without what is decided already.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};

use crate::clock::UnixMillis;
use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::request::depth::Depth;
use crate::dav::site::Site;
use crate::digest::Sha1;
use crate::drive::{Expected, Path, UploadOptions};
use crate::protocol::host::host_of;
use crate::protocol::href;

/// The headers that say what is to happen.
#[derive(Debug)]
pub(in crate::dav) struct ChangeHeaders {
    pub(in crate::dav) depth: Depth,
    /// Of a COPY or MOVE; below the user's base path.
    pub(in crate::dav) destination: Option<Path>,
    pub(in crate::dav) overwrite: bool,
}

impl ChangeHeaders {
    /// # Errors
    /// One of them makes no sense.
    pub(in crate::dav) fn read(site: &Site, context: &Context, parts: &Parts) -> Result<Self, Failure> {
        let method = parts.method.as_str();
        let takes_depth = matches!(method, "DELETE" | "COPY" | "MOVE" | "LOCK");
        let depth = if takes_depth { Depth::of(&parts.headers)? } else { Depth::Infinity };
        if depth == Depth::One {
            return Err(Failure::new(StatusCode::BAD_REQUEST, "Depth must be 0 or infinity here"));
        }
        let destination = match method {
            "COPY" | "MOVE" => Some(destination(site, &parts.headers, context)?),
            _ => None,
        };
        Ok(Self { depth, destination, overwrite: overwrite(&parts.headers)? })
    }

    /// The request as dav-server is to read it.
    pub(in crate::dav) fn restated(&self, site: &Site, parts: &Parts, path: &Path, tokens: &[String]) -> Request<()> {
        let folder = parts.uri.path().ends_with('/') && !path.is_root();
        let mut request = Request::builder().method(&parts.method).uri(href::encode(&site.prefix, path, folder));
        if matches!(parts.method.as_str(), "COPY" | "LOCK") {
            request = request.header("depth", if self.depth == Depth::Zero { "0" } else { "infinity" });
        }
        if let Some(destination) = &self.destination {
            request = request.header("destination", href::encode(&site.prefix, destination, false));
            request = request.header("overwrite", if self.overwrite { "T" } else { "F" });
        }
        if let Some(token) = parts.headers.get("lock-token") {
            request = request.header("lock-token", token);
        }
        // It takes the lock that is to be refreshed from here.
        if let ("LOCK", [token]) = (parts.method.as_str(), tokens) {
            request = request.header("if", format!("(<{token}>)"));
        }
        request.body(()).unwrap_or_else(|_| unreachable!("an encoded path and headers that were headers"))
    }
}

/// Path of the `Destination`; it must be on this server (RFC 4918, section 10.3).
fn destination(site: &Site, headers: &HeaderMap, context: &Context) -> Result<Path, Failure> {
    let wrong = |text: &str| Failure::new(StatusCode::BAD_REQUEST, text);
    let value = headers.get("destination").ok_or_else(|| wrong("COPY and MOVE need a Destination"))?;
    let text = std::str::from_utf8(value.as_bytes()).map_err(|_| wrong("the Destination is no URL"))?.trim();
    let path = match text.split_once("://") {
        _ if text.starts_with('/') => text,
        Some((scheme, rest)) if !scheme.is_empty() => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host_of(authority);
            if host.is_empty() {
                return Err(wrong("the Destination is no URL"));
            }
            if !context.hosts.is_empty() && !context.hosts.contains(&host) {
                let text = format!(
                    "the Destination is on {host}, which is not this server; behind a reverse proxy, set public_url"
                );
                return Err(Failure::new(StatusCode::BAD_GATEWAY, text));
            }
            if path.is_empty() { "/" } else { path }
        }
        _ => return Err(wrong("the Destination is no URL")),
    };
    if path.contains('#') {
        return Err(wrong("a `#` in the Destination is not percent-encoded"));
    }
    let path = href::decode(path.split('?').next().unwrap_or_default())?;
    let inside = path.strip_base(&site.prefix_path);
    let inside =
        inside.ok_or_else(|| Failure::new(StatusCode::BAD_GATEWAY, "the Destination is outside the served tree"))?;
    if inside.is_root() {
        return Err(Failure::new(StatusCode::FORBIDDEN, "the top of the tree cannot be replaced"));
    }
    Ok(inside)
}

/// `T` or `F`; a missing header means `T` (RFC 4918, section 10.6).
fn overwrite(headers: &HeaderMap) -> Result<bool, Failure> {
    let Some(value) = headers.get("overwrite") else { return Ok(true) };
    match value.as_bytes().trim_ascii() {
        b"T" | b"t" => Ok(true),
        b"F" | b"f" => Ok(false),
        _ => Err(Failure::new(StatusCode::BAD_REQUEST, "Overwrite must be T or F")),
    }
}

/// What the headers of a PUT say of its body.
///
/// # Errors
/// It is a part of a file, or in a coding.
pub(in crate::dav) fn put_options(headers: &HeaderMap) -> Result<UploadOptions, Failure> {
    if headers.contains_key(header::CONTENT_RANGE) {
        // RFC 9110, section 14.5: a server that cannot do it must not take the part for the whole.
        return Err(Failure::new(StatusCode::BAD_REQUEST, "a part of a file cannot be put; send the whole"));
    }
    let coding = |name| headers.get(name).map(|value: &HeaderValue| value.as_bytes().trim_ascii());
    if coding(header::TRANSFER_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked")) {
        // RFC 9112, section 6.1.
        return Err(Failure::new(StatusCode::NOT_IMPLEMENTED, "the only transfer coding that is read is chunked"));
    }
    let plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    if coding(header::CONTENT_ENCODING).is_some_and(|coding| !plain(coding)) {
        // The drive keeps no coding beside the content: whoever reads it back would take it for the content.
        let text = "a file cannot be put in a content coding; send it as it is";
        return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    upload_options(headers)
}

fn upload_options(headers: &HeaderMap) -> Result<UploadOptions, Failure> {
    let number = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    // Finder sends chunked bodies and promises the length in a header of its own.
    let size = number("content-length").or_else(|| number("x-expected-entity-length"));
    Ok(UploadOptions {
        size,
        sha1: announced_sha1(headers)?,
        modified: oc_mtime(headers)?,
        expected: Expected::Anything,
    })
}

/// The time of `X-OC-Mtime`.
pub(in crate::dav) fn oc_mtime(headers: &HeaderMap) -> Result<Option<UnixMillis>, Failure> {
    let Some(value) = headers.get("x-oc-mtime") else { return Ok(None) };
    let seconds = value.to_str().unwrap_or_default().trim().parse::<f64>();
    let seconds = seconds.ok().filter(|seconds| seconds.is_finite() && seconds.abs() < 1e12);
    let wrong = || Failure::new(StatusCode::BAD_REQUEST, "X-OC-Mtime must be Unix seconds");
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    Ok(Some(UnixMillis((seconds.ok_or_else(wrong)? * 1000.0) as i64)))
}

/// The SHA-1 of `OC-Checksum: KIND:hex KIND:hex …`. What the drive cannot confirm counts for nothing.
fn announced_sha1(headers: &HeaderMap) -> Result<Option<Sha1>, Failure> {
    let text = headers.get("oc-checksum").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kinds = text.split_ascii_whitespace().filter_map(|checksum| checksum.split_once(':'));
    match { kinds }.find(|(kind, _)| kind.eq_ignore_ascii_case("sha1")) {
        None => Ok(None),
        Some((_, hex)) => match Sha1::parse(hex) {
            None => Err(Failure::new(StatusCode::BAD_REQUEST, "OC-Checksum is malformed")),
            sha1 => Ok(sha1),
        },
    }
}
