//! A state of the model: the table, the key, and the progress of writers and fillers.

use boxoffice::domain::availability::Slot;

use crate::bounds::Bounds;
use crate::key::{Key, Token};
use crate::table::Table;

/// The whole system at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// History of the table.
    pub table: Table,
    /// Key in Redis.
    pub key: Option<Key>,
    /// Older key that Redis may restore.
    pub backup: Backup,
    pub writers: Vec<Writer>,
    pub fillers: Vec<Filler>,
    /// For each seat, the length of the history up to its last merged and answered write.
    pub answered: Vec<usize>,
    /// Number of merged records of the stream.
    pub repaired: usize,
    /// Remaining disruptions.
    pub left: RemainingDisruptions,
    /// `true` if the key may hold slots that only a new fill corrects, after an event that the protocol doesn't
    /// cover. These events are: Redis restored an older key, an item was deleted by hand, or a write of such an item
    /// was merged late.
    pub in_doubt: bool,
    /// `true` if a smaller stamp replaced a larger merged one, which must never happen.
    pub lowered_stamp: bool,
}

/// A writer of one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    /// Hasn't written yet.
    Idle,
    /// DynamoDB accepted the write as this event. The merge hasn't happened yet.
    Accepted(usize),
    /// Has answered or died.
    Done,
}

/// A filler of one fill. A filler that takes no more steps has died.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filler {
    /// Number of attempts to begin without an answer, at most one.
    pub unanswered: u8,
    /// `true` if that attempt hasn't arrived yet.
    pub is_delayed: bool,
    /// Progress of the fill.
    pub phase: Phase,
    /// `true` if it began after the key last came [`in_doubt`](State::in_doubt).
    pub began_after_doubt: bool,
}

/// Progress of a filler.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// No begin was answered yet.
    Idle,
    /// Its begin was answered.
    Begun,
    /// It has read the table. It may end more than once, because an end with a lost answer is repeated.
    Read {
        /// Slots that it read.
        slots: Vec<Slot>,
        /// `true` if an end was accepted.
        ended: bool,
    },
}

/// An older copy of the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backup {
    /// No copy exists.
    None,
    /// Redis can restore this copy.
    Kept(Key),
    /// Redis restored the copy.
    Used,
}

/// Remaining disruptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RemainingDisruptions {
    /// Evictions and ends of leases.
    pub disruptions: u8,
    /// Begins that get no answer.
    pub delays: u8,
    /// Redeliveries of the stream from an earlier record.
    pub redeliveries: u8,
    /// Items deleted by hand.
    pub deletions: u8,
}

impl State {
    /// Returns the initial state: an empty table and no key.
    pub(crate) fn first(bounds: &Bounds) -> Self {
        let filler = Filler { unanswered: 0, is_delayed: false, phase: Phase::Idle, began_after_doubt: true };
        Self {
            table: Table::default(),
            key: None,
            backup: Backup::None,
            writers: vec![Writer::Idle; bounds.writers.len()],
            fillers: vec![filler; bounds.fillers],
            answered: vec![0; usize::from(bounds.seats)],
            repaired: 0,
            left: RemainingDisruptions {
                disruptions: bounds.disruptions,
                delays: bounds.delays,
                redeliveries: bounds.repair.unwrap_or(0),
                deletions: bounds.deletions,
            },
            in_doubt: false,
            lowered_stamp: false,
        }
    }

    /// Returns the slots that readers see: those of a complete key.
    pub fn shown(&self) -> Option<impl Iterator<Item = (u8, Slot)> + '_> {
        let key = self.key.as_ref().filter(|key| key.complete)?;
        Some((0_u8..).zip(key.slots.iter().map(|known| known.slot)))
    }

    /// Returns `true` if no writer is between its write and its answer, and the stream, if it is modeled, is merged
    /// completely.
    pub fn quiet(&self, bounds: &Bounds) -> bool {
        let on_its_way = |writer: &Writer| matches!(writer, Writer::Accepted(_));
        !self.writers.iter().any(on_its_way) && (bounds.repair.is_none() || self.repaired == self.table.events.len())
    }

    pub(crate) fn doubt(&mut self) {
        self.in_doubt = true;
        for filler in &mut self.fillers {
            filler.began_after_doubt = filler.phase == Phase::Idle;
        }
    }
}

impl Filler {
    /// Returns `true` if the filler has started.
    pub(crate) fn has_started(&self) -> bool {
        self.unanswered > 0 || self.phase != Phase::Idle
    }

    /// Returns the token of the attempt that gets an answer.
    pub(crate) fn token(&self, number: usize, numbered: bool) -> Token {
        token(number, if numbered { self.unanswered + 1 } else { 0 })
    }
}

/// Returns the token of a filler's attempt.
pub(crate) fn token(filler: usize, attempt: u8) -> Token {
    let mut token = [0; 16];
    token[0] = u8::try_from(filler + 1).unwrap_or(u8::MAX);
    token[15] = attempt;
    token
}
