//! An upload session: how a part gets to the drive.
//!
//! Parts go one at a time and in order (reference 3.12). A part is sent from its buffer until the drive
//! has it: an answer that was lost shows as "already stored" the next time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::drive::change::target::Target;
use crate::drive::error::Error;
use crate::meters;
use crate::state::UploadRow;
use crate::upstream::{Client, DataErrorKind, ErrorKind, PartUrl, UploadSession};

/// Part URLs asked for at a time when the number of parts is not known.
const URL_BATCH: u32 = 20;

/// Tries of one part, those with an address that the host refused not counted.
const MAX_TRIES: u32 = 6;
/// Addresses for one part, where the host refuses them.
const MAX_ADDRESSES: u32 = 3;
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// An open session and its part URLs.
pub(super) struct Session {
    client: Client,
    drive_id: String,
    pub(super) file_id: String,
    pub(super) upload_id: String,
    /// With the moment until which each is used.
    urls: BTreeMap<u32, (PartUrl, Instant)>,
    /// Number of parts, where it is known.
    count: Option<u32>,
    /// Parts go to the host inside Alibaba's Beijing network.
    internal: bool,
    /// Between the tries of a part.
    pauses: Backoff,
}

/// What of a body the drive has from an earlier try.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    pub(super) parts: u32,
    pub(super) bytes: u64,
}

impl Session {
    /// The session that the drive has opened for a place; `count` parts will be sent, where that is known.
    pub(super) fn new(target: &Target, session: UploadSession, count: Option<u32>) -> Self {
        Self {
            client: target.mount.account.client.clone(),
            drive_id: target.drive_id.clone(),
            file_id: session.file_id,
            upload_id: session.upload_id,
            urls: dated(session.parts),
            count,
            internal: target.mount.settings.internal_upload,
            pauses: Backoff::new(target.mount.account.timeouts.first_part_retry, LONGEST_PAUSE),
        }
    }

    /// One that an earlier try has left, with no address of a part.
    pub(super) fn resumed(target: &Target, row: &UploadRow) -> Self {
        let session = UploadSession {
            file_id: row.file_id.clone(),
            upload_id: row.upload_id.clone(),
            name: None,
            parts: Vec::new(),
        };
        Self::new(target, session, None)
    }

    /// What the drive has of it: its first parts, one after another (reference 3.14). A part whose size is not told has
    /// the one that parts were to have.
    ///
    /// # Errors
    /// The call's; parts that are missing between others.
    pub(super) async fn stored(&self, part_size: u64) -> Result<Stored, Error> {
        let mut parts = self.client.uploaded_parts(&self.drive_id, &self.file_id, &self.upload_id).await?;
        parts.sort_unstable_by_key(|part| part.part_number);
        parts.dedup_by_key(|part| part.part_number);
        if parts.iter().zip(1..).any(|(part, number)| part.part_number != number) {
            return Err(Error::Upload("the drive has parts with gaps between them".to_owned()));
        }
        let bytes = parts.iter().map(|part| if part.size == 0 { part_size } else { part.size });
        Ok(Stored { bytes: bytes.fold(0, u64::saturating_add), parts: u32::try_from(parts.len()).unwrap_or(u32::MAX) })
    }

    /// Whether its file is no upload any more: it was committed, whatever became of the answer.
    pub(super) async fn is_over(&self) -> Result<bool, Error> {
        match self.client.get(&self.drive_id, &self.file_id).await {
            Ok(item) => Ok(!item.uploading),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn url(&mut self, number: u32) -> Result<PartUrl, Error> {
        if let Some((part, until)) = self.urls.get(&number)
            && Instant::now() < *until
        {
            return Ok(part.clone());
        }
        // Parts that went early make more of them than were announced; any number can be asked for (reference 3.13).
        let announced = self.count.filter(|count| number <= *count);
        let last = announced.unwrap_or(u32::MAX).min(number.saturating_add(URL_BATCH - 1));
        let wanted: Vec<u32> = (number..=last).collect();
        self.urls = dated(self.client.upload_urls(&self.drive_id, &self.file_id, &self.upload_id, &wanted).await?);
        let part = self.urls.get(&number).map(|(part, _)| part.clone());
        part.ok_or_else(|| Error::Upload(format!("no address for part {number}")))
    }

    /// Sends one part until the drive has it.
    pub(super) async fn send(&mut self, number: u32, chunks: &[Bytes]) -> Result<(), Error> {
        let (mut tries, mut addresses) = (0, 0);
        let wait = self.client.waits().begin("the drive to take a part");
        loop {
            let part = self.url(number).await?;
            let url = if self.internal { part.url.internal() } else { part.url };
            let sent = self.client.data_host().put(&url, part.content_type.as_deref(), chunks.to_vec()).await;
            let Err(error) = sent else { return Ok(()) };
            tracing::info!(part = number, %error, "a part was not taken");
            wait.is_for(format!("the drive to take a part: {error}"));
            match error.kind {
                DataErrorKind::PartAlreadyExists => return Ok(()),
                DataErrorKind::PartNotSequential if self.has(number).await? => return Ok(()),
                DataErrorKind::UploadGone => return Err(Error::Upload("the session is gone".to_owned())),
                DataErrorKind::NoSpace => return Err(Error::Data(error)),
                DataErrorKind::Expired | DataErrorKind::Refused => {
                    self.urls.clear();
                    addresses += 1;
                    if addresses == MAX_ADDRESSES {
                        return Err(Error::Data(error));
                    }
                }
                _ => {
                    tries += 1;
                    if tries == MAX_TRIES {
                        return Err(Error::Data(error));
                    }
                    tokio::time::sleep(self.pauses.after(tries)).await;
                }
            }
            metrics::counter!(meters::PART_RETRIES).increment(1);
        }
    }

    /// The drive counts otherwise: its own list decides whether it has the part, or waits for it (reference 3.12).
    async fn has(&self, number: u32) -> Result<bool, Error> {
        let stored = self.client.uploaded_parts(&self.drive_id, &self.file_id, &self.upload_id).await?;
        let last = stored.iter().map(|part| part.part_number).max().unwrap_or(0);
        if last + 1 < number {
            return Err(Error::Upload(format!("the drive has lost parts: it has {last} and refuses part {number}")));
        }
        Ok(last >= number)
    }
}

/// The session after a part that was sent by a task.
pub(super) async fn joined(task: JoinHandle<Result<Session, Error>>) -> Result<Session, Error> {
    match task.await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(Error::Stopping),
    }
}

/// Addresses by number, each used for five sixths of its life: 50 minutes of an hour.
fn dated(parts: Vec<PartUrl>) -> BTreeMap<u32, (PartUrl, Instant)> {
    let dated = |part: PartUrl| {
        let used = part.life.left().saturating_sub(part.life.whole() / 6);
        (part.part_number, (part, Instant::now() + used))
    };
    parts.into_iter().map(dated).collect()
}
