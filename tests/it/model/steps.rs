//! What the random model test tries: operations, the names by which a run of them is written down, and how they are
//! drawn.

use std::fmt;
use std::str::FromStr;

use alidav::sim::FaultKind;
use proptest::prelude::*;

/// Names by the letter that stands for each; `e` and `E` are one name in its two Unicode forms.
const NAMES: [(char, &str); 5] = [('a', "a"), ('b', "b"), ('e', "\u{e9}"), ('E', "e\u{301}"), ('x', "x y")];

/// Calls that can go wrong, by the word that stands for each.
const CALLS: [(&str, &str); 8] = [
    ("create", "openFile/create"),
    ("complete", "openFile/complete"),
    ("move", "openFile/move"),
    ("copy", "openFile/copy"),
    ("update", "openFile/update"),
    ("trash", "openFile/recyclebin/trash"),
    ("data", "data PUT"),
    ("task", "openFile/async_task/get"),
];

/// A path as one client asks for it: the mount, and a letter for each name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    fn letters(&self) -> &str {
        &self.0[1..]
    }

    /// The same path for the model, to which the Unicode form and the mount are nothing.
    pub(super) fn key(&self) -> String {
        self.letters().to_lowercase().chars().map(|letter| format!("/{}", name(letter))).collect()
    }

    /// What a client asks for.
    pub(super) fn url(&self) -> String {
        let mount = &self.0[..1];
        let names = self.letters().chars().map(|letter| {
            let name = name(letter);
            format!("/{}", percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC))
        });
        format!("/dav/m{mount}{}", names.collect::<String>())
    }

    /// The same with its names in the other Unicode form.
    pub(super) fn otherwise(&self) -> Self {
        let other = |letter| match letter {
            'e' => 'E',
            'E' => 'e',
            letter => letter,
        };
        Self(self.0.chars().map(other).collect())
    }

    /// The same by the other mount.
    pub(super) fn by_the_other_mount(&self) -> Self {
        Self(format!("{}{}", if self.0.starts_with('1') { '2' } else { '1' }, self.letters()))
    }

    fn parse(text: &str) -> Option<Self> {
        let known = |letter| NAMES.iter().any(|(known, _)| *known == letter);
        let letters = text.strip_prefix(['1', '2'])?;
        (!letters.is_empty() && letters.chars().all(known)).then(|| Self(text.to_owned()))
    }
}

fn name(letter: char) -> &'static str {
    NAMES.iter().find(|(known, _)| *known == letter).map_or("", |(_, name)| name)
}

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// So many bytes.
    Put(usize),
    Mkcol,
    Delete,
    Copy(Place),
    Move(Place),
    /// PROPPATCH.
    Note,
    /// LOCK, and UNLOCK after what others try.
    Lock,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) act: Act,
    pub(super) at: Place,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    Refused(u16),
    /// The connection closes before the call has acted, or after.
    Before,
    After,
}

/// What another program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Write,
    Trash,
    Rename,
}

/// One step of a run.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Step {
    Alone(Request),
    /// One call of it goes wrong.
    Faulty(Request, Wrong, usize),
    /// The process is killed when so many calls of it have arrived, or after its answer.
    Killed(Request, u64),
    /// Two clients at once.
    Both(Request, Request),
    Behind(Behind, Place),
}

impl Wrong {
    pub(super) fn kind(&self) -> FaultKind {
        match self {
            Self::Refused(status) => {
                let (code, retry_after_ms) = match status {
                    401 => ("AccessTokenExpired", None),
                    429 => ("TooManyRequests", Some(20)),
                    _ => ("InternalError", None),
                };
                FaultKind::Code { status: *status, code: code.to_owned(), retry_after_ms }
            }
            Self::Before => FaultKind::CloseBefore,
            Self::After => FaultKind::CloseAfter,
        }
    }
}

