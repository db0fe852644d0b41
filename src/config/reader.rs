//! Reads one table of settings, noting every fault instead of stopping at the first.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use toml::{Table, Value};

use crate::config::fault::Fault;

/// Faults found so far and where each key came from.
pub(super) struct Notes {
    pub(super) file: String,
    /// Environment variables by the key that they set.
    pub(super) origins: HashMap<String, String>,
    pub(super) faults: RefCell<Vec<Fault>>,
}

impl Notes {
    pub(super) fn fault(&self, key: &str, problem: impl Into<String>) {
        let origin = self.origins.get(key).unwrap_or(&self.file).clone();
        self.faults.borrow_mut().push(Fault { origin, key: key.to_owned(), problem: problem.into() });
    }

    /// Whether something is wrong with the key already, so that what follows from it need not be told.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.faults.borrow().iter().any(|fault| fault.key == key)
    }
}

/// One table; keys are taken out as they are read, what remains is unknown.
pub(super) struct Reader<'a> {
    pub(super) notes: &'a Notes,
    prefix: String,
    table: Table,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(notes: &'a Notes, prefix: impl Into<String>, table: Table) -> Self {
        Self { notes, prefix: prefix.into(), table, known: Vec::new() }
    }

    /// The key's full name.
    pub(super) fn full(&self, key: &str) -> String {
        if self.prefix.is_empty() { key.to_owned() } else { format!("{}.{key}", self.prefix) }
    }

    pub(super) fn fault(&self, key: &str, problem: impl Into<String>) {
        self.notes.fault(&self.full(key), problem);
    }

    /// Notes that a key is missing, unless it is there and wrong.
    pub(super) fn missing(&self, key: &str, problem: &str) {
        if !self.notes.is_faulty(&self.full(key)) {
            self.fault(key, problem);
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.table.remove(key)
    }

    /// Whether a value came from a variable, which is always text.
    fn is_variable(&self, key: &str) -> bool {
        self.notes.origins.contains_key(&self.full(key))
    }

    fn wrong(&self, key: &str, value: &Value, wanted: &str) {
        let shown = without_credentials(&value.to_string());
        self.fault(key, format!("is {} {shown}, but {wanted} is needed", value.type_str()));
    }

    /// Text; blank counts as absent.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text),
            other => {
                self.wrong(key, &other, "text in quotes");
                None
            }
        }
    }

    /// A token, which has no blanks; never repeated in a fault.
    pub(super) fn token(&mut self, key: &'static str) -> Option<SecretString> {
        self.secret(key).map(|token| token.expose_secret().trim().into())
    }

    /// Text that is never repeated in a fault; blanks at its ends belong to it.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretString> {
        match self.take(key)? {
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => Some(text.into()),
            other => {
                self.fault(key, format!("is {}, but text in quotes is needed", other.type_str()));
                None
            }
        }
    }

    /// Text that `parse` understands; its error says what is wrong.
    pub(super) fn parsed<T>(&mut self, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(key)?;
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(key, format!("is {:?}: {problem}", without_credentials(&text)));
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        self.parsed(key, |text| {
            let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value);
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            found.ok_or_else(|| format!("must be one of {}", all.join(", ")))
        })
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        match self.take(key)? {
            Value::Boolean(flag) => Some(flag),
            Value::String(text) if self.is_variable(key) && text == "true" => Some(true),
            Value::String(text) if self.is_variable(key) && text == "false" => Some(false),
            other => {
                self.wrong(key, &other, "true or false");
                None
            }
        }
    }

    pub(super) fn integer(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let value = self.take(key)?;
        let number = match &value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::String(text) if self.is_variable(key) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.wrong(key, &value, &format!("a whole number from {least} to {most}"));
        }
        number
    }

    pub(super) fn seconds(&mut self, key: &'static str, least: u64, most: u64) -> Option<Duration> {
        self.integer(key, least, most).map(Duration::from_secs)
    }

    /// Calls per second: above zero.
    pub(super) fn rate(&mut self, key: &'static str) -> Option<f64> {
        let value = self.take(key)?;
        let number = match &value {
            Value::Float(number) => Some(*number),
            #[expect(clippy::cast_precision_loss, reason = "rates are small")]
            Value::Integer(number) => Some(*number as f64),
            Value::String(text) if self.is_variable(key) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| number.is_finite() && *number >= 0.01 && *number <= 1_000_000.0);
        if number.is_none() {
            self.wrong(key, &value, "a number of calls per second, at least 0.01,");
        }
        number
    }

    /// Bytes, as a number or as text with a unit.
    pub(super) fn bytes(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let value = self.take(key)?;
        let bytes = match &value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::String(text) => parse_bytes(text),
            _ => None,
        };
        if bytes.is_none() {
            self.wrong(key, &value, "a size such as \"8MiB\" or \"20GB\"");
        }
        let within = bytes.filter(|bytes| (least..=most).contains(bytes));
        if let (Some(bytes), None) = (bytes, within) {
            self.fault(key, format!("is {bytes} bytes, but must be from {least} to {most}"));
        }
        within
    }

    /// A list of texts; a variable holds it separated by commas. Absent where the key is.
    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        let value = self.take(key)?;
        match &value {
            Value::Array(items) if items.iter().all(Value::is_str) => {
                Some(items.iter().filter_map(|item| item.as_str().map(|t| t.trim().to_owned())).collect())
            }
            Value::String(text) if self.is_variable(key) => {
                Some(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
            }
            _ => {
                self.wrong(key, &value, "a list of texts such as [\"a\", \"b\"]");
                None
            }
        }
    }

    /// A list whose items `parse` understands.
    pub(super) fn parsed_list<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let items = self.list(key)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match parse(&item) {
                Ok(value) => values.push(value),
                Err(problem) => self.fault(key, format!("has {:?}: {problem}", without_credentials(&item))),
            }
        }
        Some(values)
    }

    /// A table of the table.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Reader<'a>> {
        match self.take(key)? {
            Value::Table(table) => Some(Reader::new(self.notes, self.full(key), table)),
            other => {
                self.fault(key, format!("is {}, but a section [{key}] is needed", other.type_str()));
                None
            }
        }
    }

    /// The tables of an array `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let items = match self.take(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.fault(key, format!("is {}, but sections [[{key}]] are needed", other.type_str()));
                Vec::new()
            }
        };
        let mut readers = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let prefix = format!("{}[{at}]", self.full(key));
            match item {
                Value::Table(table) => readers.push(Reader::new(self.notes, prefix, table)),
                other => self.notes.fault(&prefix, format!("is {}, but a section is needed", other.type_str())),
            }
        }
        readers
    }

    /// Notes the keys that nobody read.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            let near = self.known.iter().map(|known| (strsim::damerau_levenshtein(known, key), known)).min();
            let hint = match near {
                Some((distance, known)) if distance <= 3 && distance * 2 <= key.len() => {
                    format!("; did you mean {known}?")
                }
                _ => elsewhere(key).map(|ours| format!(": here it is {ours}")).unwrap_or_default(),
            };
            self.fault(key, format!("is no setting{hint}"));
        }
    }
}

