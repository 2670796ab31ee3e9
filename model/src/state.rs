//! A state of the model: the table, the key, and how far everybody is.

use boxoffice::rules::availability::Slot;

use crate::bounds::Bounds;
use crate::key::{Key, Token};
use crate::table::Table;

/// Everything at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// What DynamoDB accepted.
    pub table: Table,
    /// What stands in Redis.
    pub key: Option<Key>,
    /// What Redis may come back with.
    pub backup: Backup,
    /// The writers.
    pub writers: Vec<Writer>,
    /// The fillers.
    pub fillers: Vec<Filler>,
    /// Per seat, how far the history goes up to the last write whose caller was answered after its merge.
    pub answered: Vec<usize>,
    /// How far the stream was merged.
    pub repaired: usize,
    /// What may still happen.
    pub left: Left,
    /// Whether the key may hold what only a new fill puts right, by what the protocol doesn't promise against: Redis
    /// came back with an older key; or an item was deleted by hand, or was and a write of it is told only now.
    pub in_doubt: bool,
    /// Whether a smaller stamp replaced a larger one that was merged: what must not happen.
    pub buried: bool,
}

/// Who writes once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Writer {
    /// Not yet.
    Idle,
    /// DynamoDB accepted, as this event; the merge is still to come.
    Accepted(usize),
    /// Answered, or gone.
    Done,
}

/// Who fills once. One who takes no more steps has died.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Filler {
    /// Attempts to begin that got no answer: at most one.
    pub unanswered: u8,
    /// Whether that one is still on the way.
    pub on_the_way: bool,
    /// How far it is.
    pub phase: Phase,
    /// Whether it began after the key last came [`in_doubt`](State::in_doubt).
    pub sound: bool,
}

/// How far a filler is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Nothing answered yet.
    Idle,
    /// Its begin was answered.
    Begun,
    /// It has read, and may end: again, too, since an end whose answer is lost is repeated.
    Read {
        /// What it read.
        slots: Vec<Slot>,
        /// Whether an end was taken.
        ended: bool,
    },
}

/// An earlier key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backup {
    /// None was kept.
    None,
    /// This one.
    Kept(Key),
    /// Redis came back with it.
    Used,
}

/// What may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    /// Evictions and ends of leases.
    pub upsets: u8,
    /// Begins without an answer.
    pub delays: u8,
    /// Returns of the stream to an earlier record.
    pub redeliveries: u8,
    /// Items deleted by hand.
    pub deletions: u8,
}

impl State {
    /// Nothing written, nothing known.
    pub(crate) fn first(bounds: &Bounds) -> Self {
        let filler = Filler { unanswered: 0, on_the_way: false, phase: Phase::Idle, sound: true };
        Self {
            table: Table::default(),
            key: None,
            backup: Backup::None,
            writers: vec![Writer::Idle; bounds.writers.len()],
            fillers: vec![filler; bounds.fillers],
            answered: vec![0; usize::from(bounds.seats)],
            repaired: 0,
            left: Left {
                upsets: bounds.upsets,
                delays: bounds.delays,
                redeliveries: bounds.repair.unwrap_or(0),
                deletions: bounds.deletions,
            },
            in_doubt: false,
            buried: false,
        }
    }

    /// What readers are shown: the slots of a complete key.
    pub fn shown(&self) -> Option<impl Iterator<Item = (u8, Slot)> + '_> {
        let key = self.key.as_ref().filter(|key| key.complete)?;
        Some((0_u8..).zip(key.slots.iter().map(|known| known.slot)))
    }

    /// Whether no writer is on its way, and the stream, if there is a repair, was merged to its end.
    pub fn quiet(&self, bounds: &Bounds) -> bool {
        let on_its_way = |writer: &Writer| matches!(writer, Writer::Accepted(_));
        !self.writers.iter().any(on_its_way) && (bounds.repair.is_none() || self.repaired == self.table.events.len())
    }

    pub(crate) fn doubt(&mut self) {
        self.in_doubt = true;
        for filler in &mut self.fillers {
            filler.sound = filler.phase == Phase::Idle;
        }
    }
}

impl Filler {
    /// Whether it did anything yet.
    pub(crate) fn stirred(&self) -> bool {
        self.unanswered > 0 || self.phase != Phase::Idle
    }

    /// The token of the attempt that was answered, or will be.
    pub(crate) fn token(&self, number: usize, numbered: bool) -> Token {
        token(number, if numbered { self.unanswered + 1 } else { 0 })
    }
}

/// The token of a filler's attempt.
pub(crate) fn token(filler: usize, attempt: u8) -> Token {
    let mut token = [0; 16];
    token[0] = u8::try_from(filler + 1).unwrap_or(u8::MAX);
    token[15] = attempt;
    token
}
