//! The table: all accepted writes in order, which is also the order of the stream.

use boxoffice::domain::availability::{SeatState, Slot};
use boxoffice::domain::time::{EpochMillis, EpochSeconds};

/// One tick of the clocks. Two ticks are the maximum difference of two clocks.
pub const TICK_SECONDS: u32 = 5;
/// First tick. Even by the slowest clock, no stamp is 0.
const FIRST_TICK: u64 = 100;

/// A change of a seat's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A write was accepted.
    Written(Slot),
    /// The TTL deleted the item.
    Collected,
    /// An operator deleted the item by hand.
    Deleted,
}

/// A writer's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteRequest {
    /// Any change, with the next version as its stamp. Used without clocks.
    Anything,
    /// Reserves for this many ticks.
    Reserve(u32),
    /// Books an available seat.
    Book,
    /// Books a reserved seat, with its reservation.
    BookOwn,
    /// Makes a reserved or booked seat available: a release or a cancellation.
    GiveBack,
}

/// History of the table, and DynamoDB's clock in ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    /// Changed seat and change, for each event.
    pub events: Vec<(u8, Change)>,
    /// DynamoDB's clock. Readers have the same one.
    pub ticks: u8,
}

impl Table {
    /// Returns the stored slot of a seat, or the default slot if there is no item.
    pub fn stored(&self, seat: u8) -> Slot {
        match self.of(seat).last() {
            Some((_, Change::Written(slot))) => slot,
            _ => Slot::default(),
        }
    }

    /// Returns the changes of a seat, with their indexes in the history.
    pub fn of(&self, seat: u8) -> impl Iterator<Item = (usize, Change)> + '_ {
        let all = self.events.iter().enumerate();
        all.filter(move |(_, (of, _))| *of == seat).map(|(place, (_, change))| (place, *change))
    }

    /// Returns a clock that is this many ticks behind DynamoDB's.
    pub fn clock(&self, behind: u8) -> EpochMillis {
        EpochMillis::new((FIRST_TICK + u64::from(self.ticks) - u64::from(behind)) * u64::from(TICK_SECONDS) * 1_000)
    }

    /// Returns the new slot if DynamoDB accepts a request of a writer whose clock is `behind`. Uses the conditions of
    /// `shared/src/store/write/seat_write.rs`.
    pub fn accepts(&self, seat: u8, ask: WriteRequest, behind: u8) -> Option<Slot> {
        let (stored, now) = (self.stored(seat), self.clock(behind));
        let reserved = matches!(stored.state, SeatState::Reserved { .. });
        let available = stored.is_available(now);
        let (possible, state) = match ask {
            WriteRequest::Anything => return Some(self.next_version()),
            WriteRequest::Reserve(ticks) => {
                (available, SeatState::Reserved { expires_at: now.ends_after(ticks * TICK_SECONDS) })
            }
            WriteRequest::Book => (available, SeatState::Booked),
            WriteRequest::BookOwn => (reserved, SeatState::Booked),
            WriteRequest::GiveBack => (reserved || stored.state == SeatState::Booked, SeatState::Available),
        };
        // A write that is rejected only for its stamp is repeated with the old stamp + 1.
        let changed_at = now.max(stored.changed_at.next());
        possible.then_some(Slot { changed_at, state })
    }

    /// Returns a slot that differs from all earlier ones, so that an old one is noticed.
    fn next_version(&self) -> Slot {
        let version = self.events.len() as u64 + 1;
        let expires_at = EpochSeconds::new(u64::from(u32::MAX) - version);
        Slot { changed_at: EpochMillis::new(version), state: SeatState::Reserved { expires_at } }
    }

    /// Returns `true` if the TTL may already delete a seat's item.
    pub fn ttl_may_delete(&self, seat: u8) -> bool {
        let SeatState::Reserved { expires_at } = self.stored(seat).state else { return false };
        expires_at.reached(self.clock(0))
    }

    /// Returns `true` if the item of a seat was deleted by hand when its stamp was at least this one.
    pub fn was_deleted_above(&self, seat: u8, stamp: EpochMillis) -> bool {
        let events: Vec<_> = self.of(seat).map(|(_, change)| change).collect();
        events.windows(2).any(|two| matches!(two, [Change::Written(slot), Change::Deleted] if slot.changed_at >= stamp))
    }
}
