//! Sends a request of the API or of a token server once and reads its answer.

use crate::meters;
use crate::upstream::error::{Error, ErrorKind};
use crate::upstream::http::classify::Answer;
use crate::upstream::http::clients::describe;

/// Largest answer read: a page of 200 items with all fields is well below a megabyte.
const MAX_ANSWER: usize = 32 << 20;

/// What is known of the fate of a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Fate {
    /// It never left.
    Unsent,
    /// The service answered.
    Answered,
    /// It may have arrived.
    Unclear,
}

/// A request that counts as under way until this is dropped.
#[derive(Debug)]
pub(in crate::upstream) struct Running(());

impl Running {
    pub(in crate::upstream) fn begin() -> Self {
        metrics::gauge!(meters::UPSTREAM_RUNNING).increment(1.0);
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        metrics::gauge!(meters::UPSTREAM_RUNNING).decrement(1.0);
    }
}

/// Sends a request and reads its answer, whatever it is.
pub(in crate::upstream) async fn answer(
    call: &'static str,
    request: reqwest::RequestBuilder,
) -> Result<Answer, (Error, Fate)> {
    let _running = Running::begin();
    let failed = |error: reqwest::Error| {
        let fate = if error.is_connect() || error.is_builder() { Fate::Unsent } else { Fate::Unclear };
        let kind = if error.is_connect() {
            ErrorKind::Unreachable
        } else if error.is_timeout() {
            ErrorKind::Timeout
        } else {
            ErrorKind::Unavailable
        };
        (Error::new(call, kind).message(describe(error)), fate)
    };
    let mut response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err((Error::new(call, ErrorKind::Malformed).message("endless answer"), Fate::Answered));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}
