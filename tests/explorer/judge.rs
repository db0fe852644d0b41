//! After a run: what clients see and what the drive has must be what some order of the operations explains, and what
//! is removed then must stay away.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bench::Bench;
use crate::model::{self, Content, Outcome, State};
use crate::scenario::{Fault, Kind, Plan};

/// Why a run is a failure.
pub(crate) fn judge(bench: &Bench, plan: &Plan, initial: &State, outcomes: &[Outcome]) -> Option<String> {
    let look = Look { bench, read: BTreeMap::new() };
    Judge { bench, look, plan, outcomes, ends: model::explained(initial, outcomes) }.check().err()
}

struct Judge<'a> {
    bench: &'a Bench,
    look: Look<'a>,
    plan: &'a Plan,
    outcomes: &'a [Outcome],
    /// What may be at the end.
    ends: Vec<State>,
}

impl Judge<'_> {
    fn check(mut self) -> Result<(), String> {
        if self.ends.is_empty() {
            return Err(self.because("no order explains the statuses", None));
        }
        self.bench.quiet();
        if !self.outcomes.iter().any(|outcome| outcome.operation.kind.behind()) {
            let seen = self.look.tree(false)?;
            self.keep("the listing by memory", &seen, State::shows)?;
        }
        let seen = self.look.tree(true)?;
        self.keep("the new listing", &seen, State::shows)?;
        self.bench.pass_a_while();
        let drive = State::of_all(self.bench.tree());
        self.keep("the drive", &drive, State::is)?;
        let seen = self.look.tree(true)?;
        self.keep("the new listing after a while", &seen, State::shows)?;
        if !drive_shows(&drive, &seen) {
            return Err(self.because("the listing is not what the drive has", Some(&seen)));
        }
        self.removal(&drive)
    }

    /// Narrows what may be by what is; where an answer was lost it may still change.
    fn keep(&mut self, what: &str, found: &State, fits: fn(&State, &State) -> bool) -> Result<(), String> {
        let fitting: Vec<State> = self.ends.iter().filter(|end| fits(end, found)).cloned().collect();
        if fitting.is_empty() {
            return Err(self.because(what, Some(found)));
        }
        let killed = matches!(self.plan.fault, Some(Fault::Killed(_)));
        if !killed && !self.outcomes.iter().any(Outcome::doubtful) {
            self.ends = fitting;
        }
        Ok(())
    }

    /// What is removed stays away.
    fn removal(&mut self, before: &State) -> Result<(), String> {
        let path = self.outcomes.iter().map(|outcome| outcome.operation.paths().0).min_by_key(|path| path.len());
        let Some(path) = path.filter(|path| before.has(path)) else { return Ok(()) };
        let answer = self.bench.ask_and_wait("DELETE", path, |request| request);
        let status = answer.map(|answer| answer.status);
        // A lock whose client died, or heard nothing, stands.
        let killed = matches!(self.plan.fault, Some(Fault::Killed(_)));
        let stands = |outcome: &Outcome| outcome.operation.kind == Kind::Lock && (killed || outcome.doubtful());
        let locked = self.outcomes.iter().any(stands);
        if status == Some(423) && locked {
            return Ok(());
        }
        if status != Some(204) {
            return Err(format!("a further DELETE gave {status:?}"));
        }
        let gone = |seen: &State| {
            let many = before.0.get(path).map_or(0, Vec::len);
            seen.0.get(path).map_or(0, Vec::len) < many
        };
        let seen = self.look.tree(false)?;
        if !gone(&seen) {
            return Err("after a further DELETE it is still listed".to_owned());
        }
        self.bench.pass_a_while();
        let drive = State::of_all(self.bench.tree());
        let seen = self.look.tree(true)?;
        if !gone(&drive) || !drive_shows(&drive, &seen) {
            let shown = State(drive.0.into_iter().chain(seen.0).collect());
            return Err(format!("after a further DELETE it is back: {}", words(&shown)));
        }
        let others = |state: &State| {
            let other = |name: &&String| *name != path && !name.starts_with(&format!("{path}/"));
            state.0.keys().filter(other).cloned().collect::<Vec<_>>()
        };
        if others(&drive) != others(before) {
            return Err(format!("a further DELETE changed other things: {}", words(&drive)));
        }
        Ok(())
    }

    fn because(&self, what: &str, found: Option<&State>) -> String {
        let told = self.outcomes.iter().map(|outcome| match outcome.status {
            _ if outcome.operation.kind.behind() || outcome.operation.kind == Kind::Settle => {
                outcome.operation.to_string()
            }
            Some(status) => format!("{}={status}", outcome.operation),
            None => format!("{}=lost", outcome.operation),
        });
        let told = told.collect::<Vec<_>>().join(" ");
        let ends = self.ends.iter().map(words).collect::<Vec<_>>().join(" or ");
        format!("{what}: {told}; found {}; expected {ends}", found.map(words).unwrap_or_default())
    }
}

