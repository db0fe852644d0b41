//! The files of the pages as they stand in the repository: what the content security policy and both languages ask of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;
use sha2::{Digest as _, Sha256};

fn web(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("web").join(path)
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Every file below a folder of `web/`.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![web(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

/// The words of a file of `i18n/` by their keys.
fn words(language: &str) -> BTreeMap<String, String> {
    let line = Regex::new(r#"(?m)^    "([^"]+)": (".*"),$"#).unwrap();
    let source = text(&web(&format!("i18n/{language}.js")));
    line.captures_iter(&source).map(|found| (found[1].to_owned(), serde_json::from_str(&found[2]).unwrap())).collect()
}

/// What is filled in, such as `name` of `{name}` and `n` of `{n|item|items}`.
fn filled_in(words: &str) -> BTreeSet<String> {
    let place = Regex::new(r"\{(\w+)").unwrap();
    place.captures_iter(words).map(|found| found[1].to_owned()).collect()
}

#[test]
fn what_others_have_written_is_as_they_published_it() {
    let vendor = web("vendor");
    let sums = text(&vendor.join("SHA256SUMS"));
    let recorded: BTreeMap<&str, &str> =
        sums.lines().map(|line| line.split_once("  ").unwrap()).map(|(sum, path)| (path, sum)).collect();
    let mut there = BTreeSet::new();
    for path in files("vendor").into_iter().filter(|path| !path.ends_with("SHA256SUMS")) {
        let name = format!("vendor/{}", path.strip_prefix(&vendor).unwrap().to_str().unwrap());
        let sum: String =
            Sha256::digest(std::fs::read(&path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(recorded.get(name.as_str()), Some(&sum.as_str()), "{name}: web/vendor.sh writes it anew");
        there.insert(name);
    }
    assert_eq!(there.len(), recorded.len(), "a recorded file is missing: {recorded:?}");
}

#[test]
fn both_languages_say_the_same_and_all_of_it_is_used() {
    let (first, later) = (words("en"), words("en.later"));
    assert_eq!(first.keys().collect::<Vec<_>>(), words("zh-CN").keys().collect::<Vec<_>>());
    assert_eq!(later.keys().collect::<Vec<_>>(), words("zh-CN.later").keys().collect::<Vec<_>>());
    let (mut english, mut chinese) = (first, words("zh-CN"));
    english.extend(later);
    chinese.extend(words("zh-CN.later"));
    assert!(english.len() > 300, "{}", english.len());
    let code: String = files("app").iter().map(|path| text(path)).collect();
    for (key, words) in &english {
        assert!(code.contains(&format!("\"{key}\"")), "nothing uses {key}");
        let more: Vec<_> = filled_in(&chinese[key]).difference(&filled_in(words)).cloned().collect();
        assert!(more.is_empty(), "{key}: only the Chinese words fill in {more:?}");
    }
}

#[test]
fn nothing_in_the_pages_is_what_their_content_security_policy_refuses() {
    let refused = Regex::new(
        r#"\sstyle=|\son[a-z]+=["'{]|innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|styleMap"#,
    )
    .unwrap();
    for path in files("app").into_iter().chain([web("index.html"), web("login.html")]) {
        let source = text(&path);
        let code = source.lines().filter(|line| !line.trim_start().starts_with(['*', '/']));
        for line in code {
            assert!(!refused.is_match(line), "{}: {line}", path.display());
        }
    }
    let script = Regex::new(r"<script([^>]*)>").unwrap();
    for shell in ["index.html", "login.html"] {
        let source = text(&web(shell));
        for script in script.captures_iter(&source) {
            assert!(script[1].contains("src=") || script[1].contains("application/json"), "{shell}: {}", &script[0]);
        }
    }
}

/// A module and all that it imports from the start, by their paths below `web/`.
fn imported(module: &str) -> BTreeSet<String> {
    let from = Regex::new(r#"(?:(?:import|export)\b[^;"(]*?\bfrom|\bimport)\s*"(\.[^"]+)""#).unwrap();
    let (mut seen, mut left) = (BTreeSet::new(), vec![module.to_owned()]);
    while let Some(module) = left.pop() {
        let folder = Path::new(&module).parent().unwrap().to_owned();
        for found in from.captures_iter(&text(&web(&module))) {
            let mut path = folder.clone();
            for part in found[1].split('/') {
                match part {
                    "." => {}
                    ".." => assert!(path.pop(), "{module} imports {}", &found[1]),
                    name => path.push(name),
                }
            }
            left.push(path.to_str().unwrap().to_owned());
        }
        seen.insert(module);
        left.retain(|path| !seen.contains(path));
    }
    seen
}

#[test]
fn whoever_says_a_word_that_is_loaded_later_waits_for_it() {
    let later = words("en.later");
    let import = Regex::new(r#"(?m)^import "(?:\./|\.\./)more\.js";$"#).unwrap();
    for path in files("app") {
        let code = text(&path);
        // A name of something else may be the same as a key.
        if !code.contains("i18n.js\"") {
            continue;
        }
        if let Some(key) = later.keys().find(|key| code.contains(&format!("\"{key}\""))) {
            assert!(import.is_match(&code), "{} says {key} without more.js", path.display());
        }
    }
}

#[test]
fn the_shell_asks_at_once_for_all_that_a_folder_needs() {
    let wanted: BTreeSet<String> = ["app/main.js", "app/folder/folder.js"]
        .into_iter()
        .flat_map(imported)
        .filter(|path| path != "app/main.js")
        .collect();
    let preload = Regex::new(r#"<link rel="modulepreload" href="\{\{assets\}\}/([^"]+)">"#).unwrap();
    let shell = text(&web("index.html"));
    let preloaded: BTreeSet<String> = preload.captures_iter(&shell).map(|found| found[1].to_owned()).collect();
    assert_eq!(preloaded, wanted);
}

#[test]
fn every_file_of_the_pages_can_be_read_in_one_go() {
    for path in files("app") {
        let lines = text(&path).lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
        assert!(text(&path).starts_with("// "), "{} says nothing of itself", path.display());
    }
}
