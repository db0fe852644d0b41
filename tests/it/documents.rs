//! What the documents say of the code, and the code of the documents.

use std::collections::BTreeSet;
use std::path::Path;

use alidav::meters::{self, Meter};

/// All Rust files below a folder of the repository, with their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut left = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut files = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    files
}

fn sections(document: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(document);
    let text = std::fs::read_to_string(path).unwrap();
    let heading = regex::Regex::new(r"(?m)^#+ ([0-9]+(?:\.[0-9]+)*)\.? ").unwrap();
    heading.captures_iter(&text).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_section_of_the_references_that_a_comment_cites_exists() {
    let citations = [("drive-api.md", r"\(reference([^)]*)\)"), ("clients.md", r"\(clients reference([^)]*)\)")];
    let number = regex::Regex::new(r"[0-9]+(?:\.[0-9]+)*").unwrap();
    for (document, pattern) in citations {
        let (known, citation) = (sections(document), regex::Regex::new(pattern).unwrap());
        let mut cited = 0;
        for (file, text) in ["src", "tests", "benches"].into_iter().flat_map(sources) {
            for found in citation.captures_iter(&text) {
                for section in number.find_iter(&found[1]) {
                    cited += 1;
                    assert!(known.contains(section.as_str()), "{file} cites {document} {}", section.as_str());
                }
            }
        }
        assert!(cited > 0, "nothing cites {document}");
    }
}

/// The documents that people read, the references apart: those are kept as they come.
fn documents() -> Vec<(std::path::PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("docs"), root.join("benches")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// The lines outside of blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

#[test]
fn the_promises_are_numbered_from_one_and_each_is_kept_by_a_test() {
    let text = include_str!("../../SEMANTICS.md").split("## Costs in calls").next().unwrap();
    let number = regex::Regex::new(r"(?m)^([0-9]+)\. ").unwrap();
    let numbers = number.captures_iter(text).map(|found| found[1].parse::<usize>().unwrap()).collect::<Vec<_>>();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    assert!(numbers.len() > 100);
    // A test says what it keeps in a comment before it.
    let mark = regex::Regex::new(r"(?m)^\s*// Keeps ([0-9, ]+)\.$").unwrap();
    let mut kept = BTreeSet::new();
    for (file, text) in ["src", "tests"].into_iter().flat_map(sources) {
        for found in mark.captures_iter(&text) {
            let known = |number: &usize| (1..=numbers.len()).contains(number);
            let marked = found[1].split(", ").map(|number| number.parse::<usize>().unwrap()).collect::<Vec<_>>();
            assert!(marked.iter().all(known), "{file} keeps a promise that is not there: {}", &found[1]);
            kept.extend(marked);
        }
    }
    let untested = numbers.iter().filter(|number| !kept.contains(number)).collect::<Vec<_>>();
    assert!(untested.is_empty(), "no test keeps the promises {untested:?}");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    for (path, text) in documents() {
        let all = prose(&text).collect::<Vec<_>>().join("\n");
        for found in link.captures_iter(&all).filter(|found| !found[1].contains("://")) {
            let (file, section) = found[1].split_once('#').unwrap_or((&found[1], ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{} links to {}, which is not there", path.display(), &found[1]);
            // A picture has no sections.
            if section.is_empty() {
                continue;
            }
            let there = std::fs::read_to_string(&target).unwrap();
            let headings =
                prose(&there).filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_matches(['#', ' '])));
            let known = headings.collect::<Vec<_>>().iter().any(|heading| heading == section);
            assert!(known, "{} links to a section that is not there: {}", path.display(), &found[1]);
        }
    }
}

#[test]
fn a_page_has_the_same_sections_and_commands_in_both_languages() {
    let count = |text: &str, start: &str| text.lines().filter(|line| line.trim_start().starts_with(start)).count();
    let mut pairs = 0;
    for (path, chinese) in documents() {
        let Some(name) = path.to_str().unwrap().strip_suffix(".zh-CN.md") else { continue };
        let english = std::fs::read_to_string(format!("{name}.md")).unwrap();
        for start in ["#", "```", "|"] {
            assert_eq!(count(&english, start), count(&chinese, start), "{name}: lines that begin with {start}");
        }
        pairs += 1;
    }
    assert!(pairs > 5);
}

#[test]
fn a_line_of_prose_fits_into_120_columns() {
    for (path, text) in documents() {
        for line in prose(&text).filter(|line| !line.trim_start().starts_with(['|', '!', '['])) {
            // Chinese breaks only after a mark, and what has no blank cannot be broken.
            let long = line.is_ascii() && line.len() > 120 && line.trim().contains(' ');
            assert!(!long, "{}: {line}", path.display());
        }
    }
}

#[test]
fn the_page_of_metrics_is_what_is_declared() {
    let labels = |meter: &Meter| match meter.labels {
        [] => "–".to_owned(),
        labels => labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", "),
    };
    let row = |meter: &Meter| {
        let (kind, unit) = (format!("{:?}", meter.kind).to_lowercase(), meter.unit.as_str());
        format!("| `{}` | {kind} | {unit} | {} | {} |", meter.name, labels(meter), meter.meaning)
    };
    let page = include_str!("../../docs/metrics.md");
    let rows = page.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>();
    assert_eq!(rows, meters::ALL.iter().map(row).collect::<Vec<_>>());
}

#[test]
fn a_metric_is_named_where_it_is_declared_alone() {
    let name = regex::Regex::new(r"alidav_\w+_(?:bytes|seconds|total)\b").unwrap();
    let known = |name: &str| meters::ALL.iter().any(|meter| meter.name == name);
    for (path, text) in documents() {
        for found in name.find_iter(&text) {
            assert!(known(found.as_str()), "{} tells of {}, which is not there", path.display(), found.as_str());
        }
    }
    for (file, text) in sources("src").into_iter().filter(|(file, _)| !file.ends_with("src/meters.rs")) {
        assert!(!text.contains("!(\"alidav_"), "{file} names a metric by itself");
    }
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_what_is_declared() {
    let (dashboard, alerts) =
        (include_str!("../../packaging/grafana.json"), include_str!("../../packaging/alerts.yml"));
    let parsed: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row");
    let asked = panels.map(|panel| panel["targets"][0]["expr"].as_str().unwrap()).collect::<Vec<_>>();
    assert!(asked.len() > 20);
    let name = regex::Regex::new(r"\b((?:alidav|process)_[a-z_]+)(?:\{([^}]*)\})?").unwrap();
    let label = regex::Regex::new(r"(\w+)(?:=~|!~|!=|=)").unwrap();
    for (file, text) in [("grafana.json", dashboard), ("alerts.yml", alerts)] {
        for found in name.captures_iter(text) {
            let part = |meter: &&Meter| {
                let rest = found[1].strip_prefix(meter.name);
                let histogram = meter.kind == meters::Kind::Histogram;
                if histogram { matches!(rest, Some("_bucket" | "_sum" | "_count")) } else { rest == Some("") }
            };
            let meter = meters::ALL.iter().find(part);
            let meter = meter.unwrap_or_else(|| panic!("{file} asks for {}, which is not there", &found[1]));
            for label in found.get(2).iter().flat_map(|labels| label.captures_iter(labels.as_str())) {
                let known = ["job", "instance"].contains(&&label[1]) || meter.labels.contains(&&label[1]);
                assert!(known, "{file}: {} has no label {}", meter.name, &label[1]);
            }
        }
    }
}

/// Words of ARCHITECTURE.md with a number, the file that has it, and the constant there.
const NUMBERS: [(&str, &str, &str); 37] = [
    ("at most 1,024 connections", "server/connections.rs", "MOST: usize = 1024;"),
    ("256 of one address", "server/connections.rs", "MOST_OF_ONE: usize = 256;"),
    ("pieces of some 48 KiB", "dav/propfind/multistatus.rs", "PIECE: usize = 48 << 10;"),
    ("the next try waits five seconds", "drive/listing/cache.rs", "RETRY_PAUSE: Duration = Duration::from_secs(5);"),
    ("An opening has six tries", "drive/download/source.rs", "MAX_TRIES: u32 = 6;"),
    ("Five bodies in a row without a byte", "drive/download/stream.rs", "MAX_BARREN: u32 = 5;"),
    (
        "after a tenth of a second or later",
        "drive/slots/revocable_body.rs",
        "LEISURELY: Duration = Duration::from_millis(100);",
    ),
    ("share of an eighth of the memory", "drive/slots/memory.rs", "SHARE: u64 = 8;"),
    ("most of half a second", "drive/download/lanes.rs", "WINDOW: Duration = Duration::from_millis(500);"),
    ("a second and a half (1 to", "drive/download/lanes.rs", "LEAST: u64 = 1 << 20;"),
    ("to 8 MiB), and up to", "drive/download/lanes.rs", "MOST: u64 = 8 << 20;"),
    (
        "else after a second; what it has",
        "drive/download/lanes/window.rs",
        "PATIENCE: Duration = Duration::from_secs(1);",
    ),
    ("first and last 256 KiB of large files", "drive/download/edges.rs", "EDGE: u64 = 256 << 10;"),
    ("others in the transport's own 32 KiB", "upstream/data.rs", "SMALL_READ: usize = 32 << 10;"),
    ("after a seek it waits a second", "drive/download/stream.rs", "AFTER_SEEK: Duration = Duration::from_secs(1);"),
    ("segments of 64 KiB from one pool", "drive/upload/memory.rs", "SEGMENT: usize = 64 << 10;"),
    ("for ten minutes calls go one by one", "upstream/pacer.rs", "SPACED: Duration = Duration::from_secs(600);"),
    ("At most 1,000 callers wait", "upstream/pacer.rs", "MAX_WAITING: usize = 1000;"),
    ("do harm: four tries", "upstream/client/retry.rs", "MAX_TRIES: u32 = 4;"),
    ("more than 200 seconds", "upstream/auth/keeper.rs", "MARGIN_S: i64 = 200;"),
    (
        "within the last ten minutes last",
        "upstream/auth/flight.rs",
        "SERVER_REST: Duration = Duration::from_secs(600);",
    ),
    ("Every two seconds it asks SQLite", "upstream/signin/upkeep.rs", "LOOK: Duration = Duration::from_secs(2);"),
    ("once an hour it looks", "upstream/signin/upkeep.rs", "REVIEW: Duration = Duration::from_secs(3600);"),
    ("Eight flows at a time", "web/signin.rs", "MAX_FLOWS: usize = 8;"),
    ("each for five minutes", "web/signin.rs", "FLOW_LIFE: Duration = Duration::from_secs(300);"),
    ("16 MiB an account, their own expiry less 20", "drive/download/addresses.rs", "MAX_BYTES: u64 = 16 << 20;"),
    ("expiry less 20 seconds", "drive/download/addresses.rs", "MIN_LIFE: Duration = Duration::from_secs(20);"),
    ("own expiry less ten seconds", "drive/account/links.rs", "MARGIN: Duration = Duration::from_secs(10);"),
    ("`download.memory`, 16 MiB at most", "drive/slots/memory.rs", "MAX_EDGES: u64 = 16 << 20;"),
    ("`drive::account` | one, a minute", "drive/account.rs", "QUOTA_TTL: Duration = Duration::from_secs(60);"),
    ("ten minutes without argon2", "server/auth.rs", "REMEMBERED: Duration = Duration::from_secs(600);"),
    ("30 days exempt from the throttle", "server/auth.rs", "KNOWN: Duration = Duration::from_secs(30 * 24 * 3600);"),
    ("128 header fields", "server/accept.rs", "MAX_HEADERS: usize = 128;"),
    ("16 KiB of URL", "server/route.rs", "MAX_URI: usize = 16 << 10;"),
    ("64 KiB of XML", "dav/request/xml.rs", "MAX_BODY: usize = 64 << 10;"),
    ("100 ranges", "dav/get/ranges.rs", "MAX_RANGES: usize = 100;"),
    ("32 MiB of an answer of the service", "upstream/http/exchange.rs", "MAX_ANSWER: usize = 32 << 20;"),
];

#[test]
fn a_number_of_the_architecture_is_a_constant_of_the_code() {
    let page = include_str!("../../ARCHITECTURE.md").split_whitespace().collect::<Vec<_>>().join(" ");
    for (words, file, constant) in NUMBERS {
        let code = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file)).unwrap();
        assert!(page.contains(words), "ARCHITECTURE.md says {words:?} no more: mend the table of numbers");
        assert!(
            code.contains(&format!("const {constant}")),
            "ARCHITECTURE.md says {words:?}: src/{file} has no {constant:?}"
        );
    }
}
