//! Which runs are made: all small ones, and of the others a random part.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::bench::Bench;
use crate::kept::Kept;
use crate::run::{Run, run};
use crate::scenario::{Fault, Kind, Operation, Plan, Scenario};

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Departures from one operation after the other, up to which every order is tried.
    departures: usize,
    /// Most orders of a pair without a fault.
    orders: usize,
    /// Runs of a pair with a fault in a random place of a random order.
    faults: usize,
    /// The same where the server has listed nothing.
    cold: usize,
    /// Runs of three operations.
    triples: usize,
}

impl Size {
    pub(crate) const SHORT: Self = Self { departures: 1, orders: 4, faults: 1, cold: 1, triples: 100 };
    pub(crate) const LONG: Self = Self { departures: 8, orders: 100_000, faults: 400, cold: 100, triples: 20_000 };
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) runs: usize,
    /// Why, by the run's name.
    pub(crate) failures: BTreeMap<String, String>,
}

/// Servers side by side: while one waits for its store another works.
const THREADS: usize = 3;

pub(crate) struct Explorer {
    size: Size,
    seed: u64,
    jobs: Mutex<VecDeque<Job>>,
    runs: AtomicUsize,
    report: Mutex<Report>,
}

enum Job {
    Kept(Plan),
    /// One operation alone, or two: orders first, then faults.
    Scenario(Scenario),
    /// A random order, with or without a fault.
    Random(Scenario, u64),
}

/// The scenarios of two operations, and of one.
fn scenarios() -> Vec<Scenario> {
    let on = |on_folder| move |kind| Operation { kind, on_folder };
    let files: Vec<Operation> = Kind::all().map(on(false)).collect();
    let folders: Vec<Operation> = Kind::all().filter(|kind| kind.fits_folder()).map(on(true)).collect();
    let mut sets: Vec<Vec<Operation>> = files.iter().chain(&folders).map(|one| vec![*one]).collect();
    for (at, first) in files.iter().enumerate() {
        sets.extend(files[at..].iter().chain(&folders).map(|second| vec![*first, *second]));
    }
    // What another program does is no concern of ours without an operation of a client.
    sets.retain(|set| set.iter().any(|operation| !operation.kind.behind()));
    sets.retain(|set| set.iter().filter(|operation| operation.kind == Kind::Settle).count() < 2);
    let mut all = Vec::new();
    for operations in sets {
        let settles = operations.iter().any(|operation| operation.kind == Kind::Settle);
        for (present, warm) in [(false, true), (true, true), (false, false), (true, false)] {
            if !(settles && (present || !warm)) {
                all.push(Scenario { operations: operations.clone(), present, warm });
            }
        }
    }
    all
}

impl Explorer {
    /// The runs of `kept` come first.
    pub(crate) fn new(size: Size, seed: u64, filter: &str, kept: &Kept) -> Self {
        let wanted = |scenario: &Scenario| scenario.to_string().contains(filter);
        let mut scenarios: Vec<Scenario> = scenarios().into_iter().filter(wanted).collect();
        let names = kept.holds.iter().chain(&kept.fails).filter(|name| name.contains(filter));
        let mut jobs: VecDeque<Job> = names.map(|name| Job::Kept(name.parse().unwrap())).collect();
        let mut random = StdRng::seed_from_u64(seed);
        scenarios.shuffle(&mut random);
        jobs.extend(scenarios.into_iter().map(Job::Scenario));
        if filter.is_empty() {
            let files: Vec<Kind> = Kind::all().filter(|kind| *kind != Kind::Settle).collect();
            for _ in 0..size.triples {
                let kinds = [0; 3].map(|_| files[random.random_range(0..files.len())]);
                let operations = kinds.map(|kind| Operation { kind, on_folder: false }).to_vec();
                let scenario = Scenario { operations, present: random.random(), warm: random.random() };
                if kinds.iter().any(|kind| !kind.behind()) {
                    jobs.push_back(Job::Random(scenario, random.random()));
                }
            }
        }
        Self { size, seed, jobs: Mutex::new(jobs), runs: AtomicUsize::new(0), report: Mutex::default() }
    }

