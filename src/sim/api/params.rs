//! Reads request bodies as strictly as the reference describes them: a field that no client sends is
//! refused, so that a misspelt one cannot hide.

use serde_json::{Map, Value};

use crate::sim::answer::Refusal;

/// The fields of one request.
pub(in crate::sim) struct Params(Map<String, Value>);

impl Params {
    /// An absent or empty body is an empty object.
    pub(in crate::sim) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        if body.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(Refusal::new(400, "InvalidRequestJSONFormat", "the request body is not a JSON object")),
        }
    }

    /// Refuses fields beyond these.
    pub(in crate::sim) fn only(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Refusal::parameter("NotSupported", name)),
            None => Ok(()),
        }
    }

    pub(in crate::sim) fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A string; null, absent and empty are alike.
    pub(in crate::sim) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.raw(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty()).map(String::as_str)),
            Some(_) => Err(Refusal::parameter("WrongFormat", name)),
        }
    }

    pub(in crate::sim) fn need(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name)?.ok_or_else(|| match self.raw(name) {
            // Told of this one parameter so (reference 2.1).
            Some(_) if name == "drive_id" => Refusal::new(400, "BadRequest", "driveId must not be empty"),
            _ => Refusal::parameter("Missing", name),
        })
    }

    pub(in crate::sim) fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        match self.raw(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| Refusal::parameter("WrongFormat", name)),
        }
    }

    pub(in crate::sim) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.raw(name) {
            None => Ok(None),
            Some(value) => value.as_bool().map(Some).ok_or_else(|| Refusal::parameter("WrongFormat", name)),
        }
    }

    /// One of a few words.
    pub(in crate::sim) fn word(&self, name: &str, words: &[&str]) -> Result<Option<&str>, Refusal> {
        match self.text(name)? {
            Some(word) if !words.contains(&word) => Err(Refusal::parameter("OutOfRange", name)),
            word => Ok(word),
        }
    }

    pub(in crate::sim) fn list(&self, name: &str) -> Result<Option<&Vec<Value>>, Refusal> {
        match self.raw(name) {
            None => Ok(None),
            Some(value) => value.as_array().map(Some).ok_or_else(|| Refusal::parameter("WrongFormat", name)),
        }
    }
}
