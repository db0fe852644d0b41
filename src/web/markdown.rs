//! Markdown as HTML that runs nothing: no HTML of the file's own, and only addresses that lead where they seem to.

use std::fmt::Write as _;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use quick_xml::escape::escape;

use crate::drive::Path;
use crate::protocol::href;

/// Where a link leads.
enum Target {
    /// A page of another server, or a letter.
    Outside(String),
    /// A file or folder of the caller's, with what comes after its path.
    Inside(Path),
    /// A place within the document.
    Within(String),
    /// Nowhere that is let through.
    Refused,
}

/// The HTML of a Markdown file at a path of the caller's; `base` is where everything is served.
pub(super) fn html(text: &str, at: &Path, base: &str) -> String {
    let folder = at.parent().unwrap_or_else(Path::root);
    let mut events = Vec::new();
    // Whether each open link has an element; what an image is to be called while it is read.
    let mut links = Vec::new();
    let mut images: Vec<(Target, String)> = Vec::new();
    for event in
        Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS)
    {
        match event {
            Event::Start(Tag::Image { dest_url, .. }) => images.push((target(&dest_url, &folder), String::new())),
            Event::End(TagEnd::Image) => {
                let Some((target, words)) = images.pop() else { continue };
                match images.last_mut() {
                    Some((_, outer)) => outer.push_str(&words),
                    None => events.push(Event::InlineHtml(image(&target, &words, base).into())),
                }
            }
            // Within an image there are only its words.
            Event::Text(words) | Event::Code(words) if !images.is_empty() => {
                images.last_mut().into_iter().for_each(|(_, all)| all.push_str(&words));
            }
            _ if !images.is_empty() => {}
            Event::Start(Tag::Link { dest_url, .. }) => {
                let link = link(&target(&dest_url, &folder), base);
                links.push(link.is_some());
                events.extend(link.map(|link| Event::InlineHtml(link.into())));
            }
            Event::End(TagEnd::Link) => {
                if links.pop() == Some(true) {
                    events.push(event);
                }
            }
            // Alignments would be written as styles, which the pages' policy refuses.
            Event::Start(Tag::Table(columns)) => {
                events.push(Event::Start(Tag::Table(vec![pulldown_cmark::Alignment::None; columns.len()])));
            }
            // A box to tick would be a control without a name, which nobody can press.
            Event::TaskListMarker(done) => events.push(Event::Text(if done { "☑ " } else { "☐ " }.into())),
            Event::Html(words) | Event::InlineHtml(words) => events.push(Event::Text(words)),
            // Words between the lines of a block of HTML need no element of their own.
            Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
            other => events.push(other),
        }
    }
    let mut page = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut page, events.into_iter());
    page
}

/// The beginning of a link's element; absent where there is none.
fn link(target: &Target, base: &str) -> Option<String> {
    Some(match target {
        Target::Outside(url) => format!("<a href=\"{}\" rel=\"noopener noreferrer\" target=\"_blank\">", escape(url)),
        Target::Inside(path) => format!("<a href=\"{}\">", href::encode(&format!("{base}/files"), path, false)),
        Target::Within(place) => format!("<a href=\"{}\">", escape(place)),
        Target::Refused => return None,
    })
}

/// A picture of the caller's; of elsewhere only the way to it, since a page loads nothing from there.
fn image(target: &Target, words: &str, base: &str) -> String {
    let shown = escape(words);
    match target {
        Target::Inside(path) => {
            let mut query = Vec::new();
            for name in path.segments() {
                query.extend_from_slice(b"%2F");
                href::push_name(&mut query, name);
            }
            let query = String::from_utf8(query).unwrap_or_default();
            let mut element = String::new();
            write!(element, "<img src=\"{base}/api/raw?path={query}\" alt=\"{shown}\" loading=\"lazy\">").ok();
            element
        }
        Target::Outside(_) => match link(target, base) {
            Some(link) => format!("{link}{shown}</a>"),
            None => shown.into_owned(),
        },
        Target::Within(_) | Target::Refused => shown.into_owned(),
    }
}

