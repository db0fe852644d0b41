//! One run: the operations' requests and every call they lead to are let go one at a time, in the order of the plan.

use std::time::Duration;

use alidav::sim::{FaultKind, Gate, HeldCall, Moment};

use crate::bench::{Asked, Bench};
use crate::judge;
use crate::model::{Outcome, State};
use crate::scenario::{Fault, Kind, Operation, Plan};

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) steps: Vec<Step>,
    /// Calls that were let go to act.
    pub(crate) acts: usize,
    /// Why no order of the operations explains it.
    pub(crate) failure: Option<String>,
}

/// One step of a run.
#[derive(Debug)]
pub(crate) struct Step {
    /// How many could have come next.
    pub(crate) allowed: usize,
    pub(crate) chosen: usize,
    /// What did.
    pub(crate) what: String,
}

/// Something that can come next.
struct Next {
    /// Of all that was ever possible in the run, counted.
    number: usize,
    /// Steps that were over when it became possible.
    since: usize,
    what: What,
}

enum What {
    /// An operation's next request.
    Request(usize),
    Call(HeldCall),
}

/// What a step changes, as far as the order of two steps that were possible at once goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touch {
    /// What the server knows.
    Server,
    /// Nothing: the drive is asked.
    Nothing,
    /// What nobody else sees: an upload's content before the upload is complete, how far a task is.
    Own,
    /// The drive's tree.
    Tree,
}

impl Touch {
    /// Whether both orders come to the same. The server learns only from answers, so that what a call does on the
    /// drive is nothing to it until then.
    fn commutes(self, other: Self) -> bool {
        match (self, other) {
            (Self::Server, Self::Server) | (Self::Tree, Self::Tree | Self::Nothing) | (Self::Nothing, Self::Tree) => {
                false
            }
            (Self::Server | Self::Own, _) | (_, Self::Server | Self::Own) | (Self::Nothing, Self::Nothing) => true,
        }
    }
}

impl What {
    fn touches(&self, operations: &[Operation]) -> Touch {
        match self {
            Self::Request(index) if operations[*index].kind.behind() => Touch::Tree,
            Self::Request(_) => Touch::Server,
            Self::Call(call) if call.moment() == Moment::End => Touch::Server,
            Self::Call(call) => match call.call() {
                "data PUT" | "openFile/async_task/get" => Touch::Own,
                asked if ASKED.contains(&asked) => Touch::Nothing,
                _ => Touch::Tree,
            },
        }
    }
}

/// Calls that ask only.
const ASKED: [&str; 4] = ["openFile/list", "openFile/get", "openFile/get_by_path", "openFile/getDownloadUrl"];

const LOCK: &str = r#"<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>"#;

/// A client's operation under way.
struct Client {
    outcome: Outcome,
    asked: Option<Asked>,
    lock: Option<String>,
    over: bool,
    /// Another program that found nothing to do: what it wanted was not there at that moment.
    void: bool,
}

/// Longest time that an operation may take without a call to the drive.
const PATIENCE: Duration = Duration::from_secs(300);

struct Runner<'a> {
    bench: &'a mut Bench,
    plan: &'a Plan,
    gate: Option<Gate>,
    clients: Vec<Client>,
    nexts: Vec<Next>,
    steps: Vec<Step>,
    acts: usize,
    /// Things that were possible so far.
    possible: usize,
    /// What came last: its place among them, and what it touched.
    last: Option<(usize, Touch)>,
    fault: Option<FaultKind>,
    /// Calls of this kind are refused, so many more of them.
    down: Option<(String, u32)>,
}

