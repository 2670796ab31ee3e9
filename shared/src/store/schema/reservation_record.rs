//! The record of a reservation: the seats that were reserved under it, their ends, and whether its id is spent.
//!
//! A seat's own item decides who has the seat. The record is written in the same transaction as the seats, so it
//! answers what their items can't. It shows which seats of a reservation other callers have by now, and whether the
//! reservation was released. It is also the index that finds the seats of a reservation without reading the whole
//! theater.
//!
//! Each write requires the `turn` (the version) that was read, and raises it. So a delayed attempt is rejected as soon
//! as anything about the reservation was decided later.

mod stored;

use std::time::Duration;

use crate::domain::caller::{Owner, Role};
use crate::domain::ids::{ExtensionId, RequestToken, WishId};
use crate::domain::ids::{ReservationId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::domain::lines::FixedPrice;
use crate::domain::time::{EpochMillis, EpochSeconds};

/// Largest number of seats of one reservation. One transaction has room for 100 items. The other four are the record, a
/// booking and the two numbers that are kept for a caller.
pub const MAX_SEATS_PER_RESERVATION: usize = 96;

/// Seconds for which a record is kept after the end of its last seat. This is longer than a delayed request can live,
/// and longer than the clocks of two instances differ.
const RETENTION: Duration = Duration::from_secs(3_600);

/// A reservation's id, and the caller who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct ReservationRef<'a> {
    pub inventory: &'a InventoryId,
    pub id: ReservationId,
    /// The caller. Reservations of other callers aren't found.
    pub owner: Option<Owner>,
    /// The seats that the call is about. `None` means all.
    pub seats: Option<&'a [SeatLabel]>,
    /// The role of the caller, which a change stores.
    pub by: Option<Role>,
}

/// A seat that was reserved under a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedSeat {
    pub seat: SeatLabel,
    /// The time when it was reserved, by the clock of the instance that did it.
    pub reserved_at: EpochMillis,
    /// The stamp of that write.
    pub stamp: EpochMillis,
    /// From this instant on the seat is available to every caller.
    pub expires_at: EpochSeconds,
    /// The extension of the seat, if there was one.
    pub extension: Option<ExtensionMark>,
    /// The price at which it was reserved, if it has a price.
    pub fixed_price: Option<FixedPrice>,
}

/// The extension of a seat by a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionMark {
    /// The id of the extension. A repeated request has the same id.
    pub id: ExtensionId,
    /// A new value for every request. A request recognizes its own work by it.
    pub token: RequestToken,
    /// The stamp of the extension.
    pub at: EpochMillis,
}

/// Seats that were chosen for a request for the best available ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Choice {
    /// The id of the request.
    pub(in crate::store) id: WishId,
    /// The request as text.
    pub(in crate::store) wish: String,
    pub(in crate::store) seats: Vec<SeatLabel>,
    /// The token of the request that chose them.
    pub(in crate::store) token: RequestToken,
}

/// Seats that were chosen for the same request before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenBefore {
    pub seats: Vec<SeatLabel>,
    /// The request that chose them, as text.
    pub wish: String,
}

impl ChosenBefore {
    pub(in crate::store) fn of(choice: &Choice) -> Self {
        Self { seats: choice.seats.clone(), wish: choice.wish.clone() }
    }
}

/// The state of a reservation id: in use or spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) enum ReservationIdState {
    /// The id is in use.
    #[default]
    Open,
    /// The reservation was released, so its id is spent.
    Released,
}

/// A reservation's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Record {
    /// The version that was read. 0 if there is no record.
    pub(in crate::store) turn: u64,
    pub(in crate::store) state: ReservationIdState,
    /// Every seat that was reserved and not released, even if it has expired.
    pub(in crate::store) seats: Vec<ReservedSeat>,
    /// Seats that were released, or booked with the reservation. A delayed request doesn't get them again.
    pub(in crate::store) given_back: Vec<SeatLabel>,
    pub(in crate::store) choices: Vec<Choice>,
    /// The latest time when a caller was answered that seats have expired. From then on they have expired for every
    /// caller, and an instance whose clock is behind doesn't revive them.
    pub(in crate::store) refused_at: EpochMillis,
    pub(in crate::store) expires_at: EpochSeconds,
}

impl ReservedSeat {
    /// Returns `true` while the seat is reserved.
    pub fn is_running_at(&self, now: EpochMillis) -> bool {
        !self.expires_at.reached(now)
    }

