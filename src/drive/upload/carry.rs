//! Content that lies elsewhere is read into an upload, from where that has come.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;

use crate::backoff::Backoff;
use crate::drive::change::terms::Placed;
use crate::drive::error::Error;
use crate::drive::upload::Upload;
use crate::drive::upload::source::ContentSource;

/// Streams of a source in a row that may break without a byte gained.
const MOST_BARREN: u32 = 5;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Told of bytes that have gone out, as they go.
pub type OnSent<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// Reads the rest of the source into the upload, and commits it.
pub(super) async fn send(mut upload: Upload, source: &dyn ContentSource, sent: OnSent<'_>) -> Result<Placed, Error> {
    carry(&mut upload, source, sent).await?;
    upload.finish().await
}

/// Reads the source into the upload. A stream that breaks is taken up where it was, if a hash tells that what comes then
/// is of the same content.
async fn carry(upload: &mut Upload, source: &dyn ContentSource, sent: OnSent<'_>) -> Result<(), Error> {
    let size = upload.body.plan.size();
    let may_go_on = upload.body.announced().is_some();
    let pauses = Backoff::new(Duration::from_millis(200), LONGEST_PAUSE);
    let mut barren = 0;
    loop {
        let before = upload.body.received();
        let ended = pour(upload, source, sent).await;
        let received = upload.body.received();
        let error = match ended {
            Ok(()) if size.is_none_or(|size| received >= size) => return Ok(()),
            Ok(()) => Error::Length { expected: size.unwrap_or_default(), received },
            Err(error) => error,
        };
        barren = if received > before { 1 } else { barren + 1 };
        let broke = matches!(error, Error::Source { broken: true, .. } | Error::Length { .. });
        if !broke || !may_go_on || barren > MOST_BARREN || size.is_some_and(|size| received > size) {
            return Err(error);
        }
        tracing::info!(%error, at = received, "a source broke off; going on from there");
        tokio::time::sleep(pauses.after(barren)).await;
    }
}

/// Reads one stream of the source, from where the upload is.
async fn pour(upload: &mut Upload, source: &dyn ContentSource, sent: OnSent<'_>) -> Result<(), Error> {
    let size = upload.body.plan.size();
    let from = upload.body.received();
    if size == Some(from) {
        return Ok(());
    }
    let mut stream = source.open(from).await?;
    while let Some(bytes) = stream.next().await {
        let bytes: Bytes = bytes?;
        let length = bytes.len() as u64;
        upload.write(bytes).await?;
        sent(length);
    }
    Ok(())
}