/// Carries out a plan; `choose` decides beyond its end, from how many there are.
pub(crate) fn run(bench: &mut Bench, plan: &Plan, choose: &mut dyn FnMut(usize) -> usize) -> Run {
    let operations = &plan.scenario.operations;
    let initial = prepare(bench, plan);
    let gate = bench.sim.gate("*", &[Moment::Start, Moment::End]);
    let client = |(index, operation): (usize, &Operation)| Client {
        outcome: Outcome {
            operation: *operation,
            status: None,
            span: (usize::MAX, usize::MAX),
            content: if operation.kind == Kind::PutEmpty {
                Vec::new()
            } else {
                format!("{operation} {index}").into_bytes()
            },
        },
        asked: None,
        lock: None,
        over: false,
        void: false,
    };
    let first = |index| Next { number: index, since: 0, what: What::Request(index) };
    let nexts = (0..operations.len()).rev().map(first).collect();
    let mut runner = Runner {
        clients: operations.iter().enumerate().map(client).collect(),
        bench,
        plan,
        gate: Some(gate),
        nexts,
        steps: Vec::new(),
        acts: 0,
        possible: operations.len(),
        last: None,
        fault: None,
        down: None,
    };
    let hang = runner.go(choose);
    let Runner { clients, steps, acts, gate, nexts, .. } = runner;
    drop((gate, nexts));
    let outcomes: Vec<Outcome> =
        clients.into_iter().filter(|client| !client.void).map(|client| client.outcome).collect();
    let failure = hang.or_else(|| judge::judge(bench, plan, &initial, &outcomes));
    Run { steps, acts, failure }
}

fn brings_in(operation: &Operation) -> bool {
    matches!(operation.kind, Kind::Copy | Kind::MoveIn)
}

/// Makes the drive's content and lets the server look; what a client sees then.
fn prepare(bench: &mut Bench, plan: &Plan) -> State {
    bench.next_folder();
    let sim = &bench.sim;
    let mut items = vec![("/d", None)];
    let some = |wanted: fn(&Operation) -> bool| plan.scenario.operations.iter().any(wanted);
    if some(|operation| operation.kind == Kind::MoveOut) {
        items.push(("/e", None));
    }
    if some(brings_in) {
        items.push(("/s", None));
    }
    if some(|operation| brings_in(operation) && !operation.on_folder) {
        items.push(("/s/src", Some(b"source".to_vec())));
    }
    if some(|operation| brings_in(operation) && operation.on_folder) {
        items.extend([("/s/srcd", None), ("/s/srcd/x", Some(b"within".to_vec()))]);
    }
    if some(|operation| operation.kind == Kind::RenameIn) {
        items.push(("/d/near", Some(b"near".to_vec())));
    }
    if plan.scenario.present {
        items.push(("/d/f", Some(b"old".to_vec())));
    }
    for (path, content) in &items {
        match content {
            None => sim.mkdir(&bench.on_drive(path)),
            Some(bytes) => sim.write(&bench.on_drive(path), bytes.clone()),
        };
    }
    let list = |path: &str| {
        let answer = bench.ask_and_wait("PROPFIND", path, |request| request.header("depth", "1"));
        assert_eq!(answer.map(|answer| answer.status), Some(207), "{plan}");
    };
    list("/");
    if plan.scenario.warm {
        items
            .iter()
            .filter(|(path, _)| ["/d", "/e", "/s"].contains(path))
            .for_each(|(path, _)| list(&format!("{path}/")));
    }
    if some(|operation| operation.kind == Kind::Settle) {
        let answer = bench.ask_and_wait("PUT", "/d/f", |request| request.body(""));
        assert_eq!(answer.map(|answer| answer.status), Some(201), "{plan}");
        bench.pass(Duration::from_millis(59_700));
        items.push(("/d/f", Some(Vec::new())));
    }
    State::of(&items)
}

fn wall_ms() -> u128 {
    alidav::clock::UnixMillis::now().0.unsigned_abs().into()
}

