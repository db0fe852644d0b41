//! The crates that are built in, held against deny.toml: licences, sources, and what is not to be there.
//!
//! `just deny` asks cargo-deny, which knows the advisories too, but takes minutes to build; this takes none.

use serde_json::Value;

/// Whether an SPDX expression can be met by the allowed licences alone. The old `/` means `OR`.
fn is_met(expression: &str, allowed: &[&str]) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = text.split_whitespace().peekable();
    any(&mut words, allowed)
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words, allowed: &[&str]) -> bool {
    let mut met = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Words, allowed: &[&str]) -> bool {
    let mut met = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Words, allowed: &[&str]) -> bool {
    match words.next() {
        Some("(") => {
            let met = any(words, allowed);
            assert_eq!(words.next(), Some(")"), "an open bracket");
            met
        }
        Some(licence) => {
            // An exception only permits more, but is not what was allowed.
            let excepted = words.next_if_eq(&"WITH").map(|_| words.next());
            excepted.is_none() && allowed.contains(&licence)
        }
        None => false,
    }
}

#[test]
fn expressions_are_met_by_what_they_name() {
    let allowed = ["MIT", "ISC"];
    for met in ["MIT", "GPL-3.0 OR MIT", "GPL-3.0/MIT", "(GPL-3.0 OR MIT) AND ISC", "A WITH b OR ISC"] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for not in ["GPL-3.0", "GPL-3.0 AND MIT", "MIT AND (A OR B)", "MIT WITH b", ""] {
        assert!(!is_met(not, &allowed), "{not}");
    }
}

#[test]
fn crates_have_allowed_licences_and_sources() {
    let root = env!("CARGO_MANIFEST_DIR");
    let settings: toml::Table = std::fs::read_to_string(format!("{root}/deny.toml")).unwrap().parse().unwrap();
    let texts = |list: &toml::Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let allowed = texts(&settings["licenses"]["allow"]);
    let allowed: Vec<&str> = allowed.iter().map(String::as_str).collect();
    let exceptions = settings["licenses"]["exceptions"].as_array().unwrap();
    let registries = texts(&settings["sources"]["allow-registry"]);
    let denied: Vec<&str> =
        settings["bans"]["deny"].as_array().unwrap().iter().map(|row| row["crate"].as_str().unwrap()).collect();
    let told = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path", &format!("{root}/Cargo.toml")])
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let mut faults = Vec::new();
    for package in told["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_default();
        let excepted = exceptions.iter().filter(|row| row["crate"].as_str() == Some(name));
        let excepted = excepted.flat_map(|row| texts(&row["allow"])).any(|allowed| allowed == licence);
        if !excepted && !is_met(licence, &allowed) {
            faults.push(format!("{name} is under {licence:?}"));
        }
        let source = package["source"].as_str();
        if !source
            .map_or(name == "alidav", |source| registries.iter().any(|known| source == format!("registry+{known}")))
        {
            faults.push(format!("{name} comes from {source:?}"));
        }
        if denied.contains(&name) {
            faults.push(format!("{name} is denied"));
        }
    }
    assert!(faults.is_empty(), "against deny.toml:\n{}", faults.join("\n"));
}
