//! `/healthz`: alive, and why it may not be well.

use http::{Method, Response, StatusCode};

use crate::clock::UnixSeconds;
use crate::drive::Tree;
use crate::meters;
use crate::protocol::{Body, body, reply};
use crate::state::{Living, Store};

/// Sets the gauges of the streams' and uploads' memory, of the instances that are known to live and of every account's
/// tokens to this moment's values.
pub(super) async fn set_gauges(tree: &Tree, store: &Store) {
    if let Some(living) = store.living() {
        metrics::gauge!(meters::INSTANCE_INFO, "name" => living.own_name().to_owned()).set(1.0);
        metrics::gauge!(meters::INSTANCES).set(count(living.instances.len()));
        metrics::gauge!(meters::INSTANCE_UNSEEN).set(living.ago.as_secs_f64());
    }
    metrics::gauge!(meters::DOWNLOAD_MEMORY).set(bytes(tree.download_memory()));
    metrics::gauge!(meters::UPLOAD_MEMORY).set(bytes(tree.upload_memory()));
    for removals in tree.pending_removals() {
        metrics::gauge!(meters::REMOVALS_PENDING, "account" => removals.account).set(count(removals.count));
    }
    let now = UnixSeconds::now();
    for client in tree.accounts() {
        let status = client.token_status().await;
        let account = client.account().to_owned();
        for (token, at) in [("access", status.access_expires_at), ("refresh", status.refresh_expires_at)] {
            // Nothing is known of a token that is not there or does not tell.
            let seconds = at.map_or(f64::NAN, |at| seconds(at.since(now)));
            let labels = [("account", account.clone()), ("token", token.to_owned())];
            metrics::gauge!(meters::TOKEN_EXPIRES, &labels).set(seconds);
        }
        let left = status.sign_in_by.map_or(f64::NAN, |by| seconds(by.since(now)));
        metrics::gauge!(meters::SIGN_IN_LEFT, "account" => account.clone()).set(left);
        let flag = |on: bool| if on { 1.0 } else { 0.0 };
        metrics::gauge!(meters::SIGN_IN_NEEDED, "account" => account.clone()).set(flag(status.sign_in_needed(now)));
        metrics::gauge!(meters::SIGN_IN_DUE, "account" => account).set(flag(status.sign_in_due(now)));
    }
}

#[expect(clippy::cast_precision_loss, reason = "ten thousand at most")]
fn count(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of some gigabytes at most")]
fn bytes(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "seconds of months")]
fn seconds(count: i64) -> f64 {
    count as f64
}

/// 200 as long as the server answers: a drive in trouble is no reason to restart it. The reasons are
/// in the body.
pub(super) async fn answer(tree: &Tree, store: &Store, method: &Method) -> Response<Body> {
    let mut reasons: Vec<String> = store.trouble().await.map(str::to_owned).into_iter().collect();
    let living = store.living();
    reasons.extend(living.as_ref().and_then(Living::complaint));
    for client in tree.accounts() {
        let status = client.token_status().await;
        if let Some(complaint) = status.complaint(client.account(), UnixSeconds::now()) {
            reasons.push(format!("account {}: {complaint}", client.account()));
        }
        if let Some(problem) = client.problem() {
            reasons.push(format!("account {}: {problem}", client.account()));
        }
    }
    let removals = tree.pending_removals();
    let pending: usize = removals.iter().map(|removals| removals.count).sum();
    for removals in removals {
        reasons.extend(removals.complaint.map(|complaint| format!("account {}: {complaint}", removals.account)));
    }
    let status = if reasons.is_empty() { "ok" } else { "degraded" };
    let mut told = serde_json::json!({ "status": status, "reasons": reasons, "removals_pending": pending });
    if let Some(living) = living {
        told["instance"] = living.own_name().into();
        told["instances"] = living.instances.len().into();
    }
    let mut response = reply::json(StatusCode::OK, &told);
    if method == Method::HEAD {
        *response.body_mut() = body::empty();
    }
    response
}