impl Runner<'_> {
    /// Lets everything come to its end; what hangs is a failure.
    fn go(&mut self, choose: &mut dyn FnMut(usize) -> usize) -> Option<String> {
        let mut waited = Duration::ZERO;
        loop {
            self.notice();
            if self.nexts.is_empty() {
                if self.clients.iter().all(|client| client.over) {
                    break;
                }
                if waited > PATIENCE {
                    let left = self.clients.iter().filter(|client| !client.over);
                    let left: Vec<String> = left.map(|client| client.outcome.operation.to_string()).collect();
                    return Some(format!("no end of {}", left.join(" and ")));
                }
                let step = (waited / 4).max(Duration::from_millis(5));
                waited += step;
                self.bench.pass(step);
                continue;
            }
            waited = Duration::ZERO;
            self.step(choose);
            if self.plan.fault == Some(Fault::Killed(self.steps.len() - 1)) {
                break;
            }
        }
        if matches!(self.plan.fault, Some(Fault::Killed(_))) {
            self.bench.kill();
            self.nexts.clear();
            self.gate = None;
            self.bench.quiet();
            self.bench.revive();
        }
        None
    }

    /// Takes up what has arrived and what was answered.
    fn notice(&mut self) {
        let since = self.steps.len();
        self.nexts.retain(|next| !matches!(&next.what, What::Call(call) if call.is_abandoned()));
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            if client.asked.as_ref().is_none_or(|asked| !asked.is_finished()) {
                continue;
            }
            let answer = client.asked.take().and_then(|asked| self.bench.answer(asked));
            let first = client.outcome.span.1 == usize::MAX;
            client.outcome.span.1 = since.saturating_sub(1);
            if first {
                client.outcome.status = answer.as_ref().map(|answer| answer.status);
                client.lock = answer.and_then(|answer| answer.lock_token);
            } else {
                client.lock = None;
            }
            client.over = client.lock.is_none();
            if !client.over {
                self.nexts.push(Next { number: self.possible, since, what: What::Request(index) });
                self.possible += 1;
            }
        }
        while let Some(call) = self.gate.as_mut().and_then(Gate::arrived) {
            self.nexts.push(Next { number: self.possible, since, what: What::Call(call) });
            self.possible += 1;
        }
    }

    /// Lets one of what can come next do so.
    fn step(&mut self, choose: &mut dyn FnMut(usize) -> usize) {
        let number = self.steps.len();
        let allowed = self.allowed();
        let wanted = self.plan.choices.get(number).copied().unwrap_or_else(|| choose(allowed.len()));
        let chosen = wanted.min(allowed.len() - 1);
        let next = self.nexts.remove(allowed[chosen]);
        let now = wall_ms();
        let touched = next.what.touches(&self.plan.scenario.operations);
        self.last = Some((next.number, touched));
        let what = match next.what {
            What::Request(index) => self.request(index, number),
            What::Call(call) => self.let_go(call),
        };
        self.steps.push(Step { allowed: allowed.len(), chosen, what });
        // A moment of its own for each step on the server's clock, and on the drive's for each that changes it.
        self.bench.pass(Duration::from_millis(1));
        while touched == Touch::Tree && wall_ms() == now {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Places in `nexts`, newest first, without those that would come to the same as another order.
    fn allowed(&self) -> Vec<usize> {
        let operations = &self.plan.scenario.operations;
        let steps = self.steps.len();
        // Of two that commute, one order is enough: what touches the server first, else what was possible first.
        let redundant = |next: &Next| {
            let Some((number, last)) = self.last else { return false };
            let touch = next.what.touches(operations);
            let first = |number: usize, touch: Touch| (touch != Touch::Server, number);
            next.since < steps && touch.commutes(last) && first(next.number, touch) < first(number, last)
        };
        let all = || (0..self.nexts.len()).rev();
        let allowed: Vec<usize> = all().filter(|at| !redundant(&self.nexts[*at])).collect();
        if allowed.is_empty() { all().collect() } else { allowed }
    }

    fn let_go(&mut self, call: HeldCall) -> String {
        let (name, moment) = (call.call().to_owned(), call.moment());
        let number = self.acts;
        if moment == Moment::End {
            return match self.fault.take() {
                Some(fault) => {
                    call.go_wrong(fault);
                    format!("{name} is answered, which is lost")
                }
                None => {
                    call.go_on();
                    format!("{name} is answered")
                }
            };
        }
        self.acts += 1;
        if self.plan.fault == Some(Fault::Down(number)) {
            self.down = Some((name.clone(), 4));
        }
        if let Some((kind, left)) = &mut self.down
            && *kind == name
            && *left > 0
        {
            *left -= 1;
            let code = "InternalError".to_owned();
            call.go_wrong(FaultKind::Code { status: 500, code, retry_after_ms: None });
            return format!("{number}: {name} is refused, like the next of its kind");
        }
        match self.plan.fault {
            Some(Fault::Refused(status, at)) if at == number => {
                let (code, retry_after_ms) = match status {
                    429 => ("TooManyRequests", Some(20)),
                    _ => ("InternalError", None),
                };
                call.go_wrong(FaultKind::Code { status, code: code.to_owned(), retry_after_ms });
                return format!("{number}: {name} is refused with {status}");
            }
            Some(Fault::Lost(at)) if at == number => self.fault = Some(FaultKind::CloseAfter),
            _ => {}
        }
        call.go_on();
        format!("{number}: {name} acts")
    }

    fn request(&mut self, index: usize, number: usize) -> String {
        let client = &mut self.clients[index];
        let operation = client.outcome.operation;
        let (path, other) = operation.paths();
        if client.outcome.span.0 == usize::MAX {
            client.outcome.span.0 = number;
        }
        let bench = &*self.bench;
        let content = client.outcome.content.clone();
        let relocate = |method: &str, from: &str, to: &str| {
            let destination = bench.url(to);
            bench.ask(method, from, |request| request.header("destination", destination))
        };
        let asked = match operation.kind {
            Kind::Put | Kind::PutEmpty => bench.ask("PUT", path, |request| request.body(content)),
            Kind::PutNew => bench.ask("PUT", path, |request| request.header("if-none-match", "*").body(content)),
            Kind::Lock => match &client.lock {
                None => bench.ask("LOCK", path, |request| request.header("timeout", "Second-600").body(LOCK)),
                Some(token) => bench.ask("UNLOCK", path, |request| request.header("lock-token", token)),
            },
            Kind::Mkcol => bench.ask("MKCOL", path, |request| request),
            Kind::Copy => relocate("COPY", other, path),
            Kind::MoveIn | Kind::RenameIn => relocate("MOVE", other, path),
            Kind::MoveOut | Kind::RenameOut => relocate("MOVE", path, other),
            Kind::Delete => bench.ask("DELETE", path, |request| request),
            Kind::Settle | Kind::Upload | Kind::Trash | Kind::Rename => {
                (client.outcome.span.1, client.over) = (number, true);
                client.void = !behind(bench, operation, content);
                return operation.to_string();
            }
        };
        client.asked = Some(asked);
        if client.lock.is_some() { "unlock".to_owned() } else { operation.to_string() }
    }
}

/// What happens without a request; whether there was something to do.
fn behind(bench: &Bench, operation: Operation, content: Vec<u8>) -> bool {
    let (path, _) = operation.paths();
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    let sim = &bench.sim;
    let (there, folder) = (bench.on_drive(path), bench.on_drive(folder));
    let has = |wanted: &str| sim.tree().iter().any(|(path, _)| path == wanted);
    match operation.kind {
        Kind::Settle => bench.pass(Duration::from_millis(400)),
        Kind::Upload if has(&folder) => drop(sim.add_same_name(&there, content)),
        Kind::Trash if has(&there) => sim.trash(&there),
        Kind::Rename if has(&there) => sim.rename(&there, &format!("{name}-renamed")),
        _ => return false,
    }
    true
}
