//! Settings from environment variables: `ALIDAV_SECTION__KEY`, `ALIDAV_ACCOUNT__NAME__KEY`, secrets also
//! as `…_FILE`.
//!
//! Variables are laid over the file's table before it is read, so that both have the same names, types
//! and checks.

use std::collections::{BTreeMap, HashMap};

use toml::{Table, Value};

use crate::config::fault::Fault;

const PREFIX: &str = "ALIDAV_";

/// Arrays of tables, and the key by which one of them can be named.
const ARRAYS: [(&str, Option<&str>); 5] =
    [("account", Some("name")), ("user", Some("name")), ("mount", None), ("view", None), ("client", None)];

/// Keys whose value may be given by a file's name.
const SECRETS: [&str; 5] = ["client_secret", "refresh_token", "down_proxy_token", "password", "state"];

/// Where variables come from; tests supply their own.
pub trait Environment {
    /// All variables.
    fn variables(&self) -> Vec<(String, String)>;
}

/// The process's own environment.
#[derive(Debug, Clone, Copy)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variables(&self) -> Vec<(String, String)> {
        // What is no UTF-8 is found by the sign that stands for it.
        let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
        std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
    }
}

impl Environment for BTreeMap<String, String> {
    fn variables(&self) -> Vec<(String, String)> {
        self.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// The value of one variable; absent where it is not set.
pub(super) fn variable(environment: &dyn Environment, name: &str) -> Option<String> {
    environment
        .variables()
        .into_iter()
        .find(|(n, _)| n == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// Lays the variables over the table. Gives the name of the variable behind each key that one set.
pub(super) fn overlay(
    table: &mut Table,
    environment: &dyn Environment,
    faults: &mut Vec<Fault>,
) -> HashMap<String, String> {
    let mut origins = HashMap::new();
    let mut variables = environment.variables();
    variables.sort();
    for (name, value) in variables {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let mut path: Vec<String> = rest.to_ascii_lowercase().split("__").map(str::to_owned).collect();
        let Some(last) = path.last_mut() else { continue };
        if value.contains(char::REPLACEMENT_CHARACTER) {
            faults.push(Fault { origin: name, key: String::new(), problem: "is no UTF-8".to_owned() });
            continue;
        }
        let mut value = value;
        if let Some(secret) = last.strip_suffix("_file").filter(|key| SECRETS.contains(key)) {
            *last = secret.to_owned();
            match std::fs::read_to_string(&value) {
                // A text file's last line ends in a line break, which is no part of the secret.
                Ok(text) => value = text.trim_end_matches(['\r', '\n']).to_owned(),
                Err(error) => {
                    faults.push(Fault { origin: name, key: String::new(), problem: format!("{value}: {error}") });
                    continue;
                }
            }
        }
        match place(table, &path) {
            Some((target, key, full)) => {
                target.insert(key, Value::String(value));
                origins.insert(full, name);
            }
            None => faults.push(Fault {
                origin: name,
                key: String::new(),
                problem: "names no setting: use ALIDAV_KEY, ALIDAV_SECTION__KEY or ALIDAV_ACCOUNT__NAME__KEY"
                    .to_owned(),
            }),
        }
    }
    origins
}

/// The table, the key and the full name that a variable's path leads to.
fn place<'a>(table: &'a mut Table, path: &[String]) -> Option<(&'a mut Table, String, String)> {
    match path {
        [key] => Some((table, key.clone(), key.clone())),
        [section, key] if !ARRAYS.iter().any(|(array, _)| array == section) => {
            let full = format!("{section}.{key}");
            let target = table.entry(section.clone()).or_insert_with(|| Value::Table(Table::new())).as_table_mut()?;
            Some((target, key.clone(), full))
        }
        [array, which, key] => {
            let (_, named_by) = ARRAYS.iter().find(|(name, _)| name == array)?;
            let list = table.entry(array.clone()).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
            let at = match (which.parse::<usize>(), named_by) {
                (Ok(at), _) if at <= list.len() => at,
                (Err(_), Some(by)) => list
                    .iter()
                    .position(|t| {
                        t.get(by).and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case(which))
                    })
                    .unwrap_or(list.len()),
                _ => return None,
            };
            if at == list.len() {
                let mut new = Table::new();
                if let (Some(by), Err(_)) = (named_by, which.parse::<usize>()) {
                    new.insert((*by).to_owned(), Value::String(which.clone()));
                }
                list.push(Value::Table(new));
            }
            Some((list.get_mut(at)?.as_table_mut()?, key.clone(), format!("{array}[{at}].{key}")))
        }
        _ => None,
    }
}
