//! Which runs are made: all small ones, and of the others a random part.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

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
    /// Of each one or two operations where the server has listed the folders.
    warm: Share,
    /// Where it has listed nothing, which adds the same calls to each.
    cold: Share,
    /// Runs of three operations.
    triples: usize,
}

/// How much is tried of each one or two operations.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Most orders without a fault, those with the fewest departures from one operation after the other first.
    orders: usize,
    /// Of these so many are run once more with each single fault at each of their calls.
    faulty: usize,
    /// Runs with a random fault in a random order.
    random: usize,
}

impl Size {
    pub(crate) const QUICK: Self = Self {
        warm: Share { orders: 4, faulty: 0, random: 1 },
        cold: Share { orders: 0, faulty: 0, random: 1 },
        triples: 100,
    };
    pub(crate) const WIDE: Self = Self {
        warm: Share { orders: 60, faulty: 1, random: 2 },
        cold: Share { orders: 6, faulty: 0, random: 2 },
        triples: 500,
    };
    pub(crate) const LONG: Self = Self {
        warm: Share { orders: 100_000, faulty: 100_000, random: 100 },
        cold: Share { orders: 100_000, faulty: 2, random: 100 },
        triples: 20_000,
    };
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) runs: usize,
    /// Scenarios of one or two operations, and of them those whose every order without a fault was tried.
    pub(crate) scenarios: usize,
    pub(crate) complete: usize,
    /// Orders of the others that were seen to be possible and not tried; more lie behind each.
    pub(crate) left_out: usize,
    /// Why, by the run's name.
    pub(crate) failures: BTreeMap<String, String>,
}

/// Servers side by side on two cores: while one waits for its store or for the drive's clock another works.
const THREADS: usize = 4;

pub(crate) struct Explorer {
    size: Size,
    seed: u64,
    jobs: Mutex<VecDeque<Job>>,
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
        Self { size, seed, jobs: Mutex::new(jobs), report: Mutex::default() }
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
        self.report.into_inner().unwrap()
    }

    fn next(&self) -> Option<Job> {
        self.jobs.lock().unwrap().pop_front()
    }

    /// Runs a plan on a server that has seen nothing go wrong but what it has got over.
    fn run(&self, bench: &mut Option<Bench>, plan: &mut Plan, choose: &mut dyn FnMut(usize) -> usize) -> Run {
        let run = run(bench.get_or_insert_with(Bench::start), plan, choose);
        if run.failure.is_some() {
            *bench = None;
        } else if let (Some(bench), Some(Fault::Refused(429, _))) = (bench, plan.fault) {
            // Calls go one by one for ten minutes.
            bench.pass(Duration::from_secs(601));
        }
        // It is known by the name that was asked for; a choice that could not be made is no part of it otherwise.
        let name = if plan.choices.is_empty() { None } else { Some(plan.to_string()) };
        plan.choices = run.steps.iter().map(|step| step.chosen).collect();
        let mut report = self.report.lock().unwrap();
        report.runs += 1;
        let Some(why) = &run.failure else { return run };
        let name = name.unwrap_or_else(|| plan.to_string());
        println!("EXPLORE={name} {why}");
        report.failures.insert(name, why.clone());
        drop(report);
        run
    }

    /// Every order, those with few departures first, then faults at every call of the first ones, then random ones.
    fn pair(&self, bench: &mut Option<Bench>, scenario: &Scenario) {
        let mut random = StdRng::seed_from_u64(self.seed ^ hash(&scenario.to_string()));
        let share = if scenario.warm { self.size.warm } else { self.size.cold };
        let mut waiting = VecDeque::from([Vec::new()]);
        let mut faulty: Vec<(Plan, Run)> = Vec::new();
        for _ in 0..share.orders {
            let Some(choices) = waiting.pop_front() else { break };
            let given = choices.len();
            let mut plan = Plan { scenario: scenario.clone(), choices, fault: None };
            let run = self.run(bench, &mut plan, &mut |_| 0);
            for at in given..run.steps.len() {
                let others = 1..run.steps[at].allowed;
                waiting.extend(others.map(|other| [&plan.choices[..at], &[other]].concat()));
            }
            if faulty.len() < share.faulty {
                faulty.push((plan, run));
            }
        }
        {
            let mut report = self.report.lock().unwrap();
            report.scenarios += 1;
            report.complete += usize::from(waiting.is_empty());
            report.left_out += waiting.len();
        }
        for (plan, run) in &faulty {
            for fault in faults(run) {
                self.run(bench, &mut Plan { fault: Some(fault), ..plan.clone() }, &mut |_| 0);
            }
        }
        (0..share.random).for_each(|_| self.random(bench, scenario, random.random()));
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
