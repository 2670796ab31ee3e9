//! Indexes of seats.

/// Index of a seat in its layout, counted from 0 in display order. It is also the seat's slot in the cache. It is
/// valid only for one version of the layout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatIndex(u32);

impl SeatIndex {
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    pub const fn as_u32(self) -> u32 {
        self.0
    }

    pub const fn as_usize(self) -> usize {
        self.0 as usize
    }

    /// Returns the indexes of a layout's seats in order. The iterator doesn't end, because it is zipped with the seats.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self)
    }
}