    /// Returns the stamp of the last write of the seat under this reservation.
    pub fn changed_at(&self) -> EpochMillis {
        self.extension.map_or(self.stamp, |extension| extension.at)
    }
}

impl Record {
    /// Returns the seats that belong to the reservation now.
    ///
    /// A reservation that has expired can be made again under the same id. The seats of its earlier life don't belong
    /// to it.
    pub(in crate::store) fn current(&self) -> Vec<&ReservedSeat> {
        let mut seats: Vec<_> = self.seats.iter().collect();
        seats.sort_by_key(|seat| seat.reserved_at);
        let mut ends = EpochSeconds::new(0);
        let mut begin = 0;
        for (place, seat) in seats.iter().enumerate() {
            if ends.reached(seat.reserved_at) {
                begin = place;
            }
            ends = ends.max(seat.expires_at);
        }
        seats.split_off(begin)
    }

    /// Returns the end of the reservation, which is the earliest end of its seats that are still reserved.
    pub(in crate::store) fn end(&self, now: EpochMillis) -> Option<EpochSeconds> {
        self.seats.iter().filter(|seat| seat.is_running_at(now)).map(|seat| seat.expires_at).min()
    }

    /// Returns `true` while a seat is reserved, as far as the record knows. A booking that names its seats doesn't
    /// change the record.
    pub(in crate::store) fn lists_as_reserved(&self, seat: &SeatLabel, now: EpochMillis) -> bool {
        let now = self.effective_now(now);
        self.seats.iter().any(|had| had.seat == *seat && had.is_running_at(now))
    }

