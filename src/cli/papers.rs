//! What a package installs beside the program: completions and manual pages, made of the commands' own descriptions.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap_complete::Shell;

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell, mut command: clap::Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "alidav", &mut script);
    ended(print(&script), "standard output")
}

/// Prints the manual page, or writes it into a folder with one for each command.
pub(super) fn manual(command: clap::Command, folder: Option<&Path>) -> ExitCode {
    // `help` has no page of its own.
    let command = command.disable_help_subcommand(true);
    let Some(folder) = folder else {
        let mut page = Vec::new();
        let made = clap_mangen::Man::new(command).render(&mut page).and_then(|()| print(&page));
        return ended(made, "standard output");
    };
    let made = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(command, folder));
    ended(made, &folder.display().to_string())
}

/// A reader that has gone, such as `head`, is no failure.
fn print(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn ended(done: io::Result<()>, place: &str) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("alidav: {place}: cannot be written: {error}");
            ExitCode::FAILURE
        }
    }
}
