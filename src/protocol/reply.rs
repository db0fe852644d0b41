//! Answers of known content, one function for each form. What is no file may not be stored by caches, but for plain
//! text, which holds nothing of a user.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::body::{self, Body};
use super::gzip::Document;
use super::request_id::RequestId;

/// Content type of XML answers.
pub const XML: &str = "application/xml; charset=utf-8";

/// A line or more for people.
pub fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    of(status, "text/plain; charset=utf-8", text)
}

/// An answer of the JSON API.
#[must_use]
pub fn json(status: StatusCode, value: &serde_json::Value) -> Response<Body> {
    unstored(of(status, "application/json; charset=utf-8", value.to_string()))
}

/// A failure in a line for people, who can quote the request.
pub fn text_error(status: StatusCode, words: &str, request: RequestId) -> Response<Body> {
    text(status, format!("{words} (request {request})\n"))
}

/// A page.
pub fn html(status: StatusCode, page: impl Into<Bytes>) -> Response<Body> {
    unstored(of(status, "text/html; charset=utf-8", page))
}

/// A WebDAV document that holds for this answer alone.
pub fn xml(status: StatusCode, document: impl Into<Bytes>) -> Response<Body> {
    unstored(of(status, XML, document))
}

fn of(status: StatusCode, kind: &'static str, content: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(content));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.extensions_mut().insert(Document);
    response
}

fn unstored(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
