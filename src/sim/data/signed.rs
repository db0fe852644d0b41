//! Signed URLs of the data and the preview hosts (reference 3.9, 3.12, 3.22): made by version 4 or 2, and checked
//! against every change of the path, the query, the verb and the signed headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Response;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::json;
use sha2::Sha256;

use crate::sim::answer::{Body, xml};
use crate::sim::clock::now_ms;
use crate::sim::data::hosts;
use crate::sim::levers::rules::SignatureVersion;
use crate::sim::world::World;
use crate::sim::world::application::CLIENT_ID;
use crate::sim::world::drive::Node;

/// What a checked URL gives access to.
#[derive(Debug)]
pub(in crate::sim) struct Grant {
    pub(in crate::sim) user: usize,
    pub(in crate::sim) drive_id: String,
    pub(in crate::sim) file_id: String,
    /// `jpeg` or `mov` of a live photo, else empty.
    pub(in crate::sim) stream: String,
    pub(in crate::sim) upload_id: String,
    pub(in crate::sim) part_number: u32,
    pub(in crate::sim) name: String,
}

/// First segment of every object's path.
const PREFIX: &str = "/AbCdEfGh";

/// How `x-oss-date` is written (reference 3.9).
const OSS_DATE: &str = "%Y%m%dT%H%M%SZ";

/// A URL of version 4 may be used so long before its date: clocks differ (reference 3.9).
const EARLY_MS: i64 = 900 * 1000;

/// RFC 3986's unreserved characters stay bare.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Leaves characters bare that a client's library may want to encode.
const LOOSE: &AsciiSet = &STRICT.remove(b'*').remove(b'\'');

pub(in crate::sim) fn download(world: &World, user: usize, drive_id: &str, node: &Node, stream: &str) -> String {
    let name = utf8_percent_encode(&node.name, NON_ALPHANUMERIC);
    let callback = json!({
        "callbackUrl": "http://bj29.api.aliyunpds.com/v2/file/download_callback", "callbackStage": "before-execute",
        "callbackBody": "range=${header.range}&object=${object}&file_id=${x:file_id}", "callbackFailureAction": "ignore",
    });
    let variables = json!({
        "x:domain_id": "bj29", "x:user_id": world.users[user].id, "x:drive_id": drive_id, "x:file_id": node.file_id,
        "x:version": "v3",
    });
    let query = vec![
        ("callback", STANDARD.encode(callback.to_string())),
        ("callback-var", STANDARD.encode(variables.to_string())),
        ("dr", drive_id.to_owned()),
        ("f", node.file_id.clone()),
        ("op", "d".to_owned()),
        ("pds-params", json!({ "ap": CLIENT_ID }).to_string()),
        ("response-content-disposition", format!("attachment; filename*=UTF-8''{name}")),
    ];
    let object = if stream.is_empty() { &node.file_id } else { stream };
    let version = world.rules.signature;
    let path = object_path(version, [PREFIX, drive_id, &node.file_id, object]);
    hosts::for_downloads(world) + &signed(world, "GET", user, version, path, query, world.rules.link_s)
}

pub(in crate::sim) fn upload(
    world: &World,
    user: usize,
    drive_id: &str,
    file_id: &str,
    upload_id: &str,
    part: u32,
) -> String {
    let query = vec![("op", "u".to_owned()), ("partNumber", part.to_string()), ("uploadId", upload_id.to_owned())];
    let version = world.rules.signature;
    let path = object_path(version, [PREFIX, drive_id, file_id, file_id]);
    hosts::for_uploads(world) + &signed(world, "PUT", user, version, path, query, world.rules.part_url_s)
}

/// An object's path, as URLs of each version write it.
fn object_path(version: SignatureVersion, object: [&str; 4]) -> String {
    object.join(match version {
        SignatureVersion::V4 => "/",
        SignatureVersion::V2 => "%2F",
    })
}

/// Path and query of a thumbnail: its own object, sized by what is signed along.
pub(super) fn thumbnail(world: &World, user: usize, drive_id: &str, file_id: &str, process: String) -> String {
    let query = vec![("dr", drive_id.to_owned()), ("f", file_id.to_owned()), ("x-oss-process", process)];
    let version = world.rules.preview_signature;
    let path = object_path(version, [PREFIX, drive_id, file_id, file_id]);
    signed(world, "GET", user, version, path, query, world.rules.thumbnail_s)
}

pub(super) type Pair = (String, String);

