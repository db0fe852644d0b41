//! What a browser has seen since it began: its console, and all that it has asked of the network.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

/// Both logs, as they have been read so far.
#[derive(Default)]
pub(crate) struct Seen {
    /// Events of DevTools: `method` and `params`.
    pub(crate) events: Vec<Value>,
    console: Vec<Value>,
    /// Complaints that a test provokes, each by a part of its text.
    provoked: Vec<&'static str>,
}

impl Seen {
    pub(crate) fn add(&mut self, events: &Value, console: &Value) {
        let events = events.as_array().into_iter().flatten();
        let read = |entry: &Value| serde_json::from_str::<Value>(entry["message"].as_str()?).ok();
        self.events.extend(events.filter_map(read).map(|mut event| event["message"].take()));
        self.console.extend(console.as_array().into_iter().flatten().cloned());
    }

    pub(crate) fn provokes(&mut self, part: &'static str) {
        self.provoked.push(part);
    }

    /// The errors of the console, violations of the content security policy among them.
    pub(crate) fn errors(&self) -> Vec<&str> {
        let severe = self.console.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.filter_map(|entry| entry["message"].as_str()).collect()
    }

    /// Errors that the test did not provoke.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        let expected = |words: &&str| self.provoked.iter().any(|part| words.contains(part));
        self.errors().into_iter().filter(|words| !expected(words)).collect()
    }

    /// What the test said it provokes and nobody has complained of.
    pub(crate) fn unheard(&self) -> Vec<&str> {
        let errors = self.errors();
        let heard = |part: &&str| errors.iter().any(|words| words.contains(*part));
        self.provoked.iter().copied().filter(|part| !heard(part)).collect()
    }

    /// The URLs of all requests, those of redirects too.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &str> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| event["params"]["request"]["url"].as_str())
    }

    /// Hosts with their ports that were asked over the network.
    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        let urls = self.requests().filter_map(|url| Url::parse(url).ok());
        let asked = urls.filter(|url| matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp"));
        asked.map(|url| url.authority().to_owned()).collect()
    }

    /// The newest event of a name.
    pub(crate) fn last(&self, method: &str, fits: impl Fn(&Value) -> bool) -> Option<&Value> {
        self.events.iter().rev().find(|event| event["method"] == method && fits(&event["params"])).map(|e| &e["params"])
    }
}
