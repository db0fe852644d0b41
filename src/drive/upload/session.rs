//! The parts of an upload session: how large they are, and how one gets to the drive.
//!
//! Parts go one at a time and in order (reference 3.12). A part is sent from its buffer until the drive
//! has it: an answer that was lost shows as "already stored" the next time.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::drive::error::Error;
use crate::meters;
use crate::upstream::{Client, DataErrorKind, PartUrl, UploadSession};

/// Most parts of an upload (reference 3.10).
pub(super) const MAX_PARTS: u64 = 10_000;

/// Smallest part but the last (reference 3.12).
const MIN_PART: u64 = 100 << 10;

/// Parts of one size before they grow, where nobody knows how many there will be.
const GROWS_AFTER: u32 = 2500;

/// Part URLs asked for at a time when the number of parts is not known.
const URL_BATCH: u32 = 20;

/// Tries of one part, those with an address that the host refused not counted.
const MAX_TRIES: u32 = 6;
/// Addresses for one part, where the host refuses them.
const MAX_ADDRESSES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

const MIB: u64 = 1 << 20;

/// Sizes of the parts of one upload.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartPlan {
    base: u64,
    size: Option<u64>,
    /// Most bytes of a part that is larger than `base`.
    most: u64,
}

impl PartPlan {
    /// Parts of `base` bytes, larger where a known size would need too many; none larger than `largest`. Absent if a
    /// file of that size would need larger ones.
    pub(in crate::drive) fn new(base: u64, size: Option<u64>, largest: u64) -> Option<Self> {
        let base = base.min(largest);
        let too_many = size.filter(|size| *size > base.saturating_mul(MAX_PARTS));
        let least = too_many.map_or(base, |size| size.div_ceil(MAX_PARTS).next_multiple_of(MIB).min(largest));
        let enough = size.is_none_or(|size| size <= least.saturating_mul(MAX_PARTS));
        enough.then_some(Self { base: least, size, most: largest })
    }

    /// One part with all bytes.
    pub(in crate::drive) fn whole(size: u64) -> Self {
        Self { base: size.max(1), size: Some(size), most: size.max(1) }
    }

    /// Whether the part with this number may be sent with only so many bytes after `come` in all: it must not be too
    /// small, and the parts that are left must hold the rest.
    pub(super) fn may_cut(&self, number: u32, bytes: u64, come: u64) -> bool {
        let enough = bytes >= MIN_PART.max(self.size_of(number) / 16);
        enough
            && match self.size {
                Some(size) => size - come <= MAX_PARTS.saturating_sub(number.into()).saturating_mul(self.base),
                None => number < GROWS_AFTER,
            }
    }

    /// Bytes of the part with this number, from 1; the last may be shorter. Without a known size parts
    /// grow, so that the end of their numbers lies beyond what the drive takes.
    pub(in crate::drive) fn size_of(&self, number: u32) -> u64 {
        if self.size.is_some() {
            return self.base;
        }
        (self.base << (2 * (number.saturating_sub(1) / GROWS_AFTER).min(4))).min(self.most)
    }

    /// How many parts to announce.
    pub(in crate::drive) fn count(&self) -> u32 {
        let count = self.size.map_or(1, |size| size.div_ceil(self.base).max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// An open session and its part URLs.
pub(in crate::drive) struct Session {
    client: Client,
    drive_id: String,
    pub(in crate::drive) file_id: String,
    pub(super) upload_id: String,
    /// With the moment until which each is used.
    urls: BTreeMap<u32, (PartUrl, Instant)>,
    /// Number of parts, where it is known.
    count: Option<u32>,
    /// Parts go to the host inside Alibaba's Beijing network.
    internal: bool,
}

impl Session {
    pub(in crate::drive) fn new(
        client: Client,
        drive_id: String,
        session: UploadSession,
        count: Option<u32>,
        internal: bool,
    ) -> Self {
        let urls = dated(session.parts);
        Self { client, drive_id, file_id: session.file_id, upload_id: session.upload_id, urls, count, internal }
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
    pub(in crate::drive) async fn send(&mut self, number: u32, chunks: &[Bytes]) -> Result<(), Error> {
        let (mut tries, mut addresses) = (0, 0);
        loop {
            let part = self.url(number).await?;
            let url = if self.internal { part.url.internal() } else { part.url };
            let sent = self.client.data_host().put(&url, part.content_type.as_deref(), chunks.to_vec()).await;
            let Err(error) = sent else { return Ok(()) };
            tracing::info!(part = number, %error, "a part was not taken");
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
                    tokio::time::sleep(FIRST_PAUSE * 2u32.pow(tries - 1)).await;
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

/// Addresses by number, each used for five sixths of its life: 50 minutes of an hour.
fn dated(parts: Vec<PartUrl>) -> BTreeMap<u32, (PartUrl, Instant)> {
    let dated = |part: PartUrl| {
        let used = part.life.left().saturating_sub(part.life.whole() / 6);
        (part.part_number, (part, Instant::now() + used))
    };
    parts.into_iter().map(dated).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gibibyte_has_52_parts_and_no_file_more_than_10000() {
        let plan = |size| PartPlan::new(20 * MIB, Some(size), 128 * MIB).unwrap();
        assert_eq!((plan(1 << 30).count(), plan(0).count()), (52, 1));
        assert!(PartPlan::new(20 * MIB, Some((1 << 41) + 1), 128 * MIB).is_none());
        for size in [1u64 << 38, 1 << 40, 1_300_000 * MIB / 1024 * 1000] {
            let plan = plan(size);
            assert!(u64::from(plan.count()) <= MAX_PARTS && plan.size_of(1) * u64::from(plan.count()) >= size);
        }
    }

    #[test]
    fn parts_that_go_early_leave_numbers_enough_for_the_rest() {
        let size = 150_000 * MIB;
        let plan = PartPlan::new(20 * MIB, Some(size), 96 * MIB).unwrap();
        let (mut number, mut come) = (1, 0);
        while come < size {
            let bytes = if plan.may_cut(number, 2 * MIB, come + 2 * MIB) { 2 * MIB } else { 20 * MIB };
            come += bytes.min(size - come);
            number += 1;
        }
        assert!(u64::from(number - 1) <= MAX_PARTS, "{number}");
        assert!(!plan.may_cut(1, 1000, 1000) && plan.may_cut(1, 2 * MIB, 2 * MIB));
    }

    #[test]
    fn parts_of_unknown_length_hold_any_file_that_the_drive_takes_within_the_memory() {
        for (part, memory, least) in [(20, 128, 800), (5, 10, 80), (5, 5, 45)] {
            let plan = PartPlan::new(part * MIB, None, memory * MIB).unwrap();
            let sizes: Vec<u64> = (1..=10_000).map(|number| plan.size_of(number)).collect();
            assert!(sizes.iter().all(|size| *size <= memory * MIB));
            assert!(sizes.iter().sum::<u64>() > least << 30);
        }
    }
}