/// Path and query of a URL.
pub(super) fn signed(
    world: &World,
    verb: &str,
    user: usize,
    version: SignatureVersion,
    path: String,
    query: Vec<(&str, String)>,
    life_s: i64,
) -> String {
    let now = world.clock_ms();
    // When it was made, to the millisecond, hides in what is opaque to everybody else.
    let token = format!("CAIS{user}+/{}=", now_ms());
    let signing = match version {
        SignatureVersion::V4 => {
            let (day, date) = (written("%Y%m%d", now), written(OSS_DATE, now));
            vec![
                ("ap", CLIENT_ID.to_owned()),
                ("x-oss-credential", format!("STS.Nsim/{day}/cn-beijing/oss/aliyun_v4_request")),
                ("x-oss-date", date),
                ("x-oss-expires", life_s.to_string()),
                ("x-oss-security-token", token),
            ]
        }
        SignatureVersion::V2 => vec![
            ("security-token", token),
            ("x-oss-access-key-id", "STS.Nsim".to_owned()),
            ("x-oss-expires", (now / 1000 + life_s).to_string()),
        ],
    };
    let fixed = [
        ("di", "bj29".to_owned()),
        ("u", world.users[user].id.clone()),
        ("x-oss-signature-version", version.word().to_owned()),
    ];
    let pairs = fixed.into_iter().chain(query).chain(signing);
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value)).collect();
    with_signature(world, version, verb, &path, pairs)
}

/// Path and query with what signs them.
pub(super) fn with_signature(
    world: &World,
    version: SignatureVersion,
    verb: &str,
    path: &str,
    mut pairs: Vec<Pair>,
) -> String {
    let encoding = match version {
        SignatureVersion::V4 => STRICT,
        SignatureVersion::V2 => LOOSE,
    };
    pairs.push(("x-oss-signature".to_owned(), sign(world, version, verb, "", path, &pairs)));
    pairs.sort();
    let encoded = pairs.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, encoding)));
    format!("{path}?{}", encoded.collect::<Vec<_>>().join("&"))
}

fn written(form: &str, ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| time.strftime(form).to_string()).unwrap_or_default()
}

fn read_date(text: &str) -> Option<i64> {
    let date = jiff::civil::DateTime::strptime(OSS_DATE, text).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(date).ok()?.as_millisecond())
}

/// The signature covers what the URL says, not how it is spelt: it is made of the decoded path and the decoded, sorted
/// parameters, and clients do re-encode a `Location`.
fn sign(world: &World, version: SignatureVersion, verb: &str, kind: &str, path: &str, pairs: &[Pair]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&world.secret) else { return String::new() };
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let mut pairs = pairs.to_vec();
    pairs.sort();
    mac.update(format!("{verb}\n\n{kind}\n{path}\n{pairs:?}").as_bytes());
    let bytes = mac.finalize().into_bytes();
    match version {
        SignatureVersion::V4 => crate::sim::world::content::hex(&bytes).to_ascii_lowercase(),
        SignatureVersion::V2 => STANDARD.encode(bytes),
    }
}

/// Whether a raw path is of the data host's form.
pub(in crate::sim) fn is_data_path(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.starts_with('/') || rest.starts_with("%2F"))
}

/// A request whose URL and headers are as they were signed, in its time.
pub(in crate::sim) struct Checked {
    pub(in crate::sim) user: usize,
    pub(in crate::sim) version: SignatureVersion,
    /// The decoded segments of its path.
    pub(in crate::sim) path: Vec<String>,
    /// The parameters but the signature.
    pub(in crate::sim) pairs: Vec<Pair>,
}

impl Checked {
    pub(in crate::sim) fn value(&self, wanted: &str) -> String {
        parameter(&self.pairs, wanted).to_owned()
    }

    fn segment(&self, at: usize) -> String {
        self.path.get(at).cloned().unwrap_or_default()
    }
}

fn parameter<'a>(pairs: &'a [Pair], wanted: &str) -> &'a str {
    pairs.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value)
}

/// Checks a request to the data host.
pub(in crate::sim) fn check(world: &World, parts: &Parts) -> Result<Grant, Box<Response<Body>>> {
    let checked = checked(world, parts)?;
    let file_id = checked.segment(2);
    Ok(Grant {
        user: checked.user,
        stream: Some(checked.segment(3)).filter(|object| *object != file_id).unwrap_or_default(),
        drive_id: checked.segment(1),
        file_id,
        upload_id: checked.value("uploadId"),
        part_number: checked.value("partNumber").parse().unwrap_or(0),
        name: checked.value("response-content-disposition"),
    })
}

