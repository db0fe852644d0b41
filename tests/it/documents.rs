//! What the documents say of the code, and the code of the documents.

use std::collections::BTreeSet;
use std::path::Path;

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
