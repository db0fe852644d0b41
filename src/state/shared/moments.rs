//! Moments that are one instance's and nobody else's, for calls of which no other can be told.

use std::time::Duration;

/// How much of the moments of one kind counts as no time: they are told in fractions of two.
const NOTHING: f64 = 1e-3;

/// Which share of what all divide is an instance's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::state) struct Share {
    /// Its place among them, from nought.
    pub(super) rank: usize,
    /// How many they are.
    pub(super) of: usize,
}

impl Share {
    /// Its moments, where any two of all are `spacing` apart; none where it has nobody beside it.
    #[expect(clippy::cast_precision_loss, reason = "a few instances")]
    pub(super) fn grid(self, spacing: Duration) -> Option<Grid> {
        let spacing = spacing.as_secs_f64();
        (self.of > 1).then_some(Grid { every: spacing * self.of as f64, first: spacing * self.rank as f64 })
    }
}

/// Moments in seconds since 1970 that are equally far apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::state) struct Grid {
    pub(super) every: f64,
    pub(super) first: f64,
}

impl Grid {
    /// The first of them after another moment.
    pub(super) fn next(self, after: f64) -> f64 {
        self.first + self.every * ((after - self.first) / self.every + NOTHING).ceil()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_instances_are_never_the_same_and_a_spacing_apart() {
        let spacing = Duration::from_millis(300);
        assert_eq!(Share { rank: 0, of: 1 }.grid(spacing), None);
        let mut moments: Vec<f64> = Vec::new();
        for rank in 0..3 {
            let grid = Share { rank, of: 3 }.grid(spacing).unwrap();
            let mut at = 1_795_732_642.2;
            for _ in 0..20 {
                let next = grid.next(at);
                assert!(next > at && next <= at + 0.9 + 1e-3, "{next} after {at}");
                at = next;
                moments.push(at);
            }
        }
        moments.sort_by(f64::total_cmp);
        assert!(moments.windows(2).all(|pair| pair[1] - pair[0] > 0.299), "{moments:?}");
    }
}
