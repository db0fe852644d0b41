//! `alidav login`: a QR code in the terminal, the wait for the phone, the tokens into the state store.
//!
//! What it prints is for a person; tokens and codes are in none of it but the QR code itself, which says only
//! which sign-in the phone confirms.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use qrcode::types::QrError;
use qrcode::{EcLevel, QrCode, render::unicode::Dense1x2};

use super::arguments::LoginArguments;
use super::granted;
use super::run::load;
use super::signals::Signals;
use super::words::Language;
use crate::clock::UnixSeconds;
use crate::config::{Account, Config, Environment as _, ProcessEnvironment, StateLocation};
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
    super::log::start(filter, loaded.config.log_format, loaded.config.log_time, None);
    match sign_in(&loaded.config, arguments, Language::of(&ProcessEnvironment)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("alidav: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn sign_in(config: &Config, arguments: &LoginArguments, tell: Language) -> Result<(), String> {
    let account = choose(config, arguments.account.as_deref(), tell)?;
    if config.state == StateLocation::Memory {
        return Err(tell.memory_store());
    }
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let store = Store::open(&config.state).await.map_err(|error| words(&error))?;
    let client = Client::new(account, config, store.clone()).map_err(|error| words(&error))?;
    let mut ending = Signals::ending();
    let result = tokio::select! {
        result = codes(&client, arguments, tell) => result,
        () = ending.next() => Err(tell.stopped()),
    };
    tokio::select! {
        () = client.settled() => {}
        () = ending.next() => {}
    }
    store.close().await;
    report(account, &result?, tell)
}

fn choose<'a>(config: &'a Config, name: Option<&str>, tell: Language) -> Result<&'a Account, String> {
    let names = || config.accounts.iter().map(|account| account.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, config.accounts.as_slice()) {
        (None, [account]) => Ok(account),
        (None, _) => Err(tell.which_account(&names())),
        (Some(name), accounts) => {
            accounts.iter().find(|account| account.name == name).ok_or_else(|| tell.no_account(name, &names()))
        }
    }
}

/// Offers codes until one is confirmed.
async fn codes(client: &Client, arguments: &LoginArguments, tell: Language) -> Result<SignedIn, String> {
    for at in 1..=MAX_CODES {
        let mut flow = client.sign_in(arguments.replace).await.map_err(|error| error.to_string())?;
        show(client.account(), flow.code(), tell);
        if let Some(done) = wait(&mut flow, arguments.poll_ms, tell).await.map_err(|error| error.to_string())? {
            return Ok(done);
        }
        if at < MAX_CODES {
            say!("{}", tell.new_code(at + 1, MAX_CODES));
        }
    }
    Err(tell.no_more_codes(MAX_CODES))
}

/// Polls one code to its end; absent when it expired.
async fn wait(flow: &mut SignIn, poll_ms: u64, tell: Language) -> Result<Option<SignedIn>, SignInError> {
    let mut told = String::new();
    loop {
        let words = match flow.poll().await? {
            Progress::Done(done) => return Ok(Some(done)),
            Progress::Expired => return Ok(None),
            Progress::Scanned => tell.scanned(),
            Progress::Waiting { trouble: None } => tell.waiting(),
            Progress::Waiting { trouble: Some(trouble) } => tell.asking_again(&trouble),
        };
        if words != told {
            say!("{words}");
            told = words;
        }
        tokio::time::sleep(Duration::from_millis(poll_ms)).await;
    }
}

fn show(account: &str, code: &Code, tell: Language) {
    let mut out = std::io::stdout().lock();
    for failure in &code.skipped {
        writeln!(out, "{}", tell.no_code_from(&failure)).ok();
    }
    writeln!(out, "\n{}", tell.signing_in(account, &code.server)).ok();
    writeln!(out, "{}", tell.open(&code.qr_text)).ok();
    if let Some(url) = &code.image_url {
        writeln!(out, "{}", tell.as_image(url)).ok();
    }
    writeln!(out, "{}", tell.scan_until(&date(code.expires_at))).ok();
    // Nothing but the state of the sign-in comes below: but for a margin a terminal of 24 lines holds both.
    match picture(&code.qr_text) {
        Ok(picture) if out.is_terminal() && takes_colour() => {
            for line in picture.lines() {
                writeln!(out, "{LIGHT_ON_DARK}{line}{USUAL}").ok();
            }
        }
        Ok(picture) => drop(writeln!(out, "{picture}")),
        Err(error) => drop(writeln!(out, "{}", tell.not_drawn(&error))),
    }
    out.flush().ok();
}

/// Bright white on black, whatever colours the terminal has otherwise: a reader meets the code as it is printed on
/// paper, and not every one knows its inverse.
const LIGHT_ON_DARK: &str = "\x1b[97;40m";
const USUAL: &str = "\x1b[0m";

/// The code in half blocks. Light modules are the foreground: right on a dark terminal, inverse on a light one unless
/// it takes colours. Low correction keeps it small; a screen has no scratches.
fn picture(text: &str) -> Result<String, QrError> {
    let qr = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::L)?;
    Ok(qr.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// Neither `NO_COLOR` nor the kind of terminal says otherwise.
fn takes_colour() -> bool {
    let variables = ProcessEnvironment.variables();
    let says_no = |(name, value): &(String, String)| match name.as_str() {
        "NO_COLOR" => !value.is_empty(),
        "TERM" => value == "dumb",
        _ => false,
    };
    !variables.iter().any(says_no)
}

/// Tells what a sign-in came to; one without a drive to serve is a failure, though its tokens are kept.
fn report(account: &Account, done: &SignedIn, tell: Language) -> Result<(), String> {
    let granted = match &done.drives {
        None => {
            say!("{}", tell.signed_in_unnamed(&account.name));
            Ok(tell.drives_unknown())
        }
        Some(drives) => {
            say!("{}", tell.signed_in_as(&drives.name, &account.name));
            granted::words(drives, tell)
        }
    };
    say!("{}", granted?);
    let tokens = &done.tokens;
    if let Some(at) = tokens.access_expires_at {
        say!("{}", tell.access_until(&date(at)));
    }
    match (tokens.renewable, tokens.refresh_expires_at.or(tokens.sign_in_by)) {
        (true, Some(at)) => say!("{}", tell.refresh_until(&date(at))),
        (true, None) => say!("{}", tell.renewed()),
        (false, _) => say!("{}", tell.not_renewable()),
    }
    say!("{}", tell.taken_up());
    Ok(())
}

fn date(at: UnixSeconds) -> jiff::Timestamp {
    jiff::Timestamp::from_second(at.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_services_length_fits_a_screen_of_80_by_24_with_a_line_below() {
        let id = "0123456789abcdef0123456789abcdef";
        let picture = picture(&format!("https://www.aliyundrive.com/o/oauth/authorize?sid={id}")).unwrap();
        assert!(picture.lines().count() <= 23 && picture.lines().all(|line| line.chars().count() <= 80), "{picture}");
    }
}
