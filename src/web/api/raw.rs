//! `GET raw`: a file's bytes, by the link policy, inert in a browser.

use http::request::Parts;
use http::{HeaderValue, Response, header};

use crate::config::LinkPolicy;
use crate::drive::Freshness;
use crate::protocol::failure::FailureDetail;
use crate::protocol::{Body, href};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::input;
use crate::web::site::Site;
use crate::web::webdav::WebDav;

/// `GET raw?path=…[&download=1][&via=proxy]`.
pub(super) async fn raw<D: WebDav>(
    site: &Site,
    parts: &Parts,
    caller: &Caller,
    dav: &D,
) -> Result<Response<Body>, Refusal> {
    let path = input::path(parts)?.under(&caller.base_path);
    let file = site.tree.stat(&path, Freshness::Cached).await?;
    let Some(mime) = file.entry.mime() else {
        return Err(Refusal::bad("this is a folder; ask for one of its files"));
    };
    let saved = input::flag(parts, "download");
    let proxied = match input::query(parts, "via").as_deref() {
        None => false,
        Some("proxy") => true,
        Some(_) => return Err(Refusal::bad("via can only be proxy")),
    };
    // The drive's own link says attachment, by which a browser's viewer never opens.
    let policy = (proxied || (mime == "application/pdf" && !saved)).then_some(LinkPolicy::Proxy);
    let mut response = dav.file(parts, &path, policy).await;
    if response.extensions().get::<FailureDetail>().is_some() {
        return Err(match Refusal::of_webdav(&response) {
            refusal if response.status() == http::StatusCode::PRECONDITION_FAILED => refusal.with_code(Code::Changed),
            refusal => refusal,
        });
    }
    let headers = response.headers_mut();
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    let kept = saved || runs(mime);
    headers.insert(header::CONTENT_DISPOSITION, disposition(&file.entry.name, kept));
    Ok(response)
}

/// Types that a browser makes a document of.
fn runs(mime: &str) -> bool {
    matches!(mime, "text/html" | "application/xhtml+xml" | "image/svg+xml" | "text/xml" | "application/xml")
        || mime.ends_with("+xml")
}

/// Has a browser save what comes under a name.
pub(super) fn attachment(name: &str) -> HeaderValue {
    disposition(name, true)
}

fn disposition(name: &str, saved: bool) -> HeaderValue {
    let mut text = if saved { "attachment" } else { "inline" }.to_owned().into_bytes();
    text.extend_from_slice(b"; filename*=UTF-8''");
    href::push_name(&mut text, name);
    // Percent-encoding yields ASCII.
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("attachment"))
}
