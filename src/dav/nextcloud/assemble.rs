//! MOVE of `.file`: the chunks are put together at the `Destination`, by a PUT of the whole.
//!
//! So conditions, locks, permissions, checksums and times hold as for any PUT, and the old content stays until the new
//! is complete. It goes on in a task of its own: a proxy gives up on a request long before a large file is sent, so the
//! client is asked to come again (423, as Nextcloud does), and then told what became of it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;

use crate::calls;
use crate::dav::change::change;
use crate::dav::context::Context;
use crate::dav::error::Failure;
use crate::dav::request::headers::ChangeHeaders;
use crate::dav::site::Site;
use crate::dav::store::unfinished::{Answer, Collection, Outcome, Start};
use crate::drive::{self, Chunks, Path, WholeBody};
use crate::protocol::{Body, body, href};

/// What of a MOVE says nothing of the file that comes of it.
const OF_MOVE: [&str; 10] = [
    "destination",
    "overwrite",
    "depth",
    "content-length",
    "transfer-encoding",
    "content-encoding",
    "content-range",
    "content-type",
    "expect",
    "oc-total-length",
];

/// Puts the chunks together, or tells what has become of that.
pub(super) async fn assemble(
    site: &Site,
    context: &Context,
    parts: &Parts,
    collection: &Arc<Collection>,
) -> Result<Response<Body>, Failure> {
    let headers = ChangeHeaders::read(site, context, parts)?;
    let Some(to) = headers.destination else {
        return Err(Failure::new(StatusCode::BAD_REQUEST, "MOVE needs a Destination"));
    };
    let start = collection.assemble(&to, |chunks, whole, ended| {
        let put = put(site, parts, &to, headers.overwrite, whole.size());
        let work = carry_out(site.clone(), context.clone(), put, to.clone(), chunks, whole);
        calls::spawn(async move { ended.tell(work.await) })
    })?;
    let mut outcome = match start {
        Start::Known(outcome) => return outcome.map(respond),
        Start::Running(outcome) => outcome,
    };
    let ended = tokio::time::timeout(site.assembly_answer, outcome.wait_for(Option::is_some)).await;
    let outcome = match ended {
        Ok(Ok(outcome)) => outcome.clone(),
        Ok(Err(_)) => return Err(Failure::new(StatusCode::NOT_FOUND, "the upload was ended")),
        Err(_) => {
            let text = "the file is still being put together on the drive; ask again";
            return Err(Failure { retry_after: Some(AGAIN), ..Failure::new(StatusCode::LOCKED, text) });
        }
    };
    collection.is_told();
    outcome.map_or_else(|| Err(Failure::busy("ask again", None)), |outcome| outcome.map(respond))
}

/// When to come again.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(5);

/// The PUT that a MOVE comes to.
fn put(site: &Site, parts: &Parts, to: &Path, overwrite: bool, size: u64) -> Parts {
    let request = Request::put(href::encode(&site.prefix, to, false)).body(());
    let mut put = request.unwrap_or_else(|_| unreachable!("an encoded path is a URL")).into_parts().0;
    put.method = Method::PUT;
    put.headers = parts.headers.clone();
    for name in OF_MOVE {
        put.headers.remove(name);
    }
    put.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    if !overwrite {
        put.headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
    }
    put
}

async fn carry_out(site: Site, context: Context, put: Parts, to: Path, chunks: Chunks, whole: WholeBody) -> Outcome {
    let body = StreamBody::new(whole.read().map_ok(Frame::<Bytes>::data));
    match change(&site, &context, &put, body, &to).await {
        Ok(response) => Ok(Answer { status: response.status(), headers: response.headers().clone() }),
        // That the body broke off is our own affair then.
        Err(_) if chunks.is_damaged() => Err(drive::Error::Spool("chunks cannot be read back".to_owned()).into()),
        Err(failure) => Err(failure),
    }
}

fn respond(answer: Answer) -> Response<Body> {
    let mut response = Response::new(body::empty());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
