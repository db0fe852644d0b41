//! How large the parts of an upload are.
//!
//! A part of an upload whose size is known is no larger than the drive's most parts ask for; parts of one that is not
//! known grow.

/// Most parts of an upload (reference 3.10).
const MAX_PARTS: u64 = 10_000;

/// Smallest part but the last (reference 3.12).
const MIN_PART: u64 = 100 << 10;

/// Parts of one size before they grow, where nobody knows how many there will be.
const GROWS_AFTER: u32 = 2500;

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
    pub(super) fn new(base: u64, size: Option<u64>, largest: u64) -> Option<Self> {
        let base = base.min(largest);
        let too_many = size.filter(|size| *size > base.saturating_mul(MAX_PARTS));
        let least = too_many.map_or(base, |size| size.div_ceil(MAX_PARTS).next_multiple_of(MIB).min(largest));
        let enough = size.is_none_or(|size| size <= least.saturating_mul(MAX_PARTS));
        enough.then_some(Self { base: least, size, most: largest })
    }

    /// One part with all bytes.
    pub(super) fn whole(size: u64) -> Self {
        Self { base: size.max(1), size: Some(size), most: size.max(1) }
    }

    /// Bytes of the whole, where they are known.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
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

    /// Whether what is left after so many parts with so many bytes can follow them.
    pub(super) fn can_go_on(&self, parts: u32, bytes: u64) -> bool {
        let Some(left) = self.size.and_then(|size| size.checked_sub(bytes)) else { return false };
        u64::from(parts) + left.div_ceil(self.base) <= MAX_PARTS
    }

    /// Bytes of the part with this number, from 1; the last may be shorter. Without a known size parts
    /// grow, so that the end of their numbers lies beyond what the drive takes.
    pub(super) fn size_of(&self, number: u32) -> u64 {
        if self.size.is_some() {
            return self.base;
        }
        (self.base << (2 * (number.saturating_sub(1) / GROWS_AFTER).min(4))).min(self.most)
    }

    /// How many parts there will be, or one where that is not known.
    pub(super) fn count(&self) -> u32 {
        let count = self.size.map_or(1, |size| size.div_ceil(self.base).max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }
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
        assert!(plan.can_go_on(3, 60 * MIB) && plan.can_go_on(10_000, size) && !plan.can_go_on(3, size + 1));
        assert!(!plan.can_go_on(9_000, 9_000 * MIB));
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