/// Checks a request's URL and the headers that the signature covers.
pub(in crate::sim) fn checked(world: &World, parts: &Parts) -> Result<Checked, Box<Response<Body>>> {
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if parts.headers.contains_key("authorization") {
        let message = "Authorization header and signature in URL";
        return Err(Box::new(xml(400, "InvalidArgument", message, "0002-00000071")));
    }
    let (pairs, signature) = parameters(parts);
    let referer = header("referer");
    let own = ["https://www.aliyundrive.com/", "https://www.alipan.com/"].iter().any(|own| referer.starts_with(own));
    // URLs of web tokens name the header among what is signed, and need it (reference 3.22).
    let needed = parameter(&pairs, "x-oss-additional-headers").split(';').any(|header| header == "referer");
    if world.rules.checked_referer && !own && (needed || !referer.is_empty()) {
        return Err(Box::new(xml(403, "AccessDenied", "You are denied by bucket referer policy.", "0003-00000503")));
    }
    let mismatch = || {
        let message = "The request signature does not match.";
        Box::new(xml(403, "SignatureDoesNotMatch", message, "0002-00000040"))
    };
    let version = version_of(&pairs).ok_or_else(mismatch)?;
    let kind = if world.rules.signed_type { header("content-type") } else { "" };
    let extra = |name: &http::HeaderName| name.as_str() == "content-md5" || name.as_str().starts_with("x-oss-");
    let expected = sign(world, version, parts.method.as_str(), kind, parts.uri.path(), &pairs);
    if parts.headers.keys().any(extra) || signature != Some(expected) {
        return Err(mismatch());
    }
    in_time(world, version, &pairs)?;
    let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy();
    let user_id = parameter(&pairs, "u");
    Ok(Checked {
        user: world.users.iter().position(|u| u.id == user_id).ok_or_else(mismatch)?,
        version,
        path: path.split('/').skip(1).map(str::to_owned).collect(),
        pairs,
    })
}

/// The parameters of a URL but its signature, and that.
fn parameters(parts: &Parts) -> (Vec<Pair>, Option<String>) {
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs: Vec<Pair> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let place = pairs.iter().position(|(name, _)| name == "x-oss-signature");
    let signature = place.map(|place| pairs.remove(place).1);
    (pairs, signature)
}

fn version_of(pairs: &[Pair]) -> Option<SignatureVersion> {
    let (_, word) = pairs.iter().find(|(name, _)| name == "x-oss-signature-version")?;
    [SignatureVersion::V4, SignatureVersion::V2].into_iter().find(|version| version.word() == word)
}

/// Whether the URL may be used now, by the service's clock.
fn in_time(world: &World, version: SignatureVersion, pairs: &[Pair]) -> Result<(), Box<Response<Body>>> {
    let value = |name| parameter(pairs, name);
    let now = world.clock_ms();
    let expires: i64 = value("x-oss-expires").parse().unwrap_or(0);
    let (from, token) = match version {
        SignatureVersion::V4 => (read_date(value("x-oss-date")).unwrap_or(0), value("x-oss-security-token")),
        SignatureVersion::V2 => (0, value("security-token")),
    };
    let made = token.split_once("+/").and_then(|(_, made)| made.strip_suffix('=')?.parse().ok()).unwrap_or(0);
    if from.saturating_add(expires * 1000) <= now || made < world.links_expired_before_ms {
        return Err(Box::new(expired(version)));
    }
    if from > now + EARLY_MS {
        return Err(Box::new(xml(403, "AccessDenied", "The request is too early.", "0002-00000235")));
    }
    Ok(())
}

/// What is said of a URL that is used after its time. The message for version 4 is not documented: these words say as
/// little as they can (reference 3.9).
fn expired(version: SignatureVersion) -> Response<Body> {
    match version {
        SignatureVersion::V4 => xml(403, "AccessDenied", "The request is not in its time.", "0002-00000236"),
        SignatureVersion::V2 => xml(403, "AccessDenied", "Request has expired.", "0002-00000069"),
    }
}

/// The same for a URL that has not.
pub(in crate::sim) fn expired_early(parts: &Parts) -> Response<Body> {
    expired(version_of(&parameters(parts).0).unwrap_or(SignatureVersion::V4))
}
