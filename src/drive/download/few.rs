//! A few bytes of a file, for the proof that its content is at hand: whoever gets them compares them himself.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::drive::download::small::SmallFiles;
use crate::drive::download::source::FileSource;
use crate::drive::entry::Resource;
use crate::drive::error::Error;
use crate::upstream::{DataBody, DataError};

/// Reads the range by the file's listed address, if it has one and that may be used, else by a link. Nobody waits.
pub(super) async fn few_bytes(
    small: &SmallFiles,
    source: &FileSource,
    file: &Resource,
    range: Range<u64>,
    may_use_address: bool,
) -> Result<Bytes, Error> {
    let account = &source.mount.account;
    if may_use_address && let Some(address) = small.address(&source.mount, file).await {
        let _permit = account.slots.acquire(false).await?;
        let opened = account.client.data_host().get_here(&address.url, range.clone()).await;
        if let Ok(body) = opened
            && let Ok(bytes) = all(body).await
        {
            return Ok(bytes);
        }
    }
    let (open, _) = source.open(range, None, false, None).await?;
    // The permit is held for as long as the body is open.
    let (body, _permit) = (open.body, open.permit);
    Ok(all(body).await?)
}

async fn all(mut body: DataBody) -> Result<Bytes, DataError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes.freeze())
}
