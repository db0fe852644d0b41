//! What of a folder a view shows, and under which names.
//!
//! `E01.mkv` appears as `E01.strm`. Where that could be two films' name, they keep their extension: `E01.mkv.strm`. So
//! no two files of a view share a name, and a name alone says which film and quality it is.

use std::collections::HashMap;

use crate::config::{Quality, View};
use crate::drive::entry::{Entry, Origin};
use crate::drive::path::other_forms;

/// What stands under a name in a view.
#[derive(Debug)]
pub(super) enum Shown<'a> {
    /// A folder, or a file that is shown as it is.
    AsItIs(&'a Entry),
    /// A film in one quality.
    Film(&'a Entry, Quality),
}

/// All that a folder shows, each with its name.
pub(super) fn all<'a>(
    view: &View,
    members: impl Iterator<Item = &'a Entry> + Clone,
) -> impl Iterator<Item = (String, Shown<'a>)> {
    let films: Vec<(&Entry, &str)> = members.clone().filter_map(|entry| Some((entry, stem(view, entry)?))).collect();
    let mut stems: HashMap<&str, usize> = HashMap::with_capacity(films.len());
    films.iter().for_each(|(_, stem)| *stems.entry(*stem).or_default() += 1);
    let names: Vec<&str> = films.iter().map(|(film, _)| &*film.name).filter(|name| stems.contains_key(name)).collect();
    let mut made = Vec::with_capacity(films.len() * view.quality.len());
    for (film, stem) in &films {
        let shared = stems.get(stem).is_some_and(|count| *count > 1) || names.contains(stem);
        let base = if shared { &*film.name } else { *stem };
        made.extend(view.quality.iter().map(|quality| (file_name(view, base, *quality), Shown::Film(film, *quality))));
    }
    let kept: Vec<&Entry> = members.filter(|entry| is_shown_as_it_is(view, entry)).collect();
    // A folder may bear such a name, and comes first.
    let suffix = suffix(view);
    let folders: Vec<&str> =
        kept.iter().filter(|e| e.is_folder()).map(|e| &*e.name).filter(|n| n.ends_with(&suffix)).collect();
    made.retain(|(name, _)| !folders.contains(&name.as_str()));
    kept.into_iter().map(|entry| (entry.name.to_string(), Shown::AsItIs(entry))).chain(made)
}

/// What stands under a name, or its NFC/NFD twin.
pub(super) fn find<'a>(view: &View, members: impl Iterator<Item = &'a Entry> + Clone, name: &str) -> Option<Shown<'a>> {
    exact(view, members.clone(), name)
        .or_else(|| other_forms(name).find_map(|twin| exact(view, members.clone(), &twin)))
}

fn exact<'a>(view: &View, members: impl Iterator<Item = &'a Entry> + Clone, name: &str) -> Option<Shown<'a>> {
    if let Some(kept) = members.clone().find(|entry| *entry.name == *name && is_shown_as_it_is(view, entry)) {
        return Some(Shown::AsItIs(kept));
    }
    let (base, quality) = base_name(view, name)?;
    let films = members.filter_map(|entry| Some((entry, stem(view, entry)?)));
    let keeps_extension = |film: &Entry, own: &str| {
        films.clone().any(|(other, stem)| other.name != film.name && (stem == own || *other.name == *own))
    };
    let mut named = films.clone().filter(|(film, stem)| *film.name == *base || *stem == base);
    let found = named.find(|(film, stem)| (*film.name == *base) == keeps_extension(film, stem));
    found.map(|(film, _)| Shown::Film(film, quality))
}

/// A film's name without its extension; absent for what is none.
fn stem<'a>(view: &View, entry: &'a Entry) -> Option<&'a str> {
    let (stem, extension) = entry.name.rsplit_once('.')?;
    let known = view.types.iter().any(|own| own.eq_ignore_ascii_case(extension));
    let large = entry.size.is_none_or(|size| size >= view.min_size);
    // One half of a live photo is no film, whatever its name ends in.
    let film = !entry.is_folder() && entry.origin == Origin::Drive && entry.livp.is_none();
    (film && known && large && !stem.is_empty()).then_some(stem)
}

fn is_shown_as_it_is(view: &View, entry: &Entry) -> bool {
    if entry.is_folder() {
        return true;
    }
    let extension = entry.name.rsplit_once('.').map_or("", |(_, extension)| extension);
    entry.origin == Origin::Drive && view.also.iter().any(|own| own.eq_ignore_ascii_case(extension))
}

