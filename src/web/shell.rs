//! The pages' addresses and shells: static documents that hold nothing of a user. All data comes by `/api`.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::config::Config;
use crate::protocol::gzip::Document;
use crate::protocol::{Body, body, reply};
use crate::web::assets::{Shelf, sent};

/// Where the drive's preview and data hosts lie.
const MEDIA_HOSTS: &str =
    "https://*.aliyundrive.net https://*.aliyundrive.cloud https://*.aliyuncs.com https://*.alicloudccp.com";

/// Everything that shells are made of; cheap to clone.
#[derive(Clone)]
pub(super) struct Shells {
    shelf: Arc<Shelf>,
    /// Path below which everything is served, without a slash at the end.
    base: Arc<str>,
    title: Arc<str>,
    boot: Arc<serde_json::Value>,
    policy: HeaderValue,
}

/// What a text is put into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Html,
    Json,
}

impl Shells {
    /// `base` is where everything is served.
    pub(super) fn new(config: &Config, base: &str) -> Self {
        let boot = json!({
            "base": base,
            "title": config.web.title,
            "version": env!("CARGO_PKG_VERSION"),
            "start_with": config.web.start_with.as_str(),
            "link_hours": config.web.link.as_secs() / 3600,
        });
        Self {
            shelf: Arc::default(),
            base: base.into(),
            title: config.web.title.as_str().into(),
            boot: boot.into(),
            // Hosts were checked to be nothing else when they were read.
            policy: content_policy(&config.web.media_hosts).parse().unwrap_or(HeaderValue::from_static("sandbox")),
        }
    }

    /// By other settings, with the same files.
    pub(super) fn reconfigured(&self, config: &Config) -> Self {
        Self { shelf: self.shelf.clone(), ..Self::new(config, &self.base) }
    }

