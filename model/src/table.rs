//! The table: what DynamoDB accepted, in its order, which is also the order of its stream.

use boxoffice::rules::availability::{SeatState, Slot};
use boxoffice::rules::time::{EpochMillis, EpochSeconds};

/// A step of the clocks, where there are clocks. Two of them are the most that two clocks may differ by.
pub const TICK_SECONDS: u32 = 5;
/// The tick at which clocks begin: no stamp is 0, also by the slowest of them.
const DAWN: u64 = 100;

/// Something that happened to a seat's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A write was accepted.
    Written(Slot),
    /// The TTL deleted the item.
    Collected,
    /// Somebody deleted the item.
    Deleted,
}

/// What a writer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Any change, under the next version as its stamp: where there are no clocks.
    Anything,
    /// To reserve for so many ticks.
    Reserve(u32),
    /// To book a seat that can be had.
    Book,
    /// To book a seat that is reserved, under its reservation.
    BookOwn,
    /// To give a seat back that is reserved or booked: a release, a cancellation.
    GiveBack,
}

/// The table's history, and DynamoDB's clock in ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Table {
    /// Which seat changed how.
    pub events: Vec<(u8, Change)>,
    /// DynamoDB's clock. Lookers have the same one.
    pub ticks: u8,
}

impl Table {
    /// What is stored of a seat; the default slot if there is no item.
    pub fn stored(&self, seat: u8) -> Slot {
        match self.of(seat).last() {
            Some((_, Change::Written(slot))) => slot,
            _ => Slot::default(),
        }
    }

    /// What happened to a seat, with its place in the history.
    pub fn of(&self, seat: u8) -> impl Iterator<Item = (usize, Change)> + '_ {
        let all = self.events.iter().enumerate();
        all.filter(move |(_, (of, _))| *of == seat).map(|(place, (_, change))| (place, *change))
    }

    /// A clock that is so many ticks behind DynamoDB's.
    pub fn clock(&self, behind: u8) -> EpochMillis {
        EpochMillis((DAWN + u64::from(self.ticks) - u64::from(behind)) * u64::from(TICK_SECONDS) * 1_000)
    }

    /// Whether DynamoDB accepts what is asked by one whose clock is `behind`, by the conditions of `store/change.rs`:
    /// then the slot that it leaves.
    pub fn accepts(&self, seat: u8, ask: Ask, behind: u8) -> Option<Slot> {
        let (stored, now) = (self.stored(seat), self.clock(behind));
        let reserved = matches!(stored.state, SeatState::Reserved { .. });
        let can_be_had = stored.is_available(now);
        let (possible, state) = match ask {
            Ask::Anything => return Some(self.next_version()),
            Ask::Reserve(ticks) => {
                (can_be_had, SeatState::Reserved { expires_at: now.ends_after(ticks * TICK_SECONDS) })
            }
            Ask::Book => (can_be_had, SeatState::Booked),
            Ask::BookOwn => (reserved, SeatState::Booked),
            Ask::GiveBack => (reserved || stored.state == SeatState::Booked, SeatState::Available),
        };
        // A write refused for its stamp alone is repeated with the old one + 1.
        let changed_at = EpochMillis(now.0.max(stored.changed_at.0 + 1));
        possible.then_some(Slot { changed_at, state })
    }

    /// Every version looks different, so that an old one shows.
    fn next_version(&self) -> Slot {
        let version = self.events.len() as u64 + 1;
        let expires_at = EpochSeconds(u64::from(u32::MAX) - version);
        Slot { changed_at: EpochMillis(version), state: SeatState::Reserved { expires_at } }
    }

    /// Whether the TTL may delete a seat's item by now.
    pub fn may_be_collected(&self, seat: u8) -> bool {
        let SeatState::Reserved { expires_at } = self.stored(seat).state else { return false };
        expires_at.reached(self.clock(0))
    }

    /// Whether somebody deleted the item of a seat, with a stamp not smaller than this one.
    pub fn was_deleted_above(&self, seat: u8, stamp: EpochMillis) -> bool {
        let events: Vec<_> = self.of(seat).map(|(_, change)| change).collect();
        events.windows(2).any(|two| matches!(two, [Change::Written(slot), Change::Deleted] if slot.changed_at >= stamp))
    }
}