/// What AList, `OpenList` and aliyundrive-webdav call by another name.
fn elsewhere(key: &str) -> Option<&'static str> {
    let ours = match key.to_ascii_lowercase().replace('-', "_").as_str() {
        "mount_path" => "[[mount]] path",
        "webdav_policy" | "web_proxy" | "no_redirect" | "redirect" => {
            "[[mount]] link_policy = \"redirect\" or \"proxy\""
        }
        "root" | "root_folder_path" => "[[mount]] root_folder_id, an id; or the path of the user: [[user]] base_path",
        "cache_expiration" | "cache_ttl" => "[cache] list_ttl_s",
        "cache_size" => "[cache] max_entries",
        "host" | "port" | "http_port" | "address" => "listen = [\"127.0.0.1:8080\"]",
        "https_port" | "cert_file" | "key_file" | "tls_cert" | "tls_key" => "[tls] cert and key",
        "auth_user" | "username" | "admin" => "[[user]] name",
        "auth_password" => "[[user]] password",
        "guest" => "[anonymous] permission",
        "site_url" => "public_url",
        "workdir" | "database" | "db_file" => "state = \"sqlite:FILE\"",
        "proxy_address" | "http_proxy" | "https_proxy" => "[upstream] outbound_proxy",
        "read_buffer_size" => "[download] read_ahead",
        "upload_buffer_size" => "[upload] part_size",
        "no_trash" => "[[mount]] remove_way = \"trash\" or \"delete\"",
        "strip_prefix" => "dav_prefix",
        "log_level" => "log",
        _ => return None,
    };
    Some(ours)
}

/// A value as it may be repeated: an address may have a name and a password in front of its host, and a password
/// among its parameters.
fn without_credentials(text: &str) -> String {
    let text = if text.contains("://") { text.split('?').next().unwrap_or_default() } else { text };
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

/// Reads a size: `8MiB`, `20 GB`, `4096`.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    if let Ok(number) = number.parse::<u64>() {
        return number.checked_mul(scale);
    }
    let bytes = number.parse::<f64>().ok()? * scale as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
    (bytes.is_finite() && bytes < 1e18).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(parse_bytes("8MiB"), Some(8 << 20));
        assert_eq!(parse_bytes("20 GB"), Some(20_000_000_000));
        assert_eq!(parse_bytes("1.5k"), Some(1536));
        assert_eq!(parse_bytes("4096"), Some(4096));
        for text in ["", "MiB", "8 parsecs", "-1", "99999999999999999999"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }
}
