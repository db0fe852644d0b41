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
            let there = std::fs::read_to_string(&target);
            let there =
                there.unwrap_or_else(|_| panic!("{} links to {}, which is not there", path.display(), &found[1]));
            let headings =
                prose(&there).filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_matches(['#', ' '])));
            let known = section.is_empty() || headings.collect::<Vec<_>>().iter().any(|heading| heading == section);
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
