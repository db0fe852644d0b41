//! The program as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A program that listens; killed when dropped.
pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) url: String,
    /// What it prints after its address.
    pub(crate) out: BufReader<ChildStdout>,
}

/// The program, which gets nothing of this one's environment.
pub(crate) fn alidav() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alidav"));
    command.env_clear();
    command
}

impl Process {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        Self { child, url: line.trim().strip_prefix("listening on ").unwrap().to_owned(), out }
    }

    /// Serves by a settings' file.
    pub(crate) fn serve(file: &Path) -> Self {
        Self::start(alidav().arg("serve").arg("--config").arg(file).stderr(Stdio::null()))
    }

    pub(crate) fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    /// Its exit code, once it has ended by itself.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