    /// Works off all jobs.
    pub(crate) fn go(self) -> Report {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut bench = None;
                    while let Some(job) = self.next() {
                        match job {
                            Job::Kept(mut plan) => drop(self.run(&mut bench, &mut plan, &mut |_| 0)),
                            Job::Scenario(scenario) => self.pair(&mut bench, &scenario),
                            Job::Random(scenario, seed) => self.random(&mut bench, &scenario, seed),
                        }
                    }
                });
            }
        });
        let mut report = self.report.into_inner().unwrap();
        report.runs = self.runs.into_inner();
        report
    }

    fn next(&self) -> Option<Job> {
        self.jobs.lock().unwrap().pop_front()
    }

    /// Runs a plan on a server that has seen nothing go wrong but a death.
    fn run(&self, bench: &mut Option<Bench>, plan: &mut Plan, choose: &mut dyn FnMut(usize) -> usize) -> Run {
        let run = run(bench.get_or_insert_with(Bench::start), plan, choose);
        // After a 429 calls go one by one for a while.
        let spoilt = run.failure.is_some() || matches!(plan.fault, Some(Fault::Refused(429, _)));
        if spoilt {
            *bench = None;
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        // It is known by the name that was asked for; a choice that could not be made is no part of it otherwise.
        let name = if plan.choices.is_empty() { None } else { Some(plan.to_string()) };
        plan.choices = run.steps.iter().map(|step| step.chosen).collect();
        if let Some(why) = &run.failure {
            let name = name.unwrap_or_else(|| plan.to_string());
            println!("EXPLORE={name} {why}");
            self.report.lock().unwrap().failures.insert(name, why.clone());
        }
        run
    }

    /// Every order up to so many departures, then faults at every call of the plain ones, then random ones.
    fn pair(&self, bench: &mut Option<Bench>, scenario: &Scenario) {
        let mut random = StdRng::seed_from_u64(self.seed ^ hash(&scenario.to_string()));
        let single = scenario.operations.len() == 1;
        if !scenario.warm {
            (0..self.size.cold).for_each(|_| self.random(bench, scenario, random.random()));
            return;
        }
        let mut seen = HashSet::new();
        let mut waiting = VecDeque::from([Vec::new()]);
        let mut plain: Vec<(Plan, Run)> = Vec::new();
        let mut count = 0;
        while let Some(choices) = waiting.pop_front() {
            if count == self.size.orders {
                break;
            }
            count += 1;
            let given = choices.len();
            let mut plan = Plan { scenario: scenario.clone(), choices, fault: None };
            let run = self.run(bench, &mut plan, &mut |_| 0);
            for at in given..run.steps.len() {
                for other in 1..run.steps[at].allowed {
                    let mut choices = plan.choices[..at].to_vec();
                    choices.push(other);
                    let departures = choices.iter().filter(|choice| **choice > 0).count();
                    // The first choice is which of them begins.
                    let departures = departures - usize::from(choices[0] > 0);
                    if departures <= self.size.departures && seen.insert(choices.clone()) {
                        waiting.push_back(choices);
                    }
                }
            }
            if plan.choices.iter().skip(1).all(|choice| *choice == 0) {
                plain.push((plan, run));
            }
        }
        if single {
            for (plan, run) in &plain {
                for fault in faults(run) {
                    self.run(bench, &mut Plan { fault: Some(fault), ..plan.clone() }, &mut |_| 0);
                }
            }
            return;
        }
        for _ in 0..self.size.faults {
            self.random(bench, scenario, random.random());
        }
    }

    fn random(&self, bench: &mut Option<Bench>, scenario: &Scenario, seed: u64) {
        let mut random = StdRng::seed_from_u64(seed);
        let count = 6 * scenario.operations.len();
        let fault = match random.random_range(0..11) {
            0 => None,
            9.. => Some(Fault::Down(random.random_range(0..count / 2))),
            1..4 => Some(Fault::Lost(random.random_range(0..count / 2))),
            4 => Some(Fault::Refused(500, random.random_range(0..count / 2))),
            5 => Some(Fault::Refused(429, random.random_range(0..count / 2))),
            _ => Some(Fault::Killed(random.random_range(0..count))),
        };
        let mut plan = Plan { scenario: scenario.clone(), choices: Vec::new(), fault };
        self.run(bench, &mut plan, &mut |allowed| {
            if random.random_bool(0.6) { 0 } else { random.random_range(0..allowed) }
        });
    }
}

/// Everything that can go wrong in a run like that.
fn faults(run: &Run) -> Vec<Fault> {
    let calls = (0..run.acts)
        .flat_map(|at| [Fault::Lost(at), Fault::Refused(500, at), Fault::Refused(429, at), Fault::Down(at)]);
    calls.chain((0..run.steps.len()).map(Fault::Killed)).collect()
}

fn hash(text: &str) -> u64 {
    use std::hash::{Hash as _, Hasher as _};
    let mut hasher = std::hash::DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
