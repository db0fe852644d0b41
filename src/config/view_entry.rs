//! How a `[[view]]` is read.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::config::reader::Reader;
use crate::config::values::{public_url, set, tree_path};
use crate::config::view::{Quality, View, ViewForm, ViewLinks};

const NO_ADDRESS: &str = "is missing: each file holds an address by which media servers and players reach this server; \
     give it here, such as \"http://192.168.1.2:8080\", or set public_url";

/// Reads one; `usual` is the address of the server where the view names none.
pub(super) fn view(mut section: Reader<'_>, usual: Option<&Url>) -> Option<View> {
    let path = section.parsed("path", |text| match tree_path(text)? {
        root if root == "/" => Err("must be below the root, such as \"/strm\": it would cover everything".to_owned()),
        path => Ok(path),
    });
    if path.is_none() {
        section.missing("path", "is missing: where the view appears, such as \"/strm\"");
    }
    let source = section.parsed("source", tree_path);
    let form = section.word("form", &ViewForm::WORDS);
    let quality = qualities(&mut section);
    let links = section.word("links", &ViewLinks::WORDS).unwrap_or(ViewLinks::Signed);
    let days = section.integer("link_days", 0, 36_500);
    let base_url = section.parsed("base_url", public_url).or_else(|| usual.cloned());
    if base_url.is_none() && !section.notes.is_faulty("public_url") {
        section.missing("base_url", NO_ADDRESS);
    }
    let (types, also) = (extensions(&mut section, "types"), extensions(&mut section, "also"));
    let min_size = section.bytes("min_size", 0, 1 << 50);
    let named = base_url.and_then(|url| without_credentials(&section, url, links));
    let (base_url, credentials) = named.unzip();
    let mut view = base_url.map(|url| View::at(&path.unwrap_or_default(), url));
    if let Some(view) = &mut view {
        set(&mut view.source, source);
        set(&mut view.form, form);
        set(&mut view.quality, quality);
        view.links = links;
        set(&mut view.link_life, days.map(|days| Duration::from_secs(days * 86_400)));
        view.credentials = credentials.flatten();
        set(&mut view.types, types);
        set(&mut view.also, also);
        set(&mut view.min_size, min_size);
        overlap(&section, view);
    }
    section.finish();
    view.filter(|view| !view.path.is_empty())
}

fn qualities(section: &mut Reader<'_>) -> Option<Vec<Quality>> {
    let list = section.parsed_list("quality", |text| {
        let found = Quality::WORDS.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        let all = || format!("must be of {}", Quality::WORDS.map(|(word, _)| word).join(", "));
        found.map(|(_, quality)| quality).ok_or_else(all)
    })?;
    if list.is_empty() {
        section.missing("quality", "is empty: give at least \"original\"");
        return None;
    }
    if let Some(at) = (1..list.len()).find(|at| list[..*at].contains(&list[*at])) {
        section.fault("quality", format!("has {} twice", list[at].as_str()));
    }
    Some(list)
}

/// Extensions without their dot, in lower case.
fn extensions(section: &mut Reader<'_>, key: &'static str) -> Option<Vec<String>> {
    section.parsed_list(key, |text| {
        let word = text.trim_start_matches('.').to_ascii_lowercase();
        let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain { Ok(word) } else { Err("must be an extension such as \"mkv\"".to_owned()) }
    })
}

/// A file is a film or shown as it is, and what is shown as it is must not be taken for what the view makes.
fn overlap(section: &Reader<'_>, view: &View) {
    if let Some(both) = view.types.iter().find(|word| view.also.contains(word)) {
        section.fault("also", format!("has {both:?}, which is among types: a film is shown as an address or as it is"));
    }
    let made = view.form.extension();
    if view.also.iter().any(|word| word == made) {
        section.fault("also", format!("has {made:?}, which is what the view makes: leave it out"));
    }
}

/// The address without the name and the password that it holds, and these.
fn without_credentials(section: &Reader<'_>, mut url: Url, links: ViewLinks) -> Option<(Url, Option<SecretString>)> {
    let credentials: Option<SecretString> =
        url.password().map(|password| format!("{}:{password}", url.username()).into());
    url.set_username("").and_then(|()| url.set_password(None)).ok();
    let problem = match (links, &credentials) {
        (ViewLinks::Userinfo, None) => {
            "must hold the name and the password that each address is to have, such as \"https://me:secret@dav.example\""
        }
        (ViewLinks::Signed | ViewLinks::Plain, Some(_)) => {
            "holds a password, which only links = \"userinfo\" puts into addresses: leave it out"
        }
        _ => return Some((url, credentials)),
    };
    section.fault("base_url", problem);
    None
}
