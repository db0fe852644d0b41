//! The service's ways of answering: JSON objects, its error bodies, XML of the data host.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use crate::sim::levers::rules::Rules;

pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A refused API call.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) retry_after_ms: Option<u64>,
    /// Plain text instead of JSON.
    pub(super) plain: bool,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), retry_after_ms: None, plain: false }
    }

    pub(super) fn plain(status: u16, text: &str) -> Self {
        Self { plain: true, ..Self::new(status, text, text) }
    }

    /// A parameter that is missing or wrong.
    pub(super) fn parameter(kind: &str, name: &str) -> Self {
        Self::new(400, &format!("InvalidParameter{kind}"), format!("The input parameter {name} is not valid"))
    }

    pub(super) fn into_response(self, rules: &Rules) -> Response<Body> {
        if self.plain {
            return text(self.status, &self.code);
        }
        let request_id = uuid::Uuid::new_v4().to_string();
        let body = if rules.long_errors {
            json!({
                "code": self.code, "message": self.message, "data": null, "headers": null, "requestId": null,
                "pdsRequestId": null, "resultCode": self.code, "display_message": null,
            })
        } else {
            json!({ "code": self.code, "message": self.message, "requestId": request_id })
        };
        let mut response = json_response(self.status, &body);
        if let Some(ms) = self.retry_after_ms.filter(|_| rules.retry_after) {
            response.headers_mut().insert("x-retry-after", HeaderValue::from(ms));
        }
        response
    }
}

pub(super) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn json_response(status: u16, body: &Value) -> Response<Body> {
    response(status, "application/json", body.to_string())
}

pub(super) fn text(status: u16, body: &str) -> Response<Body> {
    let kind = if body.starts_with('<') { "text/html" } else { "text/plain" };
    response(status, kind, body.to_owned())
}

pub(super) fn response(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error document of the data host (reference 3.9).
pub(super) fn xml(status: u16, code: &str, message: &str, ec: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{}</RequestId><HostId>cn-beijing-data.aliyundrive.net</HostId><EC>{ec}</EC></Error>\n",
        uuid::Uuid::new_v4().simple()
    );
    response(status, "application/xml", body)
}

/// Takes the nulls out of an answer, at every level.
pub(super) fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}