/// Whether a listing shows one item of each name.
fn drive_shows(drive: &State, seen: &State) -> bool {
    drive.shows(seen)
}

fn words(state: &State) -> String {
    let item = |content: &Content| match content {
        None => "folder".to_owned(),
        Some(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
    };
    let items = |(path, items): (&String, &Vec<Content>)| {
        format!("{path}={}", items.iter().map(item).collect::<Vec<_>>().join("&"))
    };
    // What never changes is left out.
    let interesting = state.0.iter().filter(|(path, _)| !["/d", "/e", "/s"].contains(&path.as_str()));
    format!("{{{}}}", interesting.map(items).collect::<Vec<_>>().join(" "))
}

/// A client that looks around.
struct Look<'a> {
    bench: &'a Bench,
    /// What was read, by path and entity tag.
    read: BTreeMap<(String, String), Vec<u8>>,
}

impl Look<'_> {
    /// The whole tree.
    fn tree(&mut self, anew: bool) -> Result<State, String> {
        let mut tree = BTreeMap::new();
        let mut folders = vec!["/".to_owned()];
        while let Some(folder) = folders.pop() {
            let answer = self.patiently("PROPFIND", &folder, anew)?;
            let document = String::from_utf8_lossy(&answer);
            for response in document.split("<D:response>").skip(2) {
                let href = between(response, "<D:href>", "</D:href>").unwrap_or_default();
                let path = href.strip_prefix(&self.bench.href("")).unwrap_or(href);
                let content = if path.ends_with('/') {
                    folders.push(path.to_owned());
                    None
                } else {
                    let tag = between(response, "<D:getetag>", "</D:getetag>").unwrap_or_default();
                    Some(self.content(path, tag)?)
                };
                let items: &mut Vec<Content> = tree.entry(path.trim_end_matches('/').to_owned()).or_default();
                items.push(content);
                if items.len() > 1 {
                    return Err(format!("{path} is listed twice"));
                }
            }
        }
        Ok(State(tree))
    }

    fn content(&mut self, path: &str, tag: &str) -> Result<Vec<u8>, String> {
        let key = (path.to_owned(), tag.to_owned());
        if let Some(known) = self.read.get(&key).filter(|_| !tag.is_empty()) {
            return Ok(known.clone());
        }
        let content = self.patiently("GET", path, false)?;
        self.read.insert(key, content.clone());
        Ok(content)
    }

    fn patiently(&self, method: &str, path: &str, anew: bool) -> Result<Vec<u8>, String> {
        let mut status = None;
        for _ in 0..4 {
            let answer = self.bench.ask_and_wait(method, path, |request| match (method, anew) {
                ("PROPFIND", true) => request.header("depth", "1").header("cache-control", "no-cache"),
                ("PROPFIND", false) => request.header("depth", "1"),
                _ => request,
            });
            status = answer.as_ref().map(|answer| answer.status);
            match answer {
                Some(answer) if [200, 207].contains(&answer.status) => return Ok(answer.body),
                Some(answer) if answer.status == 404 => break,
                _ => self.bench.pass(Duration::from_secs(2)),
            }
        }
        Err(format!("{method} of {path} gave {status:?} to a look {}", if anew { "anew" } else { "by memory" }))
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(within, _)| within)
}
