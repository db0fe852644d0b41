//! Original films of any length, which are made as they are read: stretches of the clip, in a container.

use crate::sim::media::layout::Layout;
use crate::sim::media::mp4;
use crate::sim::media::stretch::{STRETCH_TICKS, Stretches, stretches};

/// A film's file.
#[derive(Debug)]
pub(in crate::sim) struct Original {
    seconds: u64,
    wanted: u64,
    layout: Layout,
}

impl Original {
    /// A film of about so many seconds and bytes; larger where its pictures do not fit.
    pub(in crate::sim) fn new(seconds: u64, wanted: u64) -> Self {
        let layout = Stretches::new(seconds, wanted).map_or_else(|| Layout::of(Vec::new()), mp4::film);
        Self { seconds, wanted, layout }
    }

    /// What [`Original::new`] was asked for.
    pub(in crate::sim) fn plan(&self) -> (u64, u64) {
        (self.seconds, self.wanted)
    }

    pub(in crate::sim) fn size(&self) -> u64 {
        self.layout.size()
    }

    /// Seconds that it lasts.
    pub(in crate::sim) fn duration_s(&self) -> f64 {
        f64::from(u32::try_from(stretches(self.seconds) * STRETCH_TICKS).unwrap_or(u32::MAX)) / 44_100.0
    }

    /// Bytes from `start` to `end`, which lie within.
    pub(in crate::sim) fn read(&self, start: u64, end: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.layout.read(start, end, &mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_is_as_long_and_as_large_as_asked_for_and_the_same_from_every_offset() {
        for (seconds, wanted) in [(1, 0), (60, 5 << 20), (7200, 1536 << 20), (7200, 60 << 30)] {
            let film = Original::new(seconds, wanted);
            assert!((film.duration_s() - f64::from(u32::try_from(seconds).unwrap())).abs() <= 0.5);
            let size = film.size();
            // The tables come on top.
            assert!(wanted == 0 || size.abs_diff(wanted) < wanted / 200 + (2 << 20), "{size} of {wanted}");
            for start in [0, 30, 700, 1 << 20, size / 2, size.saturating_sub(70_000)] {
                let start = start.min(size - 1);
                let end = size.min(start + 200_000);
                let whole = film.read(start, end);
                assert_eq!(whole.len() as u64, end - start);
                for (from, to) in [(0, 1), (1, 99), (whole.len() / 2, whole.len())] {
                    let (from, to) = (from.min(whole.len()), to.min(whole.len()));
                    assert_eq!(film.read(start + from as u64, start + to as u64), whole[from..to]);
                }
            }
        }
    }
}
