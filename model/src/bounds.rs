//! How much of everything may happen in a run of the model, and what may be left out of the protocol.

use crate::key::Limits;

/// The bounds of a model: all orders of all that they allow are tried.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Seats of the theater.
    pub seats: u8,
    /// One write each: by how many ticks the writer's clock is behind DynamoDB's. Ignored without ticks.
    pub writers: Vec<u8>,
    /// One fill or renewal each.
    pub fillers: usize,
    /// Ticks that may go by. With none stamps are versions: there are no clocks.
    pub ticks: u8,
    /// How often a key may be evicted, or a lease end, together.
    pub upsets: u8,
    /// How many begins may be held up on the way, or have their answer lost, together.
    pub delays: u8,
    /// Whether a writer's merge may come to nothing: it died, or Redis gave no answer.
    pub losses: bool,
    /// Whether the stream is merged, too, and how often it may begin again from an earlier record.
    pub repair: Option<u8>,
    /// Whether writers may give seats back, too. Ignored without ticks, where a writer asks for anything at all.
    pub give_back: bool,
    /// How many items may be deleted by hand.
    pub deletions: u8,
    /// Whether Redis may come back with a key that it had earlier.
    pub rollback: bool,
    /// What is left out of the protocol.
    pub without: Option<Rule>,
    /// What two clocks are taken to differ by, in milliseconds.
    pub skew: u64,
}

/// A rule that can be left out, to see that the checker finds what it is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A write merges by its stamp. Without: it deletes the key, and a fill sets it.
    Stamps,
    /// A fill ends only if its token is still there. Without: it always does.
    Token,
    /// The attempts of a filler to begin are told apart by number. Without: they all have the same token.
    Numbers,
    /// A fill keeps what was merged in its round. Without: it replaces everything.
    KeepMerged,
    /// A fill replaces what was not merged in its round. Without: the larger stamp wins there too.
    ReplaceKnown,
}

impl Default for Bounds {
    /// A writer and a filler that nothing happens to.
    fn default() -> Self {
        Self {
            seats: 1,
            writers: vec![0],
            fillers: 1,
            ticks: 0,
            upsets: 0,
            delays: 0,
            losses: false,
            repair: None,
            give_back: true,
            deletions: 0,
            rollback: false,
            without: None,
            skew: 10_000,
        }
    }
}

impl Bounds {
    /// The times of the protocol, where leases end and keys vanish as steps of their own: at [`NOW`], for ever.
    pub(crate) fn limits(&self) -> Limits {
        Limits { lease: 1, longest: 2, keep: 0, renewal: u64::MAX / 2, life: 100, skew: self.skew }
    }
}

/// Redis's clock stands still.
pub(crate) const NOW: u64 = 1;
