//! Whole reservations: reading, releasing and extending them.
//!
//! The caller names a reservation and not its seats. So a read comes before a write, here and in [`super::bookings`]
//! and nowhere else. The write requires that the record is still the one that was read.

pub(super) mod extend;
pub(super) mod read;
mod release;
pub(super) mod to_book;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::reservation_records::FoundRecord;
use super::schema::reservation_record::{Record, ReservationRef, ReservedSeat};
use super::schema::{Item, SeatItem, seat_key};
use super::write::rejection::ItemRejection;
use super::write::seat_write::{SeatHolder, SeatWrite};
use super::{SeatSlot, Store, StoreError};
use crate::domain::availability::{SeatState, Slot};
use crate::domain::ids::SeatLabel;
use crate::domain::time::EpochMillis;

/// Seats that a call changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ChangedSeats {
    /// Their new slots, as far as DynamoDB confirmed them.
    pub slots: Vec<SeatSlot>,
    /// An answer was lost, so more seats than `slots` may have changed.
    pub uncertain: bool,
}

impl ChangedSeats {
    /// Reports seats as they are reserved.
    pub fn to(seats: &[ReservedSeat], uncertain: bool) -> Self {
        let slot = |seat: &ReservedSeat| SeatSlot {
            seat: seat.seat.clone(),
            slot: Slot { changed_at: seat.changed_at(), state: SeatState::Reserved { expires_at: seat.expires_at } },
        };
        Self { slots: seats.iter().map(slot).collect(), uncertain }
    }
}

/// The facts that rejected attempts of one request revealed.
#[derive(Default)]
struct Learned {
    /// Seats that the reservation has lost, by their own items.
    lost: Vec<SeatLabel>,
    /// The lowest stamp that the next attempt may have.
    stamp: EpochMillis,
}

impl Learned {
    /// Reads from a rejection which seats the reservation has lost, and how high the stamp of the others has to be.
    fn learn<'a>(
        &mut self,
        holder: &SeatHolder,
        seats: &[ReservedSeat],
        condition_results: impl Iterator<Item = &'a ItemRejection>,
    ) {
        for (seat, verdict) in seats.iter().zip(condition_results) {
            match verdict {
                ItemRejection::Passed | ItemRejection::CallFailure(_) => {}
                ItemRejection::Refused(Some(item)) => match holder.reserved_since(item) {
                    Some(changed_at) => self.stamp = SeatWrite::raise_above(changed_at, self.stamp),
                    None => self.lost.push(seat.seat.clone()),
                },
                ItemRejection::Refused(None) => self.lost.push(seat.seat.clone()),
            }
        }
    }
}

impl SeatHolder {
    /// Returns the stamp of a seat that is reserved under this reservation, even if it has expired. Returns `None` for
    /// other seats, and for a seat that can't be read.
    fn reserved_since(&self, item: &Item) -> Option<EpochMillis> {
        let seat = SeatItem::read(item).ok()?;
        let reserved = seat.slot.state.reserved_until().is_some();
        let ours = reserved && seat.reservation == Some(self.reservation) && seat.owner == self.owner;
        ours.then_some(seat.slot.changed_at)
    }
}

impl Store {
    /// Builds the record, then the owner's set of seats if they have a quota, then the seats.
    fn build_transaction<'a>(
        &self,
        record: &Record,
        wanted: &ReservationRef<'_>,
        found: &FoundRecord,
        now: EpochMillis,
        reservation_quota: Option<Result<TransactWriteItem, StoreError>>,
        changes: impl Iterator<Item = (&'a SeatLabel, SeatWrite)>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let wanted = ReservationRef { owner: found.owner, ..*wanted };
        let record = self.build_record_put(record, &wanted, now);
        let changes =
            changes.map(|(seat, change)| change.into_transaction_item(&self.table, seat_key(wanted.inventory, seat)));
        std::iter::once(record).chain(reservation_quota).chain(changes).collect()
    }
}

fn select_named(seats: Vec<&ReservedSeat>, wanted: &ReservationRef<'_>) -> Vec<ReservedSeat> {
    let asked = |seat: &&ReservedSeat| wanted.seats.is_none_or(|seats| seats.contains(&seat.seat));
    seats.into_iter().filter(asked).cloned().collect()
}

fn labels(seats: &[ReservedSeat]) -> Vec<SeatLabel> {
    seats.iter().map(|seat| seat.seat.clone()).collect()
}
