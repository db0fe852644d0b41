//! `POST star`: an item's star, as the drive's own app has it.

use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::protocol::{Body, RequestBody, reply};
use crate::web::api::placing::{Change, item, writes};
use crate::web::error::Refusal;
use crate::web::input;

#[derive(Deserialize)]
struct Star {
    path: String,
    starred: bool,
}

/// `POST star {path, starred}`.
pub(super) async fn star<B: RequestBody, D>(at: &Change<'_, D>, body: B) -> Result<Response<Body>, Refusal> {
    writes(at.caller)?;
    let Star { path, starred } = input::json(at.parts, body, "{\"path\": \"/…\", \"starred\": true}").await?;
    let (path, tree) = (item(&path)?, at.site.tree.clone());
    let asked = path.under(&at.caller.base_path);
    at.site.tree.see_through(async move { tree.star(&asked, starred).await }).await??;
    Ok(reply::json(StatusCode::OK, &json!({ "path": path.as_str(), "ok": true, "starred": starred })))
}
