//! The parts of an upload session: how large they are, and how one gets to the drive.
//!
//! Parts go one at a time and in order (reference 3.12). A part is sent from its buffer until the drive
//! has it: an answer that was lost shows as "already stored" the next time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::Error;
use crate::upstream::{Client, DataErrorKind, PartUrl, UploadSession};

/// Most parts of an upload (reference 3.10).
pub(super) const MAX_PARTS: u64 = 10_000;

/// Part URLs live an hour; one this old is renewed first (reference 3.12).
const URL_AGE: Duration = Duration::from_secs(50 * 60);

/// Part URLs asked for at a time when the number of parts is not known.
const URL_BATCH: u32 = 20;

/// Tries of one part.
const MAX_TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

const MIB: u64 = 1 << 20;

/// Sizes of the parts of one upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartPlan {
    base: u64,
    size: Option<u64>,
}

impl PartPlan {
    /// Parts of `base` bytes, larger where a known size would need too many.
    pub(super) fn new(base: u64, size: Option<u64>) -> Self {
        let too_many = size.filter(|size| *size > base * MAX_PARTS);
        let least = too_many.map_or(base, |size| size.div_ceil(MAX_PARTS).next_multiple_of(MIB));
        Self { base: least, size }
    }

    /// Bytes of the part with this number, from 1; the last may be shorter. Without a known size parts
    /// grow, so that there is no end to be reached.
    pub(super) fn size_of(&self, number: u32) -> u64 {
        if self.size.is_some() { self.base } else { self.base << (2 * (number.saturating_sub(1) / 2500).min(4)) }
    }

    /// How many parts to announce.
    pub(super) fn count(&self) -> u32 {
        let count = self.size.map_or(1, |size| size.div_ceil(self.base).max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// An open session and its part URLs.
pub(super) struct Session {
    client: Client,
    drive_id: String,
    pub(super) file_id: String,
    pub(super) upload_id: String,
    urls: BTreeMap<u32, (PartUrl, Instant)>,
    /// Number of parts, where it is known.
    count: Option<u32>,
    /// Parts go to the host inside Alibaba's Beijing network.
    internal: bool,
}

impl Session {
    pub(super) fn new(
        client: Client,
        drive_id: String,
        session: UploadSession,
        count: Option<u32>,
        internal: bool,
    ) -> Self {
        let now = Instant::now();
        let urls = session.parts.into_iter().map(|part| (part.part_number, (part, now))).collect();
        Self { client, drive_id, file_id: session.file_id, upload_id: session.upload_id, urls, count, internal }
    }

    async fn url(&mut self, number: u32) -> Result<PartUrl, Error> {
        if let Some((part, got)) = self.urls.get(&number)
            && got.elapsed() < URL_AGE
        {
            return Ok(part.clone());
        }
        let last = self.count.unwrap_or(u32::MAX).min(number.saturating_add(URL_BATCH - 1));
        let wanted: Vec<u32> = (number..=last).collect();
        let fresh = self.client.upload_urls(&self.drive_id, &self.file_id, &self.upload_id, &wanted).await?;
        let now = Instant::now();
        self.urls.extend(fresh.into_iter().map(|part| (part.part_number, (part, now))));
        let part = self.urls.get(&number).filter(|(_, got)| *got == now).map(|(part, _)| part.clone());
        part.ok_or_else(|| Error::Upload(format!("no address for part {number}")))
    }

    /// Sends one part until the drive has it.
    pub(super) async fn send(&mut self, number: u32, chunks: &[Bytes]) -> Result<(), Error> {
        for attempt in 0..MAX_TRIES {
            let part = self.url(number).await?;
            let url = if self.internal { part.url.internal() } else { part.url };
            let sent = self.client.data_host().put(&url, part.content_type.as_deref(), chunks.to_vec()).await;
            let Err(error) = sent else { return Ok(()) };
            tracing::info!(part = number, %error, "a part was not taken");
            match error.kind {
                DataErrorKind::PartAlreadyExists => return Ok(()),
                DataErrorKind::PartNotSequential => return self.catch_up(number).await,
                DataErrorKind::UploadGone => return Err(Error::Upload("the session is gone".to_owned())),
                DataErrorKind::NoSpace => return Err(Error::Data(error)),
                DataErrorKind::Expired | DataErrorKind::Refused => {
                    self.urls.clear();
                    if attempt > 1 {
                        return Err(Error::Data(error));
                    }
                }
                _ if attempt + 1 == MAX_TRIES => return Err(Error::Data(error)),
                _ => tokio::time::sleep(FIRST_PAUSE * 2u32.pow(attempt)).await,
            }
            metrics::counter!("alidav_part_retries_total").increment(1);
        }
        Err(Error::Upload(format!("part {number} was not taken")))
    }

    /// The drive counts otherwise: its own list of parts decides (reference 3.12).
    async fn catch_up(&self, number: u32) -> Result<(), Error> {
        let stored = self.client.uploaded_parts(&self.drive_id, &self.file_id, &self.upload_id).await?;
        if stored.iter().any(|part| part.part_number == number) {
            return Ok(());
        }
        Err(Error::Upload(format!("the drive has {} parts and refuses part {number}", stored.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gibibyte_has_52_parts_and_no_file_more_than_10000() {
        assert_eq!(PartPlan::new(20 * MIB, Some(1 << 30)).count(), 52);
        assert_eq!(PartPlan::new(20 * MIB, Some(0)).count(), 1);
        for size in [1u64 << 38, 1 << 40, (1 << 41) + 1] {
            let plan = PartPlan::new(20 * MIB, Some(size));
            assert!(u64::from(plan.count()) <= MAX_PARTS && plan.size_of(1) * u64::from(plan.count()) >= size);
        }
    }

    #[test]
    fn parts_of_unknown_length_hold_two_terabytes() {
        let plan = PartPlan::new(20 * MIB, None);
        let total: u64 = (1..=10_000).map(|number| plan.size_of(number)).sum();
        assert!(total > 2 << 40, "{total}");
    }
}