fn suffix(view: &View) -> String {
    format!(".{}", view.form.extension())
}

fn file_name(view: &View, base: &str, quality: Quality) -> String {
    let extension = view.form.extension();
    match &view.quality[..] {
        [_] => format!("{base}.{extension}"),
        _ => format!("{base} - {}.{extension}", quality.label()),
    }
}

/// The inverse of [`file_name`].
fn base_name<'a>(view: &View, name: &'a str) -> Option<(&'a str, Quality)> {
    let rest = name.strip_suffix(&suffix(view))?;
    match &view.quality[..] {
        [only] => Some((rest, *only)),
        several => {
            let (base, label) = rest.rsplit_once(" - ")?;
            several.iter().find(|quality| quality.label() == label).map(|quality| (base, *quality))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::clock::UnixMillis;
    use crate::drive::entry::Kind;
    use proptest::prelude::*;

    fn view(quality: &[Quality]) -> View {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let view = View::at("/strm", "http://a".parse().unwrap());
        View { quality: quality.to_vec(), types: words(&["mkv", "mp4"]), also: words(&["nfo"]), min_size: 5, ..view }
    }

    fn entry(name: &str) -> Entry {
        let kind = if name.ends_with('/') { Kind::Folder } else { Kind::File };
        let entry = Entry::synthetic(name.trim_end_matches('/'), name, UnixMillis(0));
        Entry { kind, size: Some(if name.contains("small") { 4 } else { 5 }), ..entry }
    }

    fn names(view: &View, members: &[&str]) -> Vec<String> {
        let members: Vec<Entry> = members.iter().map(|name| entry(name)).collect();
        let mut names: Vec<String> = all(view, members.iter()).map(|(name, _)| name).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn films_lose_their_extension_but_where_two_would_share_a_name() {
        let one = view(&[Quality::Original]);
        let shown = names(&one, &["E01.mkv", "E02.MKV", "E02.mp4", "E01.nfo", "x.txt", "small.mkv", "d/", ".mkv"]);
        assert_eq!(shown, ["E01.nfo", "E01.strm", "E02.MKV.strm", "E02.mp4.strm", "d"]);
        assert_eq!(names(&one, &["a.mkv", "a.mp4", "a.mkv.mp4"]), ["a.mkv.mp4.strm", "a.mkv.strm", "a.mp4.strm"]);
        assert_eq!(names(&one, &["a.mkv", "a.strm/"]), ["a.strm"]);
    }

    #[test]
    fn several_qualities_are_a_file_each() {
        let two = view(&[Quality::Original, Quality::Fhd]);
        assert_eq!(names(&two, &["a.mkv"]), ["a - 1080p.strm", "a - original.strm"]);
        let members = [entry("a.mkv"), entry("a - 1080p.mkv")];
        let found = |name: &str| match find(&two, members.iter(), name) {
            Some(Shown::Film(film, quality)) => format!("{} {}", film.name, quality.as_str()),
            _ => String::new(),
        };
        assert_eq!(found("a - 1080p.strm"), "a.mkv FHD");
        assert_eq!(found("a - 1080p - original.strm"), "a - 1080p.mkv original");
        assert_eq!(found("a.strm"), "");
    }

    #[test]
    fn a_name_is_found_in_either_unicode_form() {
        let (one, members) = (view(&[Quality::Original]), [entry("é.mkv")]);
        assert!(matches!(find(&one, members.iter(), "e\u{301}.strm"), Some(Shown::Film(..))));
    }

    proptest! {
        /// Whatever a folder holds, each name of its view is there once and leads to what it was made of.
        #[test]
        fn a_name_says_which_film_it_is(
            folder in proptest::collection::btree_set("[ab]{1,2}(\\.(mkv|mp4|strm|nfo)){0,3}/?", 0..12),
            several in any::<bool>(),
        ) {
            let view = view(if several { &[Quality::Best, Quality::Original] } else { &[Quality::Hd] });
            let names: BTreeSet<String> = folder.iter().map(|name| name.trim_end_matches('/').to_owned()).collect();
            prop_assume!(names.len() == folder.len());
            let members: Vec<Entry> = folder.iter().map(|name| entry(name)).collect();
            let shown: Vec<_> = all(&view, members.iter()).collect();
            let once: BTreeSet<&String> = shown.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(once.len(), shown.len());
            for (name, made) in &shown {
                let found = find(&view, members.iter(), name);
                prop_assert_eq!(format!("{:?}", found), format!("{:?}", Some(made)));
            }
        }
    }
}
