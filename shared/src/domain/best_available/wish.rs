//! The request of a party, and the answer if no seats fit.

/// The seats that a party asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Number of seats next to each other, at least 1.
    pub quantity: usize,
    /// Required section, as an index into the seating plan's sections.
    pub section: Option<u16>,
    /// Required category, as an index into the seating plan's categories.
    pub category: Option<u16>,
    /// Number of accessible seats that the party needs, at most `quantity`. 0 for an ordinary party.
    pub accessible: usize,
    /// `true` if an ordinary party gets neither accessible seats nor their companion seats.
    pub is_protected: bool,
}

impl Wish {
    /// Returns `true` if some members of the party need accessible seats, and others don't.
    pub(super) fn is_mixed(&self) -> bool {
        self.accessible > 0 && self.accessible < self.quantity
    }
}

/// The choice of one of several good blocks, for callers who choose at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// Number of blocks to choose from, in addition to the best one.
    pub spread: usize,
    /// Number that decides which block is chosen.
    pub seed: u64,
}

/// Reason why no seats were chosen: no block is large enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Number of available seats that match the preference.
    pub available: usize,
    /// Size of the largest block of such seats.
    pub largest_block: usize,
}
