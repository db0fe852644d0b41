//! `alidav state copy`: what a server remembers, into another store.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::StateCommand;
use super::run::load;
use crate::config::StateLocation;
use crate::state::{Error, Store};

/// Exit code for arguments that are wrong.
const WRONG: u8 = 2;

/// Ends with 1 if nothing was copied, as far as is known, with 2 if arguments or settings are wrong.
pub(super) async fn run(path: Option<&Path>, command: StateCommand) -> ExitCode {
    let StateCommand::Copy { from, to } = command;
    let (from, to) = match (location(path, "FROM", &from), location(path, "TO", &to)) {
        (Ok(from), Ok(to)) => (from, to),
        (Err(code), _) | (_, Err(code)) => return code,
    };
    match copy(&from, &to).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("alidav: {problem}");
            if !matches!(problem, Error::Undecided { .. }) {
                eprintln!("nothing was copied");
            }
            ExitCode::FAILURE
        }
    }
}

/// Where an argument is. What is wrong with it is told without it, for it may have a password.
fn location(path: Option<&Path>, argument: &str, text: &str) -> Result<StateLocation, ExitCode> {
    let location = if text == "settings" { load(path)?.config.state } else { read(argument, text)? };
    if location == StateLocation::Memory {
        eprintln!("alidav: {argument} is a store in memory, which ends with each program; name a file or a database");
        return Err(ExitCode::from(WRONG));
    }
    Ok(location)
}

fn read(argument: &str, text: &str) -> Result<StateLocation, ExitCode> {
    text.parse().map_err(|problem| {
        eprintln!("alidav: {argument} {problem}");
        ExitCode::from(WRONG)
    })
}

async fn copy(from: &StateLocation, to: &StateLocation) -> Result<(), Error> {
    let source = Store::open_made(from).await?;
    let target = Store::open(to).await?;
    let copied = source.copy_to(&target).await;
    source.close().await;
    target.close().await;
    for table in &copied? {
        say!("{:<12}{:>8}", table.table, table.rows);
    }
    say!("copied from {from} to {to}; put the latter into `state`, and let nothing run from the former any more");
    Ok(())
}