/// Where an address leads from a document in `folder`. Browsers strip blanks and controls from addresses, so what has
/// any is refused.
fn target(url: &CowStr<'_>, folder: &Path) -> Target {
    if url.starts_with('#') {
        return Target::Within(url.to_string());
    }
    if url.is_empty() || url.chars().any(|sign| sign.is_control() || sign == '\\') || url.starts_with("//") {
        return Target::Refused;
    }
    let end = url.find(['/', '?', '#']).unwrap_or(url.len());
    if let Some((scheme, _)) = url[..end].split_once(':') {
        let known = ["http", "https", "mailto"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
        return if known && !url.contains(char::is_whitespace) {
            Target::Outside(url.to_string())
        } else {
            Target::Refused
        };
    }
    let below = url.split(['?', '#']).next().unwrap_or_default();
    let Ok(below) = percent_encoding::percent_decode_str(below).decode_utf8() else { return Target::Refused };
    let mut names: Vec<&str> = if below.starts_with('/') { Vec::new() } else { folder.segments().collect() };
    for name in below.split('/').filter(|name| !name.is_empty() && *name != ".") {
        if name == ".." {
            names.pop();
        } else {
            names.push(name);
        }
    }
    Path::parse(&format!("/{}", names.join("/"))).map_or(Target::Refused, Target::Inside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        html(text, &Path::parse("/书/read me.md").unwrap(), "/cloud")
    }

    #[test]
    fn a_document_reads_as_it_was_meant() {
        let page = shown("# 题\n\n| a | b |\n|:-:|--:|\n| ~~1~~ | `2` |\n\n- [x] done\n- [ ] not yet\n");
        assert!(page.contains("<h1>题</h1>") && page.contains("<td><del>1</del></td>"), "{page}");
        assert!(!page.contains("style") && page.contains("☑ done") && page.contains("☐ not yet"), "{page}");
    }

    #[test]
    fn addresses_lead_where_they_seem_to() {
        for (text, part) in [
            ("[x](a%20b.txt)", "href=\"/cloud/files/%E4%B9%A6/a%20b.txt\""),
            ("[x](../../../c?d#e)", "href=\"/cloud/files/c\""),
            ("[x](/top/)", "href=\"/cloud/files/top\""),
            ("[x](#there)", "href=\"#there\""),
            ("[x](https://e.example/?a=1&b=2)", "href=\"https://e.example/?a=1&amp;b=2\" rel=\"noopener noreferrer\""),
            ("<mailto:a@b.example>", "href=\"mailto:a@b.example\""),
            (
                "![a \"b\" `c`](p&q.jpg)",
                "<img src=\"/cloud/api/raw?path=%2F%E4%B9%A6%2Fp%26q.jpg\" alt=\"a &quot;b&quot; c\"",
            ),
            ("![pic](http://e.example/p.png)", "<a href=\"http://e.example/p.png\""),
        ] {
            assert!(shown(text).contains(part), "{text}: {}", shown(text));
        }
    }

    #[test]
    fn nothing_of_a_document_runs() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html,x)",
            "[x](&#x6A;avascript:alert(1))",
            "[x](<java\tscript:alert(1)>)",
            "[x](//evil.example)",
            "[x](\\\\evil.example)",
            "![x](javascript:alert(1))",
            "![\" onerror=\"alert(1)](x.png)",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n\n[x]",
            "```\"><script>\nx\n```",
        ] {
            let page = shown(text).to_lowercase();
            for mark in ["<script", "<img src=x", "=\"javascript", "=\"data", "evil.example\"", "\" onerror=\""] {
                assert!(!page.contains(mark), "{text}: {page}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_document_makes_an_element_of_its_own(text in "[\\[\\]()!<>\"'`a:/\\\\&#|\n -]{0,60}") {
            let page = shown(&text);
            prop_assert!(!page.contains("<a a") && !page.contains("<a:") && !page.contains(" a=\""), "{}", page);
        }
    }
}
