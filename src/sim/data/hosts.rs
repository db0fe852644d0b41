//! The data hosts by name: the steady one, and the one that refuses on some networks (reference 3.9). And that of
//! previews (reference 3.22).
//!
//! The simulator has one socket. Whoever uses it as a forwarding proxy reaches all hosts by it, each by its name.

use std::io;

use http::request::Parts;
use http::{Response, header};

use crate::sim::answer::{Body, text, xml};
use crate::sim::levers::rules::HostMood;
use crate::sim::world::World;

const STEADY: &str = "cn-beijing-data.aliyundrive.net";
const UNSTEADY: &str = "dl1-v6.aliyundrive.cloud";
const PREVIEWS: &str = "cn-beijing-video-preview.aliyundrive.net";

/// Base of URLs for downloads.
pub(super) fn for_downloads(world: &World) -> String {
    match (world.rules.named_hosts, world.rules.unsteady_links) {
        (false, _) => world.base.clone(),
        (true, false) => format!("http://{STEADY}"),
        (true, true) => format!("http://{UNSTEADY}"),
    }
}

/// Base of URLs for uploads, which are never at the unsteady host (reference 3.12).
pub(super) fn for_uploads(world: &World) -> String {
    if world.rules.named_hosts { format!("http://{STEADY}") } else { world.base.clone() }
}

/// Base of URLs for previews.
pub(super) fn for_previews(world: &World) -> String {
    if world.rules.named_hosts { format!("http://{PREVIEWS}") } else { world.base.clone() }
}

/// Counts a request by its host, and says what that host does in place of serving it; an error closes the connection.
pub(in crate::sim) fn enter(world: &mut World, parts: &Parts) -> io::Result<Option<Response<Body>>> {
    let named = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.host().or(named).unwrap_or_default().to_owned();
    let mood = match host.as_str() {
        STEADY => world.rules.steady_host,
        UNSTEADY => world.rules.unsteady_host,
        _ => HostMood::Serves,
    };
    *world.data_hosts.entry(host).or_default() += 1;
    match mood {
        HostMood::Serves => Ok(None),
        HostMood::Closes => Err(io::Error::other("this host closes connections")),
        HostMood::Invalid => Ok(Some(text(400, "not a valid request"))),
        HostMood::Forbids => Ok(Some(xml(403, "AccessDenied", "You are forbidden here.", "0003-00000001"))),
    }
}