    pub(in crate::store) fn choice(&self, id: WishId) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.id == id)
    }

    /// Adds seats to the reservation. A seat that is already listed is replaced.
    pub(in crate::store) fn add_seats(&mut self, seats: impl IntoIterator<Item = ReservedSeat>, now: EpochMillis) {
        self.drop_long_ended_seats(now);
        for seat in seats {
            self.seats.retain(|had| had.seat != seat.seat);
            self.seats.push(seat);
        }
    }

    /// Returns the time at which the seats are judged. It isn't before the last rejection.
    pub(in crate::store) fn effective_now(&self, now: EpochMillis) -> EpochMillis {
        now.max(self.refused_at)
    }

    /// Returns `true` if seats have expired since the last rejection.
    pub(in crate::store) fn has_newly_ended_seats(&self, now: EpochMillis) -> bool {
        self.current().iter().any(|seat| seat.is_running_at(self.refused_at) && !seat.is_running_at(now))
    }

    /// Takes released seats out of the reservation.
    pub(in crate::store) fn release_seats(&mut self, seats: &[SeatLabel]) {
        self.seats.retain(|had| !seats.contains(&had.seat));
        let new = seats.iter().filter(|seat| !self.given_back.contains(seat));
        let new: Vec<_> = new.cloned().collect();
        self.given_back.extend(new);
        // Only a caller who keeps naming other seats gets here. The oldest seats are the least likely to be requested
        // again.
        let too_many = self.given_back.len().saturating_sub(MAX_SEATS_PER_RESERVATION);
        self.given_back.drain(..too_many);
    }

    /// Ends the reservation, so that its id is spent.
    pub(in crate::store) fn release(&mut self) {
        self.state = ReservationIdState::Released;
        self.seats.clear();
        self.given_back.clear();
    }

    /// Takes out all seats, because they are booked. A delayed request doesn't get them again. Other seats can be
    /// reserved.
    pub(in crate::store) fn book(&mut self, seats: &[SeatLabel]) {
        self.release_seats(seats);
        self.seats.clear();
    }

    fn drop_long_ended_seats(&mut self, now: EpochMillis) {
        let ended_long_ago = |seat: &ReservedSeat| (seat.expires_at + RETENTION).reached(now);
        self.seats.retain(|seat| !ended_long_ago(seat));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::prices::{MAX_PRICE, TicketType};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn seat(label: &str, reserved_at: u64, expires_at: u64) -> ReservedSeat {
        ReservedSeat {
            seat: SeatLabel::parse(label).unwrap(),
            reserved_at: EpochMillis::new(reserved_at * 1_000),
            stamp: EpochMillis::new(reserved_at * 1_000 + 1),
            expires_at: EpochSeconds::new(expires_at),
            extension: None,
            fixed_price: None,
        }
    }

    fn labels(seats: &[&ReservedSeat]) -> Vec<String> {
        seats.iter().map(|seat| seat.seat.to_string()).collect()
    }

    #[test]
    fn expired_seat_stays_in_running_reservation() {
        let record = Record { seats: vec![seat("A1", 10, 12), seat("A2", 11, 600)], ..Record::default() };
        assert_eq!(labels(&record.current()), ["A1", "A2"]);
    }

    #[test]
    fn reservation_made_again_has_only_new_seats() {
        let record = Record { seats: vec![seat("A1", 10, 12), seat("B1", 12, 20)], ..Record::default() };
        assert_eq!(labels(&record.current()), ["B1"]);
        let again = Record { seats: vec![seat("A1", 10, 12), seat("A2", 11, 12)], ..Record::default() };
        assert_eq!(labels(&again.current()), ["A1", "A2"], "nothing came after its end");
    }

    #[test]
    fn released_seats_are_remembered_up_to_a_limit() {
        let mut record = Record { seats: vec![seat("A1", 10, 600), seat("A2", 10, 600)], ..Record::default() };
        record.release_seats(&[SeatLabel::parse("A1").unwrap()]);
        assert_eq!(labels(&record.current()), ["A2"]);
        assert_eq!(record.given_back, [SeatLabel::parse("A1").unwrap()]);
        let many: Vec<_> = (0..200).map(|n| SeatLabel::parse(&format!("B{n}")).unwrap()).collect();
        record.release_seats(&many);
        assert_eq!(record.given_back.len(), MAX_SEATS_PER_RESERVATION);
    }

    #[test]
    fn expired_record_counts_as_missing() {
        let (inventory, id) = (InventoryId::parse("1").unwrap(), ReservationId::new(Uuid::from_u128(7)));
        let wanted = ReservationRef { inventory: &inventory, id, owner: None, seats: None, by: None };
        let record = Record { seats: vec![seat("A1", 10, 600)], ..Record::default() };
        let item = record.item(&wanted, EpochMillis::new(10_000)).unwrap();
        let kept = 600 + RETENTION.as_secs();
        assert!(Record::read(&item, EpochMillis::new((kept - 1) * 1_000)).unwrap().is_some());
        assert!(Record::read(&item, EpochMillis::new(kept * 1_000)).unwrap().is_none());
    }

    fn fixed_price() -> impl Strategy<Value = Option<FixedPrice>> {
        let types = prop_oneof![Just("standard"), Just("child")];
        let fixed = (types, 0..=MAX_PRICE);
        prop::option::of(fixed.prop_map(|(ticket_type, price)| FixedPrice {
            ticket_type: TicketType::parse(ticket_type).unwrap(),
            price,
        }))
    }

    proptest! {
        #[test]
        fn record_is_read_as_written(
            seats in prop::collection::vec(
                ("[A-Z][0-9]{1,3}", 0..9_u64, 0..4_000_u64, prop::option::of(1..u128::MAX), fixed_price()), 0..20),
            turn in 0..99_u64,
            refused_at in 0..9_u64,
            state in prop_oneof![Just(ReservationIdState::Open), Just(ReservationIdState::Released)],
        ) {
            let (inventory, id) = (InventoryId::parse("1").unwrap(), ReservationId::new(Uuid::from_u128(7)));
            let owner = Some(Owner(Uuid::from_u128(9)));
            let wanted = ReservationRef { inventory: &inventory, id, owner, seats: None, by: None };
            let mark = |id: u128| ExtensionMark { id: ExtensionId::new(Uuid::from_u128(id)), token: RequestToken::new(Uuid::from_u128(id | 1 << 127)), at: EpochMillis::new(5) };
            let seats: Vec<_> = seats.into_iter().map(|(label, at, until, extension, fixed_price)| ReservedSeat {
                extension: extension.map(mark), fixed_price, ..seat(&label, at, until)
            }).collect();
            let chosen = seats.iter().map(|seat| seat.seat.clone()).take(2).collect::<Vec<_>>();
            let choices = if chosen.is_empty() { vec![] } else {
                vec![Choice { id: WishId::new(Uuid::from_u128(1)), wish: "2 \"x\"".into(), seats: chosen, token: RequestToken::new(Uuid::from_u128(2)) }]
            };
            let refused_at = EpochMillis::new(refused_at);
            let record = Record { turn, state, seats, choices, refused_at, ..Record::default() };
            let now = EpochMillis::new(500_000);
            let read = Record::read(&record.item(&wanted, now).unwrap(), now).unwrap().unwrap();
            prop_assert_eq!(read.turn, turn + 1);
            let same = Record { turn: read.turn, expires_at: read.expires_at, ..record };
            prop_assert_eq!(read, same);
        }
    }
}
