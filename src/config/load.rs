//! From a file and the environment to checked settings.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use toml::Table;

use crate::config::environment::{self, Environment};
use crate::config::fault::{Fault, Faults};
use crate::config::reader::{Notes, Reader};
use crate::config::sections;
use crate::config::settings::{Config, StateLocation};

/// Settings that passed all checks, and what deserves a word nevertheless.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is allowed but unwise.
    pub warnings: Vec<String>,
    /// The file that was read; absent when the environment said it all.
    pub path: Option<PathBuf>,
}

impl Config {
    /// Reads the given file, else the first of `./alidav.toml`, `$XDG_CONFIG_HOME/alidav/alidav.toml` and
    /// `/etc/alidav/alidav.toml` that exists, and lays the environment over it.
    ///
    /// # Errors
    /// All faults at once, each with its origin, key, and remedy.
    pub fn load(path: Option<&Path>, environment: &dyn Environment) -> Result<Loaded, Faults> {
        let path = path.map(Path::to_owned).or_else(|| candidates(environment).into_iter().find(|path| path.is_file()));
        let text = match &path {
            Some(path) => {
                std::fs::read_to_string(path).map_err(|error| whole(path, format!("cannot be read: {error}")))?
            }
            None => String::new(),
        };
        let mut loaded = Self::read(&text, path.as_deref(), environment).map_err(|mut faults| {
            if path.is_none() {
                faults.0.insert(0, no_file(environment));
            }
            faults
        })?;
        if let Some(path) = &path
            && holds_secrets(&loaded.config)
            && readable_by_others(path)
        {
            loaded.warnings.push(format!("{} holds secrets and is readable by others; chmod 600 it", path.display()));
        }
        Ok(Loaded { path, ..loaded })
    }

    /// Reads settings from a text; `path` is its name in faults.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use alidav::config::Config;
    ///
    /// let text = r#"
    ///     [[account]]
    ///     name = "main"
    ///     [[mount]]
    ///     path = "/"
    ///     acount = "main"
    /// "#;
    /// let faults = Config::read(text, None, &BTreeMap::new()).unwrap_err();
    /// assert!(faults.to_string().contains("acount"));
    /// ```
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn read(text: &str, path: Option<&Path>, environment: &dyn Environment) -> Result<Loaded, Faults> {
        let file = path.map_or_else(|| "settings".to_owned(), |path| path.display().to_string());
        let mut table: Table = match text.parse() {
            Ok(table) => table,
            // Only position and message: the line itself may hold a secret.
            Err(error) => return Err(Faults(vec![syntax_fault(&file, text, &error)])),
        };
        let mut faults = Vec::new();
        let origins = environment::overlay(&mut table, environment, &mut faults);
        let notes = Notes { file, origins, faults: RefCell::new(faults) };
        let (config, warnings) = sections::read(Reader::new(&notes, "", table));
        let faults = notes.faults.into_inner();
        if faults.is_empty() { Ok(Loaded { config, warnings, path: None }) } else { Err(Faults(faults)) }
    }
}

fn syntax_fault(file: &str, text: &str, error: &toml::de::Error) -> Fault {
    let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    Fault { origin: file.to_owned(), key: String::new(), problem: format!("{place}{}", error.message()) }
}

fn whole(path: &Path, problem: String) -> Faults {
    Faults(vec![Fault { origin: path.display().to_string(), key: String::new(), problem }])
}

fn no_file(environment: &dyn Environment) -> Fault {
    let looked: Vec<String> = candidates(environment).iter().map(|path| path.display().to_string()).collect();
    let problem = format!("no file was found: there is no {}; name one with --config FILE", looked.join(", no "));
    Fault { origin: "settings".to_owned(), key: String::new(), problem }
}

fn candidates(environment: &dyn Environment) -> Vec<PathBuf> {
    let home = environment::variable(environment, "XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| environment::variable(environment, "HOME").map(|home| Path::new(&home).join(".config")));
    let mut candidates = vec![PathBuf::from("alidav.toml")];
    candidates.extend(home.map(|home| home.join("alidav/alidav.toml")));
    candidates.push(PathBuf::from("/etc/alidav/alidav.toml"));
    candidates
}

fn holds_secrets(config: &Config) -> bool {
    config.accounts.iter().any(|a| a.refresh_token.is_some() || a.client_secret.is_some())
        || config.users.iter().any(|u| !u.password.expose_secret().starts_with("$argon2"))
        || config.mounts.iter().any(|m| m.down_proxy_token.is_some())
        || config.views.iter().any(|v| v.credentials.is_some())
        || matches!(&config.state, StateLocation::Postgres(url) if url.has_password())
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> bool {
    false
}
