//! The answer to a COPY or MOVE of a tree of which some failed (RFC 4918, sections 9.8.8 and 13): each failure with its
//! URL, its status and what is to be done.

use std::fmt::Write as _;
use std::sync::Arc;

use http::{Response, StatusCode};

use crate::dav::change::scope::Scope;
use crate::dav::site::Site;
use crate::drive::{Error, ErrorKind, Partly};
use crate::protocol::failure::{FailureDetail, verdict};
use crate::protocol::{Body, href, reply};

pub(super) fn answer(site: &Site, scope: &Scope, partly: &Arc<Partly>) -> Response<Body> {
    let mut xml = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\">".to_owned();
    for (path, error) in &partly.failures {
        // What lies outside of what the user sees is nothing of his.
        let Some(path) = path.strip_base(&scope.0.base) else { continue };
        let verdict = verdict(error);
        let href = href::encode(&site.prefix, &path, false);
        let text = quick_xml::escape::partial_escape(&*verdict.text);
        write!(
            xml,
            "<D:response><D:href>{href}</D:href><D:status>HTTP/1.1 {}</D:status>\
             <D:responsedescription>{text}</D:responsedescription></D:response>",
            verdict.status
        )
        .ok();
    }
    if partly.more > 0 {
        write!(xml, "<D:responsedescription>and {} more</D:responsedescription>", partly.more).ok();
    }
    xml.push_str("</D:multistatus>\n");
    let mut response = reply::xml(StatusCode::MULTI_STATUS, xml);
    let words = verdict(&Error::Partly(partly.clone())).text.into_owned();
    response.extensions_mut().insert(FailureDetail { words, kind: Some(ErrorKind::Partly) });
    response
}
