//! What the headers of a change ask for, read once and strictly.
//!
//! dav-server takes a header that it cannot read for an absent one, which turns `Overwrite: f` into leave to
//! overwrite, and some values make it panic. So it is handed a request with one spelling of everything, and
//! without what is decided already.

use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};

use super::error::Failure;
use super::propfind::Depth;
use super::{Context, Dav, href};
use crate::drive::Path;
use crate::protocol::host::host_of;

/// The headers that say what is to happen.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) depth: Depth,
    /// Of a COPY or MOVE; below the user's base path.
    pub(super) destination: Option<Path>,
    pub(super) overwrite: bool,
}

impl Dav {
    pub(super) fn asked(&self, parts: &Parts, context: &Context) -> Result<Asked, Failure> {
        let method = parts.method.as_str();
        let takes_depth = matches!(method, "DELETE" | "COPY" | "MOVE" | "LOCK");
        let depth = if takes_depth { Depth::of(&parts.headers)? } else { Depth::Infinity };
        if depth == Depth::One {
            return Err(Failure::new(StatusCode::BAD_REQUEST, "Depth must be 0 or infinity here"));
        }
        let destination = match method {
            "COPY" | "MOVE" => Some(self.destination(&parts.headers, context)?),
            _ => None,
        };
        Ok(Asked { depth, destination, overwrite: overwrite(&parts.headers)? })
    }

    /// The request as dav-server is to read it.
    pub(super) fn restated(&self, parts: &Parts, asked: &Asked, path: &Path, tokens: &[String]) -> Request<()> {
        let folder = parts.uri.path().ends_with('/') && !path.is_root();
        let mut request = Request::builder().method(&parts.method).uri(href::encode(&self.prefix, path, folder));
        if matches!(parts.method.as_str(), "COPY" | "LOCK") {
            request = request.header("depth", if asked.depth == Depth::Zero { "0" } else { "infinity" });
        }
        if let Some(destination) = &asked.destination {
            request = request.header("destination", href::encode(&self.prefix, destination, false));
            request = request.header("overwrite", if asked.overwrite { "T" } else { "F" });
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

    /// Path of the `Destination`; it must be on this server (RFC 4918, section 10.3).
    fn destination(&self, headers: &HeaderMap, context: &Context) -> Result<Path, Failure> {
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
        let inside = path.strip_base(&self.prefix_path);
        let inside = inside
            .ok_or_else(|| Failure::new(StatusCode::BAD_GATEWAY, "the Destination is outside the served tree"))?;
        if inside.is_root() {
            return Err(Failure::new(StatusCode::FORBIDDEN, "the top of the tree cannot be replaced"));
        }
        Ok(inside)
    }
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
