//! The layers of ARCHITECTURE.md, held against what every file of `src/` names, and the order of the files within them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// A path of modules from the crate's root.
type Module = Vec<String>;

/// A file of `src/`, its text without comments, visibilities and unit tests.
struct Source {
    file: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources() -> BTreeMap<Module, Source> {
    let mut left = vec![root().join("src")];
    let mut found = BTreeMap::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let file = path.strip_prefix(root()).unwrap().display().to_string();
        let module: Module = file["src/".len()..].trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("main" | "tests")) {
            continue;
        }
        let module = if module == ["lib"] { Module::new() } else { module };
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = text.lines().map(|line| line.split("//").next().unwrap());
        let lines = lines.map(|line| match line.split_once("pub(in ") {
            Some((before, after)) => format!("{before}pub{}", after.split_once(')').unwrap().1),
            None => line.to_owned(),
        });
        found.insert(module, Source { file, text: lines.collect::<Vec<_>>().join("\n") });
    }
    found
}

/// The paths of a `use`: `a::{b, c::{self, d}}` is three.
fn spread(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((prefix, inner)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let (mut depth, mut start, mut paths) = (0, 0, Vec::new());
    let inner = &inner[..inner.rfind('}').unwrap()];
    for (at, sign) in inner.char_indices().chain([(inner.len(), ',')]) {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner[start..at].trim();
                paths.extend(spread(part).into_iter().filter(|p| !p.is_empty()).map(|path| format!("{prefix}{path}")));
                start = at + 1;
            }
            _ => {}
        }
    }
    paths
}

/// The files that a file names: in a `use`, or by a path in its text.
fn named(module: &Module, source: &Source, all: &BTreeMap<Module, Source>) -> BTreeSet<Module> {
    let (mut children, mut paths) = (BTreeSet::new(), Vec::new());
    let mut statements = source.text.split_inclusive(';').flat_map(|text| text.split_inclusive(['{', '}']));
    let mut rest = String::new();
    while let Some(statement) = statements.next() {
        let words: Vec<&str> = statement.split_whitespace().collect();
        match words.iter().position(|word| matches!(*word, "use" | "mod")) {
            Some(at) if words[at] == "mod" && statement.ends_with(';') => {
                children.insert(words[at + 1].trim_end_matches(';').to_owned());
            }
            Some(at) if words[at] == "use" => {
                let mut tree = words[at + 1..].join(" ");
                while !tree.ends_with(';') {
                    tree.push_str(statements.next().unwrap());
                }
                paths.extend(spread(tree.trim_end_matches(';')));
            }
            _ => rest.push_str(statement),
        }
    }
    let word = |sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == ':';
    paths.extend(rest.split(|sign| !word(sign)).filter(|path| path.contains("::")).map(str::to_owned));
    let absolute = |path: String| -> Option<Module> {
        let words: Module =
            path.split("::").map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        let first = words.first()?;
        let ups = words.iter().take_while(|word| *word == "super").count();
        let (base, words) = match first.as_str() {
            "crate" => (&module[..0], &words[1..]),
            "self" => (&module[..], &words[1..]),
            "super" => (&module[..module.len() - ups], &words[ups..]),
            child if children.contains(child) => (&module[..], &words[..]),
            _ => return None,
        };
        Some(base.iter().chain(words).cloned().collect())
    };
    let file = |path: Module| {
        (1..=path.len()).rev().map(|length| path[..length].to_vec()).find(|module| all.contains_key(module))
    };
    paths.into_iter().filter_map(absolute).filter_map(file).filter(|other| other != module).collect()
}

/// Each layer of the table with those that it may use, from the top down.
fn table() -> Vec<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let name = Regex::new(r"`(\w+)`").unwrap();
    let names = |cell: &str| name.captures_iter(cell).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    let rows: Vec<(Vec<String>, String)> = text
        .lines()
        .skip_while(|line| !line.starts_with("| module"))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
        .map(|cells| (names(cells[1]), cells[3].to_owned()))
        .collect();
    let ground = rows.iter().find(|(layers, _)| layers.iter().any(|layer| layer == "clock")).unwrap().0.clone();
    let all: Vec<String> = rows.iter().flat_map(|(layers, _)| layers.clone()).collect();
    let mut table = Vec::new();
    for (layers, cell) in &rows {
        let mut uses: BTreeSet<String> = names(cell).into_iter().collect();
        uses.extend(if cell.contains("ground") { ground.clone() } else { Vec::new() });
        uses.extend(if cell == "all" { all.clone() } else { Vec::new() });
        table.extend(layers.iter().map(|layer| (layer.clone(), uses.clone())));
    }
    table
}

