//! `alidav login`: a QR code in the terminal, the wait for the phone, the tokens into the state store.
//!
//! What it prints is for a person; tokens and codes are in none of it but the QR code itself, which says only
//! which sign-in the phone confirms.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use super::arguments::LoginArguments;
use super::granted;
use super::run::load;
use super::signals::Signals;
use crate::clock::UnixSeconds;
use crate::config::{Account, Config, StateLocation};
use crate::state::Store;
use crate::upstream::{Client, Code, Progress, SignIn, SignInError, SignedIn};

/// Codes offered one after the other before the command gives up; each lives three minutes.
const MAX_CODES: u32 = 5;

/// Signs an account in; 1 when that failed, 2 when the settings are wrong.
pub(super) async fn login(config: Option<&Path>, arguments: &LoginArguments) -> ExitCode {
    let loaded = match load(config) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    // The usual lines would tear the QR code apart.
    let filter = if loaded.config.log == "info" { "warn" } else { &loaded.config.log };
    super::log::start(filter, loaded.config.log_format, loaded.config.log_time);
    match sign_in(&loaded.config, arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("alidav: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn sign_in(config: &Config, arguments: &LoginArguments) -> Result<(), String> {
    let account = choose(config, arguments.account.as_deref())?;
    if config.state == StateLocation::Memory {
        return Err(
            "the state store is in memory, so the tokens would be lost; set state = \"sqlite:alidav.db\"".to_owned()
        );
    }
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let store = Store::open(&config.state).await.map_err(|error| words(&error))?;
    let client = Client::new(account, config, store.clone()).map_err(|error| words(&error))?;
    let mut ending = Signals::ending();
    let result = tokio::select! {
        result = codes(&client, arguments) => result,
        () = ending.next() => Err("stopped".to_owned()),
    };
    tokio::select! {
        () = client.settled() => {}
        () = ending.next() => {}
    }
    store.close().await;
    report(account, &result?)
}

fn choose<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Account, String> {
    let names = || config.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, config.accounts.as_slice()) {
        (None, [account]) => Ok(account),
        (None, _) => Err(format!("say which account with --account: {}", names())),
        (Some(name), accounts) => accounts
            .iter()
            .find(|account| account.name == name)
            .ok_or_else(|| format!("there is no account {name:?} in the settings; there is {}", names())),
    }
}

/// Offers codes until one is confirmed.
async fn codes(client: &Client, arguments: &LoginArguments) -> Result<SignedIn, String> {
    for at in 1..=MAX_CODES {
        let mut flow = client.sign_in(arguments.replace).await.map_err(|error| error.to_string())?;
        show(client.account(), flow.code());
        if let Some(done) = wait(&mut flow, arguments.poll_ms).await.map_err(|error| error.to_string())? {
            return Ok(done);
        }
        if at < MAX_CODES {
            say!("the code has expired; here is a new one ({} of {MAX_CODES})", at + 1);
        }
    }
    Err(format!(
        "{MAX_CODES} codes have expired without being scanned; run the command again when the phone is at hand"
    ))
}

/// Polls one code to its end; absent when it expired.
async fn wait(flow: &mut SignIn, poll_ms: u64) -> Result<Option<SignedIn>, SignInError> {
    let mut told = String::new();
    loop {
        let words = match flow.poll().await? {
            Progress::Done(done) => return Ok(Some(done)),
            Progress::Expired => return Ok(None),
            Progress::Scanned => "scanned: confirm on the phone".to_owned(),
            Progress::Waiting { trouble: None } => "waiting for the code to be scanned".to_owned(),
            Progress::Waiting { trouble: Some(trouble) } => format!("asking again: {trouble}"),
        };
        if words != told {
            say!("{words}");
            told = words;
        }
        tokio::time::sleep(Duration::from_millis(poll_ms)).await;
    }
}

fn show(account: &str, code: &Code) {
    let mut out = std::io::stdout().lock();
    for failure in &code.skipped {
        writeln!(out, "no code from {failure}; trying the next server").ok();
    }
    writeln!(out, "\nSigning account {account:?} in through {}.", code.server).ok();
    writeln!(out, "open         {}", code.qr_text).ok();
    if let Some(url) = &code.image_url {
        writeln!(out, "as an image  {url}").ok();
    }
    let until = date(code.expires_at);
    writeln!(
        out,
        "or scan this with the Aliyundrive app (阿里云盘) until {until}; tick the drives to be served, and confirm:"
    )
    .ok();
    // Nothing but the state of the sign-in comes below: but for a margin a terminal of 24 lines holds both.
    // Low correction keeps it small; a screen has no scratches.
    match QrCode::with_error_correction_level(code.qr_text.as_bytes(), EcLevel::L) {
        Ok(qr) => {
            // Light modules are the terminal's foreground: right on dark terminals, and phones read the inverse too.
            let picture = qr.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
            writeln!(out, "{picture}").ok();
        }
        Err(error) => {
            writeln!(out, "(the code cannot be drawn: {error})").ok();
        }
    }
    out.flush().ok();
}

/// Tells what a sign-in came to; one without a drive to serve is a failure, though its tokens are kept.
fn report(account: &Account, done: &SignedIn) -> Result<(), String> {
    let granted = match &done.drives {
        None => {
            say!("signed in for account {:?}; the service did not tell the name yet", account.name);
            Ok("drives granted: not known yet; `alidav check` tells".to_owned())
        }
        Some(drives) => {
            say!("signed in as {:?} for account {:?}", drives.name, account.name);
            granted::words(drives)
        }
    };
    say!("{}", granted?);
    let tokens = &done.tokens;
    if let Some(at) = tokens.access_expires_at {
        say!("access token until {}", date(at));
    }
    match (tokens.renewable, tokens.refresh_expires_at.or(tokens.sign_in_by)) {
        (true, Some(at)) => say!("refresh token until {}; it is renewed long before by a running alidav", date(at)),
        (true, None) => say!("the tokens are renewed by a running alidav"),
        (false, _) => {
            say!("without a client_secret (PKCE) it cannot be renewed: run `alidav login` again before that day");
        }
    }
    say!("A running alidav with this state store takes the tokens up by itself.");
    Ok(())
}

fn date(at: UnixSeconds) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.0).unwrap_or_default()
}
