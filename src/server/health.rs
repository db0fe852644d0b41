//! `/healthz`: alive, and why it may not be well.

use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::dav::{Body, body};
use crate::drive::Tree;

/// 200 as long as the server answers: a drive in trouble is no reason to restart it. The reasons are
/// in the body.
pub(super) async fn answer(tree: &Tree, method: &Method) -> Response<Body> {
    let mut reasons = Vec::new();
    for client in tree.accounts() {
        let status = client.token_status().await;
        if let Some(problem) = status.problem {
            reasons.push(format!("account {}: {problem}", client.account()));
        } else if !status.signed_in {
            reasons.push(format!("account {}: not signed in", client.account()));
        }
        if let Some(problem) = client.problem() {
            reasons.push(format!("account {}: {problem}", client.account()));
        }
    }
    let status = if reasons.is_empty() { "ok" } else { "degraded" };
    let text = serde_json::json!({ "status": status, "reasons": reasons }).to_string();
    let mut response = Response::new(if method == Method::HEAD { body::empty() } else { body::full(text) });
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