    /// The answer of a page or one of its files; absent where the path is none of theirs. OPTIONS is WebDAV's
    /// everywhere, and so is all at the root but reading it.
    pub(super) fn answer(&self, parts: &Parts) -> Option<Response<Body>> {
        let path = parts.uri.path();
        let page = match path {
            "" | "/" if !is_read(&parts.method) => return None,
            "" | "/" | "/files" => None,
            "/accounts" | "/status" => Some("index.html"),
            "/login" => Some("login.html"),
            "/manifest.webmanifest" => Some("manifest.webmanifest"),
            "/favicon.svg" => Some("favicon.svg"),
            // Browsers ask for it by themselves where a page names no icon, such as a picture's own.
            "/favicon.ico" => Some("favicon.ico"),
            "/robots.txt" => Some("robots.txt"),
            _ if path.starts_with("/files/") => Some("index.html"),
            _ if path.starts_with("/assets/") => Some(""),
            _ => return None,
        };
        if parts.method == Method::OPTIONS {
            return None;
        }
        if !is_read(&parts.method) {
            let mut response = reply::text(StatusCode::METHOD_NOT_ALLOWED, "pages take GET and HEAD\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(response);
        }
        Some(match page {
            None => self.to("/files/", StatusCode::FOUND),
            Some("favicon.ico") => self.to("/favicon.svg", StatusCode::PERMANENT_REDIRECT),
            Some("") => self.shelf.answer(path.trim_start_matches("/assets/"), parts),
            Some(name @ ("favicon.svg" | "robots.txt")) => self.plain(name, parts),
            Some(name) => self.shell(name, parts),
        })
    }

    /// Elsewhere. Browsers keep what is permanent for the time that they like.
    fn to(&self, path: &str, status: StatusCode) -> Response<Body> {
        let mut response = Response::new(body::empty());
        *response.status_mut() = status;
        if let Ok(target) = HeaderValue::from_str(&format!("{}{path}", self.base)) {
            response.headers_mut().insert(header::LOCATION, target);
        }
        if status == StatusCode::FOUND {
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }

    /// A file at an address of its own, which a new version changes.
    fn plain(&self, name: &str, parts: &Parts) -> Response<Body> {
        let assets = self.shelf.newest();
        match assets.get(name) {
            Some(asset) => asset.answer(parts, &format!("\"{}\"", assets.hash), "no-cache"),
            None => reply::text(StatusCode::NOT_FOUND, "there is no such file\n"),
        }
    }

    fn shell(&self, name: &str, parts: &Parts) -> Response<Body> {
        let assets = self.shelf.newest();
        let Some(file) = assets.get(name) else {
            return reply::text(StatusCode::NOT_FOUND, "there is no such page\n");
        };
        let form = if name.ends_with(".html") { Form::Html } else { Form::Json };
        let page = self.filled(&String::from_utf8_lossy(file.plain()), &assets.hash, form);
        // A browser that has the page has these headers with it: with others it is to come anew.
        let digest = Sha256::new().chain_update(&page).chain_update(&self.policy).finalize();
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // Weak, for the page packed and as it is.
        let mut response = sent(parts, file.kind, &format!("W/\"{digest}\""), "no-cache", Bytes::from(page));
        if response.status() == StatusCode::NOT_MODIFIED {
            return response;
        }
        response.extensions_mut().insert(Document);
        if form == Form::Json {
            return response;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, self.policy.clone());
        // With `no-referrer` a form's Origin would be `null`.
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
        let none = HeaderValue::from_static("camera=(), microphone=(), geolocation=()");
        headers.insert("permissions-policy", none);
        response
    }

    /// The template in one pass, so that nothing which was put in is looked through again.
    fn filled(&self, template: &str, hash: &str, form: Form) -> String {
        let assets = format!("{}/assets/{hash}", self.base);
        let mut page = String::with_capacity(template.len() + 512);
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("{{") {
            page.push_str(before);
            let Some((name, after)) = after.split_once("}}") else {
                page.push_str("{{");
                rest = after;
                continue;
            };
            rest = after;
            match name {
                "base" => page.push_str(&escaped(&self.base, form)),
                "assets" => page.push_str(&escaped(&assets, form)),
                "title" => page.push_str(&escaped(&self.title, form)),
                "version" => page.push_str(env!("CARGO_PKG_VERSION")),
                "boot" if form == Form::Html => page.push_str(&self.boot(&assets)),
                _ => page.extend(["{{", name, "}}"]),
            }
        }
        page + rest
    }

    /// JSON that ends no script element.
    fn boot(&self, assets: &str) -> String {
        let mut boot = (*self.boot).clone();
        boot["assets"] = assets.into();
        boot.to_string().replace('<', "\\u003c")
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn escaped(text: &str, form: Form) -> String {
    match form {
        Form::Html => quick_xml::escape::escape(text).into_owned(),
        // Without the quotes, which the template has.
        Form::Json => {
            let quoted = json!(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }
    }
}

/// What a page may load, run and call.
fn content_policy(further: &[String]) -> String {
    let hosts = [MEDIA_HOSTS.to_owned(), further.join(" ")].join(" ");
    let hosts = hosts.trim_end();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob: {hosts}; \
         media-src 'self' blob: {hosts}; connect-src 'self' {hosts}; worker-src 'self'; manifest-src 'self'; \
         frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'; object-src 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shells(title: &str) -> Shells {
        let mut config = Config::new(Vec::new(), Vec::new());
        config.web.title = title.to_owned();
        Shells::new(&config, "/cloud")
    }

    #[test]
    fn what_is_put_into_a_template_stays_text() {
        let shells = shells("</script>\"{{base}}");
        let page = shells.filled("<a href=\"{{assets}}/x\">{{title}}{{boot}}{{other}} {{", "0f", Form::Html);
        assert!(page.starts_with("<a href=\"/cloud/assets/0f/x\">&lt;/script&gt;&quot;{{base}}{"), "{page}");
        assert!(page.contains("\\u003c/script>") && page.ends_with("{{other}} {{"), "{page}");
        let manifest = shells.filled("{\"name\": \"{{title}}\"}", "0f", Form::Json);
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["name"], "</script>\"{{base}}");
    }
}
