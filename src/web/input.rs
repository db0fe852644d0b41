//! What a call of the API says: its query, its JSON.

use http::header;
use http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::drive::{Path, PathError};
use crate::protocol::RequestBody;
use crate::web::error::{Code, Refusal};

/// Largest JSON body: a thousand long paths.
pub(super) const MAX_JSON: usize = 1 << 20;

/// The first value of a name in the query.
pub(super) fn query(parts: &Parts, name: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    { pairs }.find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}

/// All values of a name in the query.
pub(super) fn all(parts: &Parts, name: &str) -> Vec<String> {
    let pairs = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    pairs.filter(|(own, _)| own == name).map(|(_, value)| value.into_owned()).collect()
}

/// Whether the query has the name with a value that means yes.
pub(super) fn flag(parts: &Parts, name: &str) -> bool {
    query(parts, name).is_some_and(|value| matches!(&*value, "1" | "true"))
}

/// The path that the query names, as the caller sees it; the root where it names none.
pub(super) fn path(parts: &Parts) -> Result<Path, Refusal> {
    query(parts, "path").map_or_else(|| Ok(Path::root()), |text| parsed(&text))
}

/// A path of a query or of JSON.
pub(super) fn parsed(text: &str) -> Result<Path, Refusal> {
    Path::parse(text).map_err(|error| {
        let code = if error == PathError::NameTooLong { Code::BadName } else { Code::BadRequest };
        Refusal::new(code, format!("path: {error}"))
    })
}

/// A JSON body, which a form of another site cannot send; `shape` is what it should be.
pub(super) async fn json<T: DeserializeOwned, B: RequestBody>(
    parts: &Parts,
    body: B,
    shape: &str,
) -> Result<T, Refusal> {
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("application/json") {
        return Err(Refusal::bad("the body must be application/json"));
    }
    let body = Limited::new(body, MAX_JSON).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return Refusal::new(Code::TooLarge, format!("the body is larger than {MAX_JSON} bytes"));
        }
        Refusal::bad("the body broke off or is malformed")
    })?;
    // The parser's own words could repeat a password.
    serde_json::from_slice(&body.to_bytes()).map_err(|_| Refusal::bad(format!("the body must be JSON like {shape}")))
}