#[test]
fn arrows_go_where_the_table_of_layers_says() {
    let (all, table) = (sources(), table());
    for (at, (layer, uses)) in table.iter().enumerate().filter(|(_, (layer, _))| layer != "cli" && layer != "main") {
        let below: BTreeSet<&String> = table[at + 1..].iter().map(|(layer, _)| layer).collect();
        assert!(uses.iter().all(|used| below.contains(used)), "{layer} uses what does not stand below it: {uses:?}");
    }
    let may: BTreeMap<_, _> = table.into_iter().collect();
    let mut breaches = Vec::new();
    for (module, source) in all.iter().filter(|(module, _)| !module.is_empty()) {
        let uses = may.get(&module[0]).unwrap_or_else(|| panic!("{} is of no layer of ARCHITECTURE.md", source.file));
        for other in named(module, source, &all).iter().filter(|other| other[0] != module[0]) {
            if !uses.contains(&other[0]) {
                breaches.push(format!("{} names {}", source.file, all[other].file));
            }
        }
    }
    assert!(breaches.is_empty(), "against the layers of ARCHITECTURE.md:\n{}", breaches.join("\n"));
}

#[test]
fn files_do_not_go_in_circles() {
    let all = sources();
    let arrows: BTreeMap<&Module, BTreeSet<Module>> =
        all.iter().map(|(module, source)| (module, named(module, source, &all))).collect();
    let reached = |from: &Module| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = left.pop() {
            left.extend(arrows[&module].iter().filter(|next| seen.insert((*next).clone())).cloned());
        }
        seen
    };
    let reach: BTreeMap<&Module, BTreeSet<Module>> = all.keys().map(|module| (module, reached(module))).collect();
    let mut circles = Vec::new();
    for (module, next) in arrows.iter().flat_map(|(module, next)| next.iter().map(move |next| (*module, next))) {
        if !module.is_empty() && reach[next].contains(module) {
            circles.push(format!("{} names {}, which leads back to it", all[module].file, all[next].file));
        }
    }
    assert!(circles.is_empty(), "files go in circles:\n{}", circles.join("\n"));
}

/// The functions of a file in order, each with the number of its lines: rustfmt closes one at the column where it begins.
fn functions(text: &str) -> Vec<(String, usize)> {
    let begins = Regex::new(r"^(\s*)(?:pub(?:\([^)]*\))? )?(?:const )?(?:async )?fn (\w+)").unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let Some(begin) = begins.captures(line).filter(|_| !line.ends_with([';', '}'])) else { continue };
        let closes = format!("{}}}", &begin[1]);
        let last = lines[at..].iter().position(|line| line.starts_with(&closes));
        found.push((begin[2].to_owned(), last.map_or(0, |last| last + 1)));
    }
    found
}

/// Prints the measures of the house: `cargo test --test it layers -- --nocapture`.
#[test]
fn folders_files_and_functions_can_be_taken_in_at_a_look() {
    let all = sources();
    let (mut folders, mut too_large) = (BTreeMap::<String, (usize, usize)>::new(), Vec::new());
    for (module, source) in all.iter().filter(|(module, _)| !module.is_empty()) {
        let (side_by_side, up) = folders.entry(module[..module.len() - 1].join("/")).or_default();
        *side_by_side += 1;
        *up +=
            named(module, source, &all).iter().filter(|other| !other.is_empty() && module.starts_with(other)).count();
        let text = std::fs::read_to_string(root().join(&source.file)).unwrap();
        let lines = text.lines().count();
        if lines > 500 {
            too_large.push(format!("{} has {lines} lines", source.file));
        }
        for (name, lines) in functions(&source.text) {
            if lines > 40 {
                println!("{lines} lines: {} in {}", name, source.file);
            }
            if lines > 60 {
                too_large.push(format!("{name} in {} has {lines} lines", source.file));
            }
        }
    }
    for (folder, (side_by_side, up)) in folders {
        println!("src/{folder}: {side_by_side} files side by side, {up} that name a file above them");
        if side_by_side > 20 {
            too_large.push(format!("src/{folder} has {side_by_side} files side by side"));
        }
    }
    assert!(too_large.is_empty(), "{}", too_large.join("\n"));
}
