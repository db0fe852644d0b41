//! The methods that change something: dav-server carries the protocol, the tree does the work.
//!
//! Headers are read (`request::headers`) and conditions judged (`request::preconditions`) before; dav-server knows the
//! methods' rules and asks for locks; the adapter carries out what it decides. The exact failure of the tree comes back
//! in the scope and has the last word.

mod adapter;
mod handoff;
mod incoming;
mod lock;
mod move_copy;
mod partial;
mod proppatch;
mod put;
mod scope;

use http::request::Parts;
use http::{Response, StatusCode};

use crate::config::Permission;
use crate::dav::change::handoff::Handoff;
use crate::dav::change::lock::lock;
use crate::dav::change::move_copy::move_or_copy;
use crate::dav::change::proppatch::proppatch;
use crate::dav::change::put::put;
use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::request::body::read_xml;
use crate::dav::site::Site;
use crate::drive::{self, Path};
use crate::protocol::{Body, RequestBody};

/// Methods that need the right to write.
pub(super) const WRITING: [&str; 8] = ["PUT", "DELETE", "MKCOL", "COPY", "MOVE", "PROPPATCH", "LOCK", "UNLOCK"];

/// Carries out one of [`WRITING`] at a path below the user's base path.
pub(super) async fn change<B: RequestBody>(
    site: &Site,
    context: &Context,
    parts: &Parts,
    body: B,
    path: &Path,
) -> Result<Response<Body>, Failure> {
    if context.permission < Permission::Write {
        return Err(Failure::new(StatusCode::FORBIDDEN, "this user may only read"));
    }
    if parts.method.as_str() != "COPY" && site.tree.is_in_view(&path.under(&context.base_path)) {
        return Err(drive::Error::InView.into());
    }
    let handoff = Handoff::prepare(site, context, parts, path).await?;
    match parts.method.as_str() {
        "PUT" => put(handoff, body).await,
        "PROPPATCH" => proppatch(handoff, &read_xml(body).await?).await,
        "LOCK" => lock(handoff, &read_xml(body).await?).await,
        "COPY" | "MOVE" => move_or_copy(handoff, read_xml(body).await?).await,
        // DELETE, MKCOL, UNLOCK.
        _ => handoff.pass(read_xml(body).await?).await,
    }
}
