//! The oracle: which states of the tree some order of the operations explains.

use std::collections::BTreeMap;

use crate::scenario::{Kind, Operation};

/// A file's bytes, or a folder.
pub(crate) type Content = Option<Vec<u8>>;

/// All items by path; several of one name only where another program made them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct State(pub(crate) BTreeMap<String, Vec<Content>>);

/// What became of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) operation: Operation,
    /// The status of its first request; nothing where the answer never came.
    pub(crate) status: Option<u16>,
    /// The steps at which it began and was answered.
    pub(crate) span: (usize, usize),
    /// What it writes.
    pub(crate) content: Vec<u8>,
}

impl Outcome {
    /// Whether its client cannot know what became of it.
    pub(crate) fn doubtful(&self) -> bool {
        !self.operation.kind.behind()
            && self.operation.kind != Kind::Settle
            && self.status.is_none_or(|status| status >= 500)
    }
}

/// What an operation can do to a state.
enum Effect {
    Done(State),
    Missing,
    Refused,
}

impl State {
    /// One item at each path.
    pub(crate) fn of(items: &[(&str, Content)]) -> Self {
        Self(items.iter().map(|(path, content)| ((*path).to_owned(), vec![content.clone()])).collect())
    }

    /// From what the drive has; of equal names all.
    pub(crate) fn of_all(items: impl IntoIterator<Item = (String, Content)>) -> Self {
        let mut state = Self::default();
        for (path, content) in items {
            state.0.entry(path).or_default().push(content);
        }
        state.0.values_mut().for_each(|items| items.sort());
        state
    }

    /// Whether it is the same with each name's items in any order.
    pub(crate) fn is(&self, drive: &Self) -> bool {
        let sorted = |items: &Vec<Content>| {
            let mut items = items.clone();
            items.sort();
            items
        };
        self.0.len() == drive.0.len()
            && self.0.iter().zip(&drive.0).all(|((a, x), (b, y))| a == b && sorted(x) == sorted(y))
    }

    /// Whether a client that is shown one item of each name may see `view`.
    pub(crate) fn shows(&self, view: &Self) -> bool {
        self.0.len() == view.0.len()
            && self.0.iter().zip(&view.0).all(|((a, x), (b, y))| a == b && y.len() == 1 && x.contains(&y[0]))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.0.get(path).is_some_and(|items| items.contains(&None))
    }

    fn has_parent(&self, path: &str) -> bool {
        path.rsplit_once('/').is_some_and(|(parent, _)| self.is_folder(parent))
    }

    /// Without each of the items of that name in turn, and, of a folder, without all below.
    fn without(&self, path: &str) -> Vec<Self> {
        let Some(items) = self.0.get(path) else { return vec![self.clone()] };
        (0..items.len())
            .map(|at| {
                let mut state = self.clone();
                if items.len() > 1 {
                    state.0.get_mut(path).unwrap().remove(at);
                } else {
                    state.0.retain(|other, _| !below(other, path));
                }
                state
            })
            .collect()
    }

    fn with(mut self, path: &str, content: Content) -> Self {
        self.0.entry(path.to_owned()).or_default().push(content);
        self
    }

    /// With what `from` has below `source` put to `path`: of the items that bear that name one, of those in a folder all.
    fn with_tree(mut self, from: &Self, source: &str, path: &str) -> Self {
        for (other, items) in from.0.iter().filter(|(other, _)| below(other, source)) {
            let moved = if other == source { &items[items.len() - 1..] } else { &items[..] };
            self.0.entry(format!("{path}{}", &other[source.len()..])).or_default().extend(moved.iter().cloned());
        }
        self
    }

    /// Whether an empty file is there, which the drive may not have yet.
    fn may_be_held(&self, path: &str) -> bool {
        self.0.get(path).is_some_and(|items| items.contains(&Some(Vec::new())))
    }

