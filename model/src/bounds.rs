//! Bounds of a run of the model, and the rules of the protocol that can be left out.

use crate::key::ProtocolTimes;

/// Bounds of a model. The checker tries all orders of all events that they allow.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Number of seats.
    pub seats: u8,
    /// Writers, with one write each. The number is the writer's delay behind DynamoDB's clock in ticks. It is ignored
    /// without ticks.
    pub writers: Vec<u8>,
    /// Number of fillers, with one fill or renewal each.
    pub fillers: usize,
    /// Number of ticks. Without ticks there are no clocks, and stamps are versions.
    pub ticks: u8,
    /// Total number of evictions and ends of leases.
    pub disruptions: u8,
    /// Total number of begins that are delayed or whose answer is lost.
    pub delays: u8,
    /// `true` if a writer's merge can be lost: the writer died, or Redis didn't respond.
    pub losses: bool,
    /// `Some` if the stream is merged too, with its number of redeliveries from an earlier record.
    pub repair: Option<u8>,
    /// `true` if writers may release seats. Ignored without ticks, because writers then make any change.
    pub give_back: bool,
    /// Number of items that may be deleted by hand.
    pub deletions: u8,
    /// `true` if Redis may restore an older key.
    pub rollback: bool,
    /// Rule to leave out.
    pub without: Option<Rule>,
    /// Assumed maximum difference of two clocks, in milliseconds.
    pub skew: u64,
}

/// A rule that can be left out, to check that the checker then finds a counterexample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A write is merged by its stamp. Without this rule, it deletes the key, and a fill sets it.
    Stamps,
    /// A fill ends only if its token is still in the key. Without this rule, it always ends.
    Token,
    /// A filler numbers its attempts to begin. Without this rule, they all have the same token.
    Numbers,
    /// A fill keeps the slots that were merged in its round. Without this rule, it replaces everything.
    KeepMerged,
    /// A fill replaces the slots that weren't merged in its round. Without this rule, the larger stamp wins there
    /// too.
    ReplaceKnown,
}

impl Default for Bounds {
    /// One writer and one filler, without disruptions.
    fn default() -> Self {
        Self {
            seats: 1,
            writers: vec![0],
            fillers: 1,
            ticks: 0,
            disruptions: 0,
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
    /// Returns the times of the protocol. Leases end and keys vanish as separate steps, so the clock always shows
    /// [`NOW`].
    pub(crate) fn times(&self) -> ProtocolTimes {
        ProtocolTimes { lease: 1, longest: 2, keep: 0, renewal: u64::MAX / 2, life: 100, skew: self.skew }
    }
}

/// The constant time of Redis's clock.
pub(crate) const NOW: u64 = 1;