/// The endpoint of a fault, as the simulator counts it.
pub(super) fn endpoint(call: usize) -> &'static str {
    CALLS[call].1
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.at.0;
        match &self.act {
            Act::Put(size) => write!(f, "put@{at}={size}"),
            Act::Mkcol => write!(f, "mkcol@{at}"),
            Act::Delete => write!(f, "delete@{at}"),
            Act::Copy(to) => write!(f, "copy@{at}>{}", to.0),
            Act::Move(to) => write!(f, "move@{at}>{}", to.0),
            Act::Note => write!(f, "note@{at}"),
            Act::Lock => write!(f, "lock@{at}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alone(request) => write!(f, "{request}"),
            Self::Faulty(request, Wrong::Refused(status), call) => write!(f, "{request}!{status}:{}", CALLS[*call].0),
            Self::Faulty(request, Wrong::Before, call) => write!(f, "{request}!before:{}", CALLS[*call].0),
            Self::Faulty(request, Wrong::After, call) => write!(f, "{request}!after:{}", CALLS[*call].0),
            Self::Killed(request, calls) => write!(f, "{request}!kill:{calls}"),
            Self::Both(one, other) => write!(f, "{one}&{other}"),
            Self::Behind(Behind::Write, at) => write!(f, "~write@{}", at.0),
            Self::Behind(Behind::Trash, at) => write!(f, "~trash@{}", at.0),
            Self::Behind(Behind::Rename, at) => write!(f, "~rename@{}", at.0),
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn request(text: &str) -> Option<Request> {
    let (what, rest) = text.split_once('@')?;
    let (at, more) = rest.split_once(['=', '>']).map_or((rest, None), |(at, more)| (at, Some(more)));
    let act = match (what, more) {
        ("put", Some(size)) => Act::Put(size.parse().ok()?),
        ("copy", Some(to)) => Act::Copy(Place::parse(to)?),
        ("move", Some(to)) => Act::Move(Place::parse(to)?),
        ("mkcol", None) => Act::Mkcol,
        ("delete", None) => Act::Delete,
        ("note", None) => Act::Note,
        ("lock", None) => Act::Lock,
        _ => return None,
    };
    Some(Request { act, at: Place::parse(at)? })
}

fn step(text: &str) -> Option<Step> {
    if let Some(behind) = text.strip_prefix('~') {
        let (what, at) = behind.split_once('@')?;
        let what = match what {
            "write" => Behind::Write,
            "trash" => Behind::Trash,
            "rename" => Behind::Rename,
            _ => return None,
        };
        return Some(Step::Behind(what, Place::parse(at)?));
    }
    if let Some((one, other)) = text.split_once('&') {
        return Some(Step::Both(request(one)?, request(other)?));
    }
    let Some((asked, wrong)) = text.split_once('!') else { return Some(Step::Alone(request(text)?)) };
    let (how, at) = wrong.split_once(':')?;
    let call = || CALLS.iter().position(|(word, _)| *word == at);
    Some(match how {
        "kill" => Step::Killed(request(asked)?, at.parse().ok()?),
        "before" => Step::Faulty(request(asked)?, Wrong::Before, call()?),
        "after" => Step::Faulty(request(asked)?, Wrong::After, call()?),
        status => Step::Faulty(request(asked)?, Wrong::Refused(status.parse().ok()?), call()?),
    })
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        step(text).ok_or_else(|| format!("no such step: {text:?}"))
    }
}

/// Steps by their names.
pub(super) fn script(text: &str) -> Vec<Step> {
    text.split_whitespace().map(|step| step.parse().unwrap()).collect()
}

pub(super) fn written(steps: &[Step]) -> String {
    steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn places(letters: &'static str) -> impl Strategy<Value = Place> {
    // Most folders of a deep path are not there.
    let depth = prop_oneof![5 => Just(1_usize), 3 => Just(2), 1 => Just(3)];
    let letters: Vec<char> = letters.chars().collect();
    let names = depth.prop_flat_map(move |depth| prop::collection::vec(prop::sample::select(letters.clone()), depth));
    (prop::bool::ANY, names)
        .prop_map(|(second, names)| Place(format!("{}{}", if second { 2 } else { 1 }, String::from_iter(names))))
}

fn requests() -> impl Strategy<Value = Request> {
    let place = || places("abeEx");
    let act = prop_oneof![
        4 => prop_oneof![2 => Just(0_usize), 3 => 1..100_usize, 1 => Just(200_000_usize)].prop_map(Act::Put),
        3 => Just(Act::Mkcol),
        2 => Just(Act::Delete),
        2 => place().prop_map(Act::Copy),
        3 => place().prop_map(Act::Move),
        1 => Just(Act::Note),
        1 => Just(Act::Lock),
    ];
    (act, place()).prop_map(|(act, at)| Request { act, at })
}

/// Runs of so many steps.
pub(super) fn runs(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let wrong = prop_oneof![
        prop::sample::select(vec![401_u16, 429, 500]).prop_map(Wrong::Refused),
        Just(Wrong::Before),
        Just(Wrong::After),
    ];
    let behind = prop::sample::select(vec![Behind::Write, Behind::Trash, Behind::Rename]);
    // A lock whose client is gone would be in the way of all that follows.
    let lockless = requests().prop_map(|request| match request.act {
        Act::Lock => Request { act: Act::Delete, ..request },
        _ => request,
    });
    let step = prop_oneof![
        6 => requests().prop_map(Step::Alone),
        3 => (requests(), wrong, 0..CALLS.len()).prop_map(|(request, wrong, call)| Step::Faulty(request, wrong, call)),
        1 => (lockless, 0..6_u64).prop_map(|(request, calls)| Step::Killed(request, calls)),
        4 => (requests(), requests()).prop_map(|(one, other)| Step::Both(one, other)),
        // The drive knows no Unicode forms: the path of another program is the one that it used.
        1 => (behind, places("abx")).prop_map(|(what, at)| Step::Behind(what, at)),
    ];
    prop::collection::vec(step, 1..=most)
}

#[test]
fn a_run_is_read_as_it_is_written() {
    let text = "mkcol@1a put@2aE=20!after:complete move@1a>2b!kill:2 lock@1x&put@2x=0 ~rename@1ab note@1e!429:data";
    assert_eq!(written(&script(text)), text);
}
