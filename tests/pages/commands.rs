//! What Chromium's driver can do beyond WebDriver: DevTools' commands, and its logs.

use fantoccini::wd::WebDriverCompatibleCommand;
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// A command by its path below the session.
#[derive(Debug)]
pub(crate) struct Command {
    path: String,
    body: Value,
}

impl Command {
    /// One of DevTools (`Page.captureScreenshot`, …).
    pub(crate) fn dev_tools(name: &str, params: Value) -> Self {
        Self { path: "goog/cdp/execute".to_owned(), body: json!({ "cmd": name, "params": params }) }
    }

    /// What has come into a log since the last time.
    pub(crate) fn log(name: &str) -> Self {
        Self { path: "se/log".to_owned(), body: json!({ "type": name }) }
    }

    /// A press on an element, by what a script has returned for it.
    pub(crate) fn click(element: &Value) -> Option<Self> {
        let id = element.as_object()?.values().next()?.as_str()?;
        Some(Self { path: format!("element/{id}/click"), body: json!({}) })
    }
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
