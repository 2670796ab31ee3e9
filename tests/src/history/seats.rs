//! Sets of the few seats of a history.

use std::fmt;

/// The labels of the seats in layout order. A history uses the first few of them.
pub const LABELS: [&str; 4] = ["A1", "A2", "A3", "A4"];

/// A set of seats. Bit 0 is the first label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seats(pub u8);

impl Seats {
    /// Creates a set of one seat from its index.
    pub fn one(position: usize) -> Self {
        Self(1 << position)
    }

    /// Parses labels. Returns `None` if a label is unknown or occurs twice.
    pub fn read<'a>(labels: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        labels.into_iter().try_fold(Self::default(), |seats, label| {
            let position = LABELS.iter().position(|known| *known == label)?;
            (!seats.has(position)).then(|| seats.with(position))
        })
    }

    /// Returns `true` if the set has this seat.
    pub fn has(self, position: usize) -> bool {
        self.0 & (1 << position) != 0
    }

    /// Returns the set with one more seat.
    pub fn with(self, position: usize) -> Self {
        Self(self.0 | 1 << position)
    }

    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Returns the indexes of the seats in order.
    pub fn positions(self) -> impl Iterator<Item = usize> {
        (0..LABELS.len()).filter(move |position| self.has(*position))
    }

    /// Returns the labels of the seats in order.
    pub fn labels(self) -> Vec<&'static str> {
        self.positions().map(|position| LABELS[position]).collect()
    }
}

impl fmt::Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { f.write_str("none") } else { f.write_str(&self.labels().join(",")) }
    }
}
