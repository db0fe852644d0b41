//! What is tried: the operations of a run, and how a run is named so that it can be run alone.

use std::fmt;

/// What an operation does to its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Put,
    PutNew,
    PutEmpty,
    /// An empty PUT was answered a minute ago: it reaches the drive now.
    Settle,
    Lock,
    Mkcol,
    Copy,
    MoveIn,
    MoveOut,
    RenameIn,
    RenameOut,
    Delete,
    /// Another program uploads a file of the name.
    Upload,
    /// Another program puts what has the name into the recycle bin.
    Trash,
    /// Another program gives it another name.
    Rename,
}

const KINDS: [(Kind, &str); 15] = [
    (Kind::Put, "put"),
    (Kind::PutNew, "put_new"),
    (Kind::PutEmpty, "put_empty"),
    (Kind::Settle, "settle"),
    (Kind::Lock, "lock"),
    (Kind::Mkcol, "mkcol"),
    (Kind::Copy, "copy"),
    (Kind::MoveIn, "move_in"),
    (Kind::MoveOut, "move_out"),
    (Kind::RenameIn, "rename_in"),
    (Kind::RenameOut, "rename_out"),
    (Kind::Delete, "delete"),
    (Kind::Upload, "upload"),
    (Kind::Trash, "trash"),
    (Kind::Rename, "rename"),
];

impl Kind {
    /// Those that can go to one path, each once.
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        KINDS.into_iter().map(|(kind, _)| kind)
    }

    /// Whether it happens behind the server's back.
    pub(crate) fn behind(self) -> bool {
        matches!(self, Self::Upload | Self::Trash | Self::Rename)
    }

    /// Whether it does something to a folder that others' files are in.
    pub(crate) fn fits_folder(self) -> bool {
        matches!(
            self,
            Self::Lock
                | Self::Copy
                | Self::MoveIn
                | Self::MoveOut
                | Self::RenameOut
                | Self::Delete
                | Self::Trash
                | Self::Rename
        )
    }
}

/// One operation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    /// On the folder `d`, not on the file `d/f`.
    pub(crate) on_folder: bool,
}

impl Operation {
    /// What it is about, and, of the operations with two paths, the other one.
    pub(crate) fn paths(self) -> (&'static str, &'static str) {
        match (self.kind, self.on_folder) {
            (Kind::Copy | Kind::MoveIn, false) => ("/d/f", "/s/src"),
            (Kind::Copy | Kind::MoveIn, true) => ("/d", "/s/srcd"),
            (Kind::RenameIn, _) => ("/d/f", "/d/near"),
            (Kind::RenameOut, false) => ("/d/f", "/d/g"),
            (Kind::RenameOut, true) => ("/d", "/dd"),
            (_, false) => ("/d/f", "/e/out"),
            (_, true) => ("/d", "/e/out"),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, name)| name);
        write!(f, "{name}{}", if self.on_folder { "@d" } else { "" })
    }
}

/// What a run begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) operations: Vec<Operation>,
    /// Whether `d/f` is there at the beginning.
    pub(crate) present: bool,
    /// Whether the server has listed the folders.
    pub(crate) warm: bool,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.operations.iter().map(ToString::to_string).collect();
        let (there, known) = (if self.present { "present" } else { "absent" }, if self.warm { "warm" } else { "cold" });
        write!(f, "{}/{there}/{known}", names.join("+"))
    }
}

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The answer of the nth call is lost.
    Lost(usize),
    /// The nth call is refused with a status.
    Refused(u16, usize),
    /// The nth call and the next three of its kind are answered with 500, so that trying again does not help.
    Down(usize),
    /// The process is killed after the nth step.
    Killed(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(call) => write!(f, "lost@{call}"),
            Self::Refused(status, call) => write!(f, "{status}@{call}"),
            Self::Down(call) => write!(f, "down@{call}"),
            Self::Killed(step) => write!(f, "killed@{step}"),
        }
    }
}

/// One run: a scenario, which of what could come next does at each step, and what goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) scenario: Scenario,
    /// Beyond its end the newest comes next, so one operation goes on as long as it can.
    pub(crate) choices: Vec<usize>,
    pub(crate) fault: Option<Fault>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let used = self.choices.iter().rposition(|choice| *choice > 0).map_or(0, |last| last + 1);
        let digits: String = self.choices[..used].iter().map(ToString::to_string).collect();
        write!(f, "{}/{}", self.scenario, if digits.is_empty() { "0" } else { &digits })?;
        self.fault.map_or(Ok(()), |fault| write!(f, "/{fault}"))
    }
}

impl std::str::FromStr for Plan {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let bad = || format!("no such run: {name:?}");
        let fields: Vec<&str> = name.trim().split('/').collect();
        let [operations, there, known, digits, rest @ ..] = fields.as_slice() else { return Err(bad()) };
        let operation = |text: &str| {
            let (name, on_folder) = text.strip_suffix("@d").map_or((text, false), |name| (name, true));
            let kind = KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)?;
            Some(Operation { kind, on_folder })
        };
        let operations = operations.split('+').map(operation).collect::<Option<_>>().ok_or_else(bad)?;
        let choices = digits.chars().map(|digit| digit.to_digit(10).map(|digit| digit as usize));
        let fault = match rest {
            [] => None,
            [fault] => {
                let (what, at) = fault.split_once('@').ok_or_else(bad)?;
                let at = at.parse().map_err(|_| bad())?;
                Some(match what {
                    "lost" => Fault::Lost(at),
                    "down" => Fault::Down(at),
                    "killed" => Fault::Killed(at),
                    status => Fault::Refused(status.parse().map_err(|_| bad())?, at),
                })
            }
            _ => return Err(bad()),
        };
        let scenario = Scenario { operations, present: *there == "present", warm: *known == "warm" };
        Ok(Self { scenario, choices: choices.collect::<Option<_>>().ok_or_else(bad)?, fault })
    }
}
