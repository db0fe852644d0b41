//! Who we are at a WebDAV server. A password comes by the environment or is asked for; it is never an argument, which
//! others on the machine can read.

use std::io::IsTerminal as _;

use secrecy::SecretString;
use url::Url;

use crate::config::Environment;

const USER: &str = "WEBDAV_USER";
const PASSWORD: &str = "WEBDAV_PASSWORD";

/// A user and his password.
pub(in crate::cli::copy) struct Login {
    pub(in crate::cli::copy) user: String,
    pub(in crate::cli::copy) password: SecretString,
}

/// The login for an address; absent where nobody is named.
///
/// # Errors
/// A user without a password, and nobody to ask for it.
pub(in crate::cli::copy) fn login(
    url: &Url,
    user: Option<&str>,
    environment: &dyn Environment,
) -> Result<Option<Login>, String> {
    let variable = |wanted: &str| {
        let found = environment.variables().into_iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value).filter(|value| !value.is_empty())
    };
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let in_url = Some(url.username()).filter(|user| !user.is_empty()).map(decoded);
    let Some(user) = user.map(str::to_owned).or(in_url).or_else(|| variable(USER)) else { return Ok(None) };
    if let Some(password) = variable(PASSWORD) {
        return Ok(Some(Login { user, password: password.into() }));
    }
    if !std::io::stdin().is_terminal() {
        return Err(format!("no password for {user}: set {PASSWORD}"));
    }
    let asked = rpassword::prompt_password(format!("Password of {user} at {}: ", url.host_str().unwrap_or_default()));
    let password = asked.map_err(|error| format!("the password cannot be read: {error}"))?;
    Ok(Some(Login { user, password: password.into() }))
}
