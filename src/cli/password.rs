//! `alidav hash-password`.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use argon2::Argon2;
use argon2::password_hash::PasswordHasher as _;
use secrecy::{ExposeSecret as _, SecretString};

/// Reads a password without showing it, or a line from a pipe, and prints its argon2id string.
pub(super) fn hash_password() -> ExitCode {
    let password = match read() {
        Ok(password) => password,
        Err(problem) => {
            eprintln!("alidav: {problem}");
            return ExitCode::FAILURE;
        }
    };
    match hash(&password) {
        Ok(hash) => {
            println!("{hash}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("alidav: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn read() -> Result<SecretString, String> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map_err(|error| format!("the password cannot be read: {error}"))?;
        return Ok(line.trim_end_matches(['\n', '\r']).into());
    }
    let ask =
        |prompt| rpassword::prompt_password(prompt).map_err(|error| format!("the password cannot be read: {error}"));
    let first = ask("Password: ")?;
    if ask("Once more: ")? != first {
        return Err("the two passwords differ".to_owned());
    }
    Ok(first.into())
}

fn hash(password: &SecretString) -> Result<String, String> {
    if password.expose_secret().is_empty() {
        return Err("an empty password is refused".to_owned());
    }
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| format!("the password cannot be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_is_argon2id_and_differs_each_time() {
        let one = hash(&"geheim".into()).unwrap();
        assert!(one.starts_with("$argon2id$v=19$"), "{one}");
        assert_ne!(one, hash(&"geheim".into()).unwrap());
        assert!(hash(&"".into()).is_err());
    }
}
