//! The address of a PostgreSQL database, whose password does not print.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// What may stand behind the `?`; whatever else does is a mistake.
const PARAMETERS: [&str; 6] = ["host", "sslmode", "sslrootcert", "sslcert", "sslkey", "options"];

const FILES: [&str; 3] = ["sslrootcert", "sslcert", "sslkey"];

const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// `postgres://user@host:port/database`, as all clients of PostgreSQL have it. Prints without password and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Url);

impl PostgresUrl {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let url: Url = text.parse().map_err(|error| format!("{error}; must be like postgres://user@host/alidav"))?;
        let host = url.host_str().is_some_and(|host| !host.is_empty());
        if !host && !url.query_pairs().any(|(name, _)| name == "host") {
            return Err(
                "names no host: write postgres://user@host/alidav, or postgres:///alidav?host=/run/postgresql \
                        for a socket"
                    .to_owned(),
            );
        }
        if url.path().trim_matches('/').is_empty() || url.fragment().is_some() {
            return Err("names no database: write postgres://user@host/alidav".to_owned());
        }
        let mut verifies = false;
        for (name, value) in url.query_pairs() {
            if name == "password" {
                return Err(
                    "has a password among its parameters; write postgres://user:password@host/alidav".to_owned()
                );
            }
            if !PARAMETERS.contains(&&*name) {
                return Err(format!("has the parameter {name:?}; known are {}", PARAMETERS.join(", ")));
            }
            if name == "sslmode" && !SSL_MODES.contains(&&*value) {
                return Err(format!("has sslmode={value}; it must be one of {}", SSL_MODES.join(", ")));
            }
            verifies |= name == "sslmode" && value.starts_with("verify");
        }
        if !verifies && url.query_pairs().any(|(name, _)| name == "sslrootcert") {
            return Err("has sslrootcert, which is of use only with sslmode=verify-full or verify-ca".to_owned());
        }
        Ok(Self(url))
    }

    /// The whole address, the password included.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// The files that it names, by what for.
    pub fn files(&self) -> impl Iterator<Item = (String, PathBuf)> {
        let of_files = self.0.query_pairs().filter(|(name, _)| FILES.contains(&&**name));
        of_files.map(|(name, path)| (name.into_owned(), PathBuf::from(&*path)))
    }

    /// Whether the password is in it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.password().is_some()
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.clone();
        // It can have a password, for it has one, or none.
        shown.set_password(None).ok();
        shown.set_query(None);
        f.write_str(shown.as_str())?;
        match self.0.query_pairs().find(|(name, _)| name == "host") {
            Some((_, host)) => write!(f, "?host={host}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_password_does_not_print() {
        let url = PostgresUrl::parse("postgres://me:hush%40@db.example:5433/alidav?sslmode=require").unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://me@db.example:5433/alidav postgres://me@db.example:5433/alidav"
        );
        assert!(url.has_password() && url.expose().contains("hush"));
        let socket = PostgresUrl::parse("postgresql:///alidav?host=/run/postgresql").unwrap();
        assert_eq!(socket.to_string(), "postgresql:///alidav?host=/run/postgresql");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_the_remedy() {
        for (text, words) in [
            ("postgres://me@/alidav", "host"),
            ("postgres://me@db.example", "database"),
            ("postgres://me@db.example/alidav?password=hush", "parameters"),
            ("postgres://me@db.example/alidav?sslmod=require", "sslmode"),
            ("postgres://me@db.example/alidav?sslmode=verify_full", "verify-full"),
            ("postgres://me@db.example/alidav?sslrootcert=/ca.pem", "verify-full"),
        ] {
            let told = PostgresUrl::parse(text).unwrap_err();
            assert!(told.contains(words) && !told.contains("hush"), "{told}");
        }
    }
}
