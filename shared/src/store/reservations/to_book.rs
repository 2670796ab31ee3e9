//! Reads of a reservation that is to be booked as a whole, and the rejection of such a booking.

use super::labels;
use crate::context::RequestContext;
use crate::domain::availability::SeatState;
use crate::domain::ids::SeatLabel;
use crate::domain::selection::Conflict;
use crate::domain::time::EpochMillis;
use crate::random;
use crate::store::book::types::WholeReservation;
use crate::store::reservation_records::{FoundRecord, stamp_above};
use crate::store::schema::reservation_record::{Record, ReservationRef, ReservedSeat};
use crate::store::schema::{Item, SeatItem, seat_key};
use crate::store::write::rejection::WriteRejection;
use crate::store::write::retry::RetryLoop;
use crate::store::{Store, StoreError};

/// A reservation that is to be booked as a whole.
#[derive(Debug)]
pub enum ReservationToBook {
    /// All its seats are still reserved.
    Whole(WholeReservation),
    /// Some or all of its seats have expired.
    Ended(EndedReservation),
    /// It doesn't exist, or was released or booked.
    None,
}

/// A reservation as it was read, with seats that have expired.
#[derive(Debug)]
pub struct EndedReservation {
    found: FoundRecord,
    ended: Vec<ReservedSeat>,
    now: EpochMillis,
}

/// The reason why a reservation can't be booked as a whole.
#[derive(Debug)]
pub enum WholeBookingRejection {
    /// Some of its seats are still reserved, and these are not.
    Incomplete(Vec<Conflict>),
    /// All its seats have expired.
    Expired(Vec<SeatLabel>),
}

impl Store {
    /// Reads a reservation that is to be booked as a whole (one strongly consistent GetItem).
    pub async fn read_reservation_to_book(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
    ) -> Result<ReservationToBook, StoreError> {
        let Some(found) = self.record(ctx, wanted).await? else { return Ok(ReservationToBook::None) };
        let seats: Vec<_> = found.record.current().into_iter().cloned().collect();
        if seats.is_empty() {
            return Ok(ReservationToBook::None);
        }
        let now = found.record.effective_now(self.clock.now());
        let ended: Vec<_> = seats.iter().filter(|seat| !seat.is_running_at(now)).cloned().collect();
        if !ended.is_empty() {
            return Ok(ReservationToBook::Ended(EndedReservation { found, ended, now }));
        }
        let stamp = stamp_above(&seats, now);
        Ok(ReservationToBook::Whole(WholeReservation { id: wanted.id, found, seats: labels(&seats), stamp }))
    }

    /// Rejects the booking of a whole reservation. Returns `None` if the reservation has changed since it was read.
    ///
    /// The record stores when the caller was rejected. From then on an earlier, delayed attempt to book the reservation
    /// is rejected too, and the answer stays true. Repeating it is safe, because it writes nothing if the record
    /// already says so.
    pub async fn reject_booking(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        reservation: &EndedReservation,
    ) -> Result<Option<WholeBookingRejection>, StoreError> {
        let EndedReservation { found, ended, now } = reservation;
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        if let Err(refusal) = self.store_rejection_time(wanted, found, *now, &mut retry_loop).await {
            retry_loop.pause_before_reread(refusal).await?;
            return Ok(None);
        }
        Ok(Some(if ended.len() == found.record.current().len() {
            WholeBookingRejection::Expired(labels(ended))
        } else {
            WholeBookingRejection::Incomplete(self.conflicts(ctx, wanted, ended).await?)
        }))
    }

    /// Stores in the record when a caller was answered that seats have expired. Repeating it changes nothing, because
    /// it writes only if more seats have expired since the last such answer.
    pub(super) async fn store_rejection_time(
        &self,
        wanted: &ReservationRef<'_>,
        found: &FoundRecord,
        now: EpochMillis,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<(), WriteRejection> {
        if !found.record.has_newly_ended_seats(now) {
            return Ok(());
        }
        let record = Record { refused_at: now, ..found.record.clone() };
        let wanted = ReservationRef { owner: found.owner, ..*wanted };
        let put = self.build_record_put(&record, &wanted, now).map(|put| vec![put]);
        self.transact(put, random::random_id(), retry_loop).await
    }

    /// Reads the items of seats that a reservation has lost. A seat is the caller's own if it is reserved again, under
    /// the same reservation or by the same signed-in caller.
    async fn conflicts(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        seats: &[ReservedSeat],
    ) -> Result<Vec<Conflict>, StoreError> {
        let keys: Vec<_> = seats.iter().map(|seat| seat_key(wanted.inventory, &seat.seat)).collect();
        let items = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
        let now = self.clock.now();
        let conflict = |(seat, item): (&ReservedSeat, Option<Item>)| {
            let item = item.map_or_else(|| Ok(SeatItem::default()), |item| SeatItem::read(&item))?;
            let state = item.slot.state_at(now);
            let owned = item.owner.is_some() && item.owner == wanted.owner;
            let own = owned || item.is_reserved_under(Some(wanted.id), wanted.owner);
            let yours = own && state != SeatState::Available;
            Ok(Conflict { seat: seat.seat.clone(), state, yours })
        };
        seats.iter().zip(items).map(conflict).collect()
    }
}
