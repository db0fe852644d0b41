//! Copies and moves from drive to drive, which no request waits for: begun by `POST copy` and `move`, told by
//! `GET jobs`, ended by `DELETE jobs/ID`.
//!
//! A caller sees those whose both ends lie in his part of the tree, whoever began them and by whichever protocol.

use futures_util::future::join_all;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::drive::{self, Freshness, JobFailure, JobItems, JobState, JobStatus, NewJob, Path};
use crate::protocol::failure::verdict;
use crate::protocol::{Body, body, reply};
use crate::web::api::placing::{AT_ONCE, Change, Conflict, Transfer, item, place, told_of, writes};
use crate::web::caller::Caller;
use crate::web::error::{Code, Refusal};
use crate::web::site::Site;
use crate::web::webdav::WebDav;

/// Jobs that run at a time; each holds listings of what it copies.
const MOST_RUNNING: usize = 32;

/// Divides the paths of a call into those that go to another drive, and the others.
pub(super) fn divided<D>(at: &Change<'_, D>, transfer: &Transfer, paths: Vec<String>) -> (Vec<String>, Vec<String>) {
    let base = &at.caller.base_path;
    let to = transfer.to.under(base);
    let far = |text: &String| item(text).is_ok_and(|path| !at.site.tree.is_one_drive(&path.under(base), &to));
    paths.into_iter().partition(far)
}

/// Begins a job of all paths that nothing speaks against yet; tells of the others, and its id if there is one.
///
/// # Errors
/// Too many run.
pub(super) async fn begin<D: WebDav>(
    at: &Change<'_, D>,
    transfer: Transfer,
    paths: Vec<String>,
) -> Result<(Vec<Value>, Option<u64>), Refusal> {
    let running = at.site.tree.jobs().iter().filter(|job| job.state == JobState::Running).count();
    if running >= MOST_RUNNING {
        return Err(Refusal::new(Code::Busy, "too many copies between drives are under way; wait until one has ended"));
    }
    let (mut refused, mut items) = (Vec::new(), Vec::new());
    for text in paths {
        match looked_at(at, &transfer, &text).await {
            Ok(path) => items.push(path),
            Err(refusal) => refused.push(told_of(&text, &Err(refusal))),
        }
    }
    let Some(first) = items.first() else { return Ok((refused, None)) };
    let base = &at.caller.base_path;
    let what = NewJob {
        moves: transfer.method == "MOVE",
        from: first.under(base),
        to: transfer.to.join(first.name()).under(base),
        above: above(&items).under(base),
        items: items.len(),
    };
    let (site, parts, caller, dav) = (at.site.clone(), at.parts.clone(), at.caller.clone(), at.dav.clone());
    let job = at.site.tree.begin_job(what, |job| async move {
        let at = Change { site: &site, parts: &parts, caller: &caller, dav: &dav };
        work(&at, &job, &transfer, &items).await;
    });
    Ok((refused, Some(job)))
}

/// What can be said at once, so that the page can ask what is to happen.
async fn looked_at<D>(at: &Change<'_, D>, transfer: &Transfer, text: &str) -> Result<Path, Refusal> {
    let path = item(text)?;
    let look = |path: Path| async move { at.site.tree.stat(&path, Freshness::Cached).await };
    let base = &at.caller.base_path;
    if let Err(error @ drive::Error::NotFound) = look(path.under(base)).await {
        return Err(error.into());
    }
    let taken = look(transfer.to.join(path.name()).under(base)).await.is_ok();
    if taken && transfer.conflict == Conflict::Refuse {
        return Err(drive::Error::NameExists.into());
    }
    Ok(path)
}

/// What holds all of them: the item itself where it is one.
fn above(items: &[Path]) -> Path {
    let mut above = items.first().cloned().unwrap_or_else(Path::root);
    while !items.iter().all(|item| item.strip_base(&above).is_some()) {
        above = above.parent().unwrap_or_else(Path::root);
    }
    above
}

async fn work<D: WebDav>(at: &Change<'_, D>, job: &JobItems, transfer: &Transfer, paths: &[Path]) {
    for some in paths.chunks(AT_ONCE).take_while(|_| !job.is_cancelled()) {
        let done = some.iter().map(|path| async move {
            let placed = place(at, transfer, path).await;
            let failure = placed.err().map(|refusal| refusal.words().to_owned());
            job.over(&path.under(&at.caller.base_path), failure);
        });
        join_all(done).await;
    }
}

/// `GET jobs`: those that run and the last that have ended. Makes no call.
pub(super) fn list(site: &Site, caller: &Caller) -> Response<Body> {
    let told: Vec<Value> = site.tree.jobs().iter().filter_map(|job| told(job, &caller.base_path)).collect();
    reply::json(StatusCode::OK, &json!({ "jobs": told }))
}

/// `DELETE jobs/ID`: ends it after the files that are on their way; one that has ended stays as it is.
///
/// # Errors
/// The caller may only read, or sees no such job.
pub(super) fn cancel(site: &Site, caller: &Caller, id: &str) -> Result<Response<Body>, Refusal> {
    writes(caller)?;
    let jobs = site.tree.jobs();
    let seen = |job: &&JobStatus| job.id.to_string() == id && told(job, &caller.base_path).is_some();
    let job = jobs.iter().find(seen).ok_or_else(|| Refusal::new(Code::NotFound, "there is no such job (any more)"))?;
    site.tree.cancel_job(job.id);
    let mut response = Response::new(body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// What is told of a job to somebody who sees both its ends.
fn told(job: &JobStatus, base: &Path) -> Option<Value> {
    job.above.strip_base(base)?;
    let (from, to) = (job.from.strip_base(base)?, job.to.strip_base(base)?);
    let failures = job.failures.iter().filter_map(|(path, why)| {
        let path = path.strip_base(base)?;
        let words = match why {
            JobFailure::Tree(error) => verdict(error).text,
            JobFailure::Told(words) => words.as_str().into(),
        };
        Some(json!({ "path": path.as_str(), "words": words }))
    });
    Some(json!({
        "id": job.id,
        "kind": if job.moves { "move" } else { "copy" },
        "from": from.as_str(),
        "to": to.as_str(),
        "state": match job.state {
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
        },
        "began_at": job.since.0,
        "ended_at": job.ended.map(|at| at.0),
        "items": { "done": job.items_over, "total": job.items },
        "files": { "done": job.files_done, "total": job.files, "rapid": job.files_rapid },
        "bytes": { "done": job.bytes_done, "total": job.bytes, "sent": job.bytes_sent },
        "failed": job.failed,
        "failures": failures.collect::<Vec<_>>(),
    }))
}
