//! How transfers to and from the data host fail (reference 3.9, 3.12).

use http::StatusCode;
use quick_xml::events::Event;

/// A failed transfer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("data host: {kind}{}", .message.as_deref().map(|m| format!(": {m}")).unwrap_or_default())]
pub struct DataError {
    /// What kind of failure it is.
    pub kind: DataErrorKind,
    /// The host's code and message, or the transport's, without the link.
    pub message: Option<String>,
}

/// What a transfer's failure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DataErrorKind {
    /// 403 for a URL whose time is over, `SecurityTokenExpired`, `InvalidAccessKeyId`: a new URL helps.
    #[error("link expired")]
    Expired,
    /// 403 `ExceedMaxConcurrency`: too many open bodies; waiting helps.
    #[error("too many open downloads")]
    TooManyStreams,
    /// 404 `NoSuchKey`.
    #[error("content is gone")]
    Gone,
    /// A 3xx that was not to be followed: what is there is not what was asked for.
    #[error("sent elsewhere")]
    Redirected,
    /// A 4xx of another kind: the request is refused, at most a new URL helps.
    #[error("refused")]
    Refused,
    /// The answered range or length is not the one asked for.
    #[error("wrong range")]
    WrongRange,
    /// The content ends before the range that was asked for does.
    #[error("content is shorter")]
    Shorter,
    /// 429: too many requests; waiting helps.
    #[error("throttled")]
    Throttled,
    /// 5xx.
    #[error("host unavailable")]
    Unavailable,
    /// Connection refused, cut or ended early.
    #[error("connection broken")]
    Broken,
    /// No bytes for too long.
    #[error("stalled")]
    Stalled,
    /// The account's space is used up.
    #[error("no space left")]
    NoSpace,
    /// 409 `PartAlreadyExist`.
    #[error("part already stored")]
    PartAlreadyExists,
    /// 409 `PartNotSequential`.
    #[error("part out of order")]
    PartNotSequential,
    /// 404 `NoSuchUpload`.
    #[error("upload session gone")]
    UploadGone,
}

/// What `EC` says of a URL that is used after its time, or long before it; the message varies with the version of the
/// signature and is not documented for all (reference 3.9).
const EXPIRED: [&str; 3] = ["0002-00000069", "0002-00000235", "0002-00000236"];

impl DataError {
    pub(in crate::upstream) fn new(kind: DataErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: Some(message.into()) }
    }

    /// Reads a refusal: the XML code decides, the status where there is none.
    pub(in crate::upstream) fn from_answer(status: StatusCode, body: &[u8]) -> Self {
        let Document { code, message, ec } = Document::read(body);
        let kind = match code.as_str() {
            _ if EXPIRED.contains(&ec.as_str()) => DataErrorKind::Expired,
            "RequestDeniedByCallback" if message.contains("ExceedMaxConcurrency") => DataErrorKind::TooManyStreams,
            "AccessDenied" if message.contains("expired") => DataErrorKind::Expired,
            "SecurityTokenExpired" | "InvalidAccessKeyId" | "InvalidSecurityToken" => DataErrorKind::Expired,
            "NoSuchKey" => DataErrorKind::Gone,
            "NoSuchUpload" => DataErrorKind::UploadGone,
            "PartAlreadyExist" => DataErrorKind::PartAlreadyExists,
            "PartNotSequential" => DataErrorKind::PartNotSequential,
            code if code.starts_with("QuotaExhausted") || code == "ExceedCapacityForbidden" => DataErrorKind::NoSpace,
            _ if status == StatusCode::INSUFFICIENT_STORAGE => DataErrorKind::NoSpace,
            "InvalidRange" => DataErrorKind::Shorter,
            "RequestTimeout" => DataErrorKind::Broken,
            _ if status == StatusCode::TOO_MANY_REQUESTS => DataErrorKind::Throttled,
            _ if status.is_redirection() => DataErrorKind::Redirected,
            _ if status.is_server_error() => DataErrorKind::Unavailable,
            _ if status == StatusCode::RANGE_NOT_SATISFIABLE => DataErrorKind::Shorter,
            _ => DataErrorKind::Refused,
        };
        Self::new(kind, format!("status {} {code} {message}", status.as_u16()).trim_end().to_owned())
    }
}

/// What an error document says; empty where it does not.
#[derive(Default)]
struct Document {
    code: String,
    message: String,
    ec: String,
}

impl Document {
    fn read(body: &[u8]) -> Self {
        let mut reader = quick_xml::Reader::from_reader(body);
        let mut document = Self::default();
        let mut element = String::new();
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => element = start.name().as_ref().to_owned(),
                Ok(Event::End(_)) => element.clear(),
                Ok(Event::Text(text)) => {
                    let target = match element.as_str() {
                        "Code" => &mut document.code,
                        "Message" => &mut document.message,
                        "EC" => &mut document.ec,
                        _ => continue,
                    };
                    target.extend(text.chars().take(200));
                }
                Ok(Event::Eof) | Err(_) => return document,
                Ok(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, body: &str) -> DataErrorKind {
        DataError::from_answer(StatusCode::from_u16(status).unwrap_or_default(), body.as_bytes()).kind
    }

    #[test]
    fn reads_the_reference_documents() {
        let expired = r#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired.</Message><RequestId>6955A0</RequestId><EC>0002-00000069</EC></Error>"#;
        let full = "<Error><Code>RequestDeniedByCallback</Code><Message>Callback deny this request reason: ExceedMaxConcurrency</Message></Error>";
        let referer =
            "<Error><Code>AccessDenied</Code><Message>You are denied by bucket referer policy.</Message></Error>";
        assert_eq!(kind(403, expired), DataErrorKind::Expired);
        for ec in ["0002-00000235", "0002-00000236"] {
            let document = format!("<Error><Code>AccessDenied</Code><Message>no</Message><EC>{ec}</EC></Error>");
            assert_eq!(kind(403, &document), DataErrorKind::Expired, "{ec}");
        }
        assert_eq!(kind(403, full), DataErrorKind::TooManyStreams);
        assert_eq!(kind(403, referer), DataErrorKind::Refused);
        assert_eq!(kind(409, "<Error><Code>PartAlreadyExist</Code></Error>"), DataErrorKind::PartAlreadyExists);
        assert_eq!(kind(409, "<Error><Code>PartNotSequential</Code></Error>"), DataErrorKind::PartNotSequential);
    }

    #[test]
    fn what_is_no_document_counts_by_its_status() {
        assert_eq!(kind(503, "<html><body>busy"), DataErrorKind::Unavailable);
        assert_eq!(kind(403, "<html>no</html>"), DataErrorKind::Refused);
        assert_eq!(kind(429, ""), DataErrorKind::Throttled);
        assert_eq!(kind(416, ""), DataErrorKind::Shorter);
    }
}