    /// Without the empty file of that name.
    fn without_held(mut self, path: &str) -> Self {
        if let Some(items) = self.0.get_mut(path) {
            items.retain(|item| *item != Some(Vec::new()));
        }
        self.0.retain(|_, items| !items.is_empty());
        self
    }
}

fn below(path: &str, folder: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// What an operation does when nothing else happens.
fn effects(state: &State, outcome: &Outcome) -> Vec<Effect> {
    let (path, other) = outcome.operation.paths();
    let content = Some(outcome.content.clone());
    let done = |states: Vec<State>| states.into_iter().map(Effect::Done).collect();
    let replaced = |with: &dyn Fn(State) -> State| state.without(path).into_iter().map(with).collect::<Vec<_>>();
    let moved = |from: &str, to: &str, keep: bool| {
        if !state.has(from) || !state.has_parent(to) {
            return vec![Effect::Missing];
        }
        let rests = if keep { vec![state.clone()] } else { state.without(from) };
        let states = rests.iter().flat_map(|rest| rest.without(to)).map(|rest| rest.with_tree(state, from, to));
        states.map(Effect::Done).collect()
    };
    match outcome.operation.kind {
        Kind::Put | Kind::PutNew | Kind::PutEmpty => {
            let refused = !state.has_parent(path)
                || state.is_folder(path)
                || outcome.operation.kind == Kind::PutNew && state.has(path);
            if refused {
                return vec![Effect::Refused];
            }
            done(replaced(&|rest| rest.with(path, content.clone())))
        }
        Kind::Settle => vec![Effect::Done(state.clone())],
        Kind::Lock if state.has(path) => vec![Effect::Done(state.clone())],
        Kind::Lock if !state.has_parent(path) => vec![Effect::Refused],
        Kind::Lock => vec![Effect::Done(state.clone().with(path, Some(Vec::new())))],
        Kind::Mkcol if state.has(path) || !state.has_parent(path) => vec![Effect::Refused],
        Kind::Mkcol => vec![Effect::Done(state.clone().with(path, None))],
        Kind::Copy => moved(other, path, true),
        Kind::MoveIn | Kind::RenameIn => moved(other, path, false),
        Kind::MoveOut | Kind::RenameOut => moved(path, other, false),
        // That two of them find the same is nothing that either would want to know.
        Kind::Delete if !state.has(path) => vec![Effect::Missing, Effect::Done(state.clone())],
        // All that bears the name goes, as far as it is known.
        Kind::Delete => {
            let mut nothing = state.clone();
            nothing.0.retain(|other, _| !below(other, path));
            done(state.without(path).into_iter().chain([nothing]).collect())
        }
        Kind::Upload if !state.has_parent(path) => vec![Effect::Done(state.clone())],
        // An empty file that is held gives way.
        Kind::Upload if state.may_be_held(path) => done(vec![
            state.clone().with(path, content.clone()),
            state.clone().without_held(path).with(path, content.clone()),
        ]),
        Kind::Upload => vec![Effect::Done(state.clone().with(path, content))],
        // Nobody else can remove or rename what the drive does not have.
        Kind::Trash if state.may_be_held(path) => {
            done(state.without(path).into_iter().chain([state.clone()]).collect())
        }
        Kind::Trash => done(state.without(path)),
        Kind::Rename => {
            let renamed = format!("{path}-renamed");
            if !state.has(path) {
                return vec![Effect::Done(state.clone())];
            }
            let untouched = state.may_be_held(path).then(|| state.clone());
            let rests = state.without(path).into_iter().map(|rest| rest.with_tree(state, path, &renamed));
            done(rests.chain(untouched).collect())
        }
    }
}

/// The states that an operation may have led to, by what its client was told; `elsewhere` if what it is about may
/// have been exchanged or taken away under it.
fn after(state: &State, outcome: &Outcome, elsewhere: bool) -> Vec<State> {
    let mut effects = effects(state, outcome);
    // Items are known by their ids: what another program has renamed since it was looked at is changed all the same.
    let (path, _) = outcome.operation.paths();
    let renamed = format!("{path}-renamed");
    if !outcome.operation.kind.behind() && state.has(&renamed) && !state.has(path) {
        let unrenamed = state.without(&renamed).into_iter().map(|rest| rest.with_tree(state, &renamed, path));
        effects.extend(unrenamed.flat_map(|state| self::effects(&state, outcome)));
    }
    let missing = effects.iter().any(|effect| matches!(effect, Effect::Missing));
    let done = effects.into_iter().filter_map(|effect| match effect {
        Effect::Done(state) => Some(state),
        Effect::Missing | Effect::Refused => None,
    });
    if outcome.operation.kind.behind() || outcome.operation.kind == Kind::Settle {
        return done.collect();
    }
    match outcome.status {
        Some(200..300) => done.collect(),
        // What is said to be missing must be, where there is something to be missed.
        Some(404) if needs_something(outcome.operation.kind) && !missing && !elsewhere => Vec::new(),
        // It may be what came of it that is gone.
        Some(404) if elsewhere => done.chain([state.clone()]).collect(),
        Some(400..500) => vec![state.clone()],
        _ => done.chain([state.clone()]).collect(),
    }
}

fn needs_something(kind: Kind) -> bool {
    !matches!(kind, Kind::Put | Kind::PutNew | Kind::PutEmpty | Kind::Lock | Kind::Mkcol)
}

/// What is left where another program takes away what a change has brought beside the old version, before the change
/// has removed that: the old one stays, for the change did not come to its end. And which of the others it is.
fn taken_within(state: &State, outcome: &Outcome, others: &[Outcome]) -> Option<(State, usize)> {
    let operation = outcome.operation;
    let (path, source) = operation.paths();
    let rest = match operation.kind {
        Kind::MoveIn | Kind::RenameIn if state.has(source) => state.without(source).pop()?,
        Kind::Put | Kind::PutEmpty | Kind::Copy => state.clone(),
        _ => return None,
    };
    let failed = outcome.status == Some(404) || outcome.doubtful();
    let takes = |other: &Outcome| other.operation.kind == Kind::Trash && other.operation.paths().0 == path;
    let at = others.iter().position(takes).filter(|_| failed && state.has(path))?;
    Some((rest, at))
}

/// Whether `a` was over before `b` began, as both clients know.
fn before(a: &Outcome, b: &Outcome) -> bool {
    let known = |outcome: &Outcome| !outcome.operation.kind.behind() && !outcome.doubtful();
    known(a) && known(b) && a.span.1 < b.span.0
}

/// The states at the end that some order explains.
pub(crate) fn explained(initial: &State, outcomes: &[Outcome]) -> Vec<State> {
    // What another program takes away while it is worked on is missing too.
    let takes_away = |outcome: &Outcome| outcome.operation.on_folder || outcome.operation.kind == Kind::Trash;
    let elsewhere = outcomes.len() > 1 && outcomes.iter().any(takes_away);
    let mut ends = Vec::new();
    // What had not begun when the process was killed never happened.
    let begun = outcomes.iter().filter(|outcome| outcome.span.0 != usize::MAX).cloned().collect();
    let mut orders: Vec<(State, Vec<Outcome>)> = vec![(initial.clone(), begun)];
    while let Some((state, left)) = orders.pop() {
        if left.is_empty() {
            ends.push(state);
            continue;
        }
        for (at, next) in left.iter().enumerate() {
            if left.iter().any(|other| before(other, next)) {
                continue;
            }
            let mut rest = left.clone();
            rest.remove(at);
            if let Some((state, at)) = taken_within(&state, next, &rest) {
                let mut rest = rest.clone();
                rest.remove(at);
                orders.push((state, rest));
            }
            orders.extend(after(&state, next, elsewhere).into_iter().map(|state| (state, rest.clone())));
        }
    }
    ends.sort();
    ends.dedup();
    ends
}
