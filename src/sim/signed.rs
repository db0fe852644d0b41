//! Signed URLs of the data host (reference 3.9, 3.12): made, and checked against every change of the
//! path, the query, the verb and the signed headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Response;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::Sha256;

use super::answer::{Body, xml};
use super::world::{Node, World, now_ms};

/// What a checked URL gives access to.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) user: usize,
    pub(super) drive_id: String,
    pub(super) file_id: String,
    /// `jpeg` or `mov` of a live photo, else empty.
    pub(super) stream: String,
    pub(super) upload_id: String,
    pub(super) part_number: u32,
    pub(super) name: String,
}

/// Leaves characters bare that a client's library may want to encode.
const DISPOSITION: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'\'');

pub(super) fn download(world: &World, user: usize, drive_id: &str, node: &Node, stream: &str, expires: i64) -> String {
    let name = utf8_percent_encode(&node.name, NON_ALPHANUMERIC).to_string();
    let disposition = utf8_percent_encode(&format!("attachment; filename*=UTF-8''{name}"), DISPOSITION).to_string();
    let query = format!(
        "di=bj29&dr={drive_id}&f={}&made={}&pds-params=%7B%22ap%22%3A%22fedcba98%22%7D&response-content-disposition={disposition}\
         &s={stream}&security-token=CAIS{user}%2B%2F%3D&u={}&x-oss-access-key-id=STS.Nsim&x-oss-expires={expires}",
        node.file_id,
        now_ms(),
        world.users[user].id
    );
    url(world, "GET", &path(drive_id, &node.file_id), &query)
}

pub(super) fn upload(world: &World, user: usize, drive_id: &str, file_id: &str, upload_id: &str, part: u32) -> String {
    let expires = now_ms() / 1000 + world.rules.part_url_s;
    let query = format!(
        "di=bj29&made={}&partNumber={part}&security-token=CAIS{user}%2B%2F%3D&u={}&uploadId={upload_id}\
         &x-oss-access-key-id=STS.Nsim&x-oss-expires={expires}",
        now_ms(),
        world.users[user].id
    );
    url(world, "PUT", &path(drive_id, file_id), &query)
}

fn path(drive_id: &str, file_id: &str) -> String {
    format!("/AbCdEfGh%2F{drive_id}%2F{file_id}%2F{file_id}")
}

fn url(world: &World, verb: &str, path: &str, query: &str) -> String {
    let signature = sign(world, verb, "", path, query);
    let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
    format!("{}{path}?{query}&x-oss-signature={signature}&x-oss-signature-version=OSS2", world.base)
}

/// The signature covers what the URL says, not how it is spelt: version 2 of OSS's signatures is made of
/// the decoded path and the decoded, sorted parameters, and clients do re-encode a `Location`.
fn sign(world: &World, verb: &str, content_type: &str, path: &str, query: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&world.secret) else { return String::new() };
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    pairs.sort();
    mac.update(format!("{verb}\n\n{content_type}\n{path}\n{pairs:?}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether a raw path is of the data host's form.
pub(super) fn is_data_path(path: &str) -> bool {
    path.starts_with("/AbCdEfGh%2F")
}

/// Checks a request's URL and the headers that the signature covers.
pub(super) fn check(world: &World, parts: &http::request::Parts) -> Result<Grant, Box<Response<Body>>> {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if parts.headers.contains_key("authorization") {
        return Err(Box::new(xml(
            400,
            "InvalidArgument",
            "Authorization header and signature in URL",
            "0002-00000071",
        )));
    }
    let referer = header("referer");
    if world.rules.checked_referer
        && !referer.is_empty()
        && !["https://www.aliyundrive.com/", "https://www.alipan.com/"].iter().any(|own| referer.starts_with(own))
    {
        return Err(Box::new(xml(403, "AccessDenied", "You are denied by bucket referer policy.", "0003-00000503")));
    }
    let query = parts.uri.query().unwrap_or_default();
    let mismatch =
        || Box::new(xml(403, "SignatureDoesNotMatch", "The request signature does not match.", "0002-00000040"));
    let (signed, rest) = query.split_once("&x-oss-signature=").ok_or_else(mismatch)?;
    let signature = rest.strip_suffix("&x-oss-signature-version=OSS2").ok_or_else(mismatch)?;
    let signature = percent_decode_str(signature).decode_utf8_lossy();
    let extra = parts.headers.keys().any(|name| {
        name.as_str() == "content-md5"
            || (name.as_str().starts_with("x-oss-") && name.as_str() != "x-oss-range-behavior")
    });
    let content_type = if world.rules.signed_type { header("content-type") } else { "" };
    if extra || sign(world, parts.method.as_str(), content_type, parts.uri.path(), signed) != signature {
        return Err(mismatch());
    }
    let value = |name: &str| {
        url::form_urlencoded::parse(signed.as_bytes())
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.into_owned())
            .unwrap_or_default()
    };
    let expires: i64 = value("x-oss-expires").parse().unwrap_or(0);
    let made: i64 = value("made").parse().unwrap_or(0);
    if expires * 1000 <= now_ms() || made < world.links_expired_before_ms {
        return Err(Box::new(xml(403, "AccessDenied", "Request has expired.", "0002-00000069")));
    }
    let mut segments = parts.uri.path().split("%2F").skip(1);
    let drive_id = segments.next().unwrap_or_default().to_owned();
    let file_id = segments.next().unwrap_or_default().to_owned();
    let user_id = value("u");
    let disposition = value("response-content-disposition");
    Ok(Grant {
        user: world.users.iter().position(|u| u.id == user_id).ok_or_else(mismatch)?,
        drive_id,
        file_id,
        stream: value("s"),
        upload_id: value("uploadId"),
        part_number: value("partNumber").parse().unwrap_or(0),
        name: disposition,
    })
}
