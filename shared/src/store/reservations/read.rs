//! Reads of a reservation, and of the result of an earlier request.

use super::{labels, select_named};
use crate::context::RequestContext;
use crate::domain::ids::WishId;
use crate::domain::ids::{ReservationId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::domain::time::{EpochMillis, EpochSeconds};
use crate::store::reservation_records::FoundRecord;
use crate::store::schema::reservation_record::{ChosenBefore, ReservationIdState, ReservationRef, ReservedSeat};
use crate::store::schema::{SeatItem, seat_key};
use crate::store::write::retry::RetryLoop;
use crate::store::{Store, StoreError};

/// A reservation as it is now.
#[derive(Debug, PartialEq, Eq)]
pub enum Reservation {
    /// These seats are reserved under it.
    Running(Vec<ReservedSeat>),
    /// All its seats have expired.
    Expired(Vec<SeatLabel>),
    /// It doesn't exist, or was released or booked.
    None,
}

/// The result of an earlier request, according to the reservation's record.
#[derive(Debug, PartialEq, Eq)]
pub enum Remembered {
    /// There was no earlier request.
    Nothing,
    /// These seats of the reservation were released, or the whole reservation (empty list).
    Released(Vec<SeatLabel>),
    /// These seats were chosen for the request.
    Chosen(ChosenBefore),
    /// All the seats are reserved.
    Reserved {
        seats: Vec<ReservedSeat>,
        /// The end of the whole reservation, which is the earliest end of its seats.
        expires_at: EpochSeconds,
    },
    /// All the seats were reserved, and these have expired.
    Expired(Vec<SeatLabel>),
}

impl Store {
    /// Reads a reservation: its record, and the items of its seats (strongly consistent).
    ///
    /// A seat whose item can't be read is left out. It can't be booked or released until the item is repaired.
    pub async fn reservation(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
    ) -> Result<Reservation, StoreError> {
        let Some(found) = self.record(ctx, wanted).await? else { return Ok(Reservation::None) };
        let seats = select_named(found.record.current(), wanted);
        let now = found.record.effective_now(self.clock.now());
        let running: Vec<_> = seats.iter().filter(|seat| seat.is_running_at(now)).cloned().collect();
        if running.is_empty() {
            return Ok(if seats.is_empty() { Reservation::None } else { Reservation::Expired(labels(&seats)) });
        }
        let reserved = self.still_reserved(ctx, wanted, &found, running).await?;
        Ok(if reserved.is_empty() { Reservation::None } else { Reservation::Running(reserved) })
    }

    /// Keeps the seats whose own items say that they are reserved under the reservation.
    pub(super) async fn still_reserved(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        found: &FoundRecord,
        seats: Vec<ReservedSeat>,
    ) -> Result<Vec<ReservedSeat>, StoreError> {
        let keys: Vec<_> = seats.iter().map(|seat| seat_key(wanted.inventory, &seat.seat)).collect();
        let items = self.read_items(&keys, &mut RetryLoop::for_read(ctx, self)).await?;
        let holder = found.holder(wanted.id);
        let reserved = seats.into_iter().zip(items);
        let reserved =
            reserved.filter(|(_, item)| item.as_ref().is_some_and(|item| holder.reserved_since(item).is_some()));
        Ok(reserved.map(|(seat, _)| seat).collect())
    }

    /// Reads the result of an earlier request for these seats, or for this preference.
    pub async fn remembered(
        &self,
        ctx: &RequestContext,
        wanted: &ReservationRef<'_>,
        wish: Option<WishId>,
    ) -> Result<Remembered, StoreError> {
        let Some(FoundRecord { record, .. }) = self.record(ctx, wanted).await? else { return Ok(Remembered::Nothing) };
        if record.state != ReservationIdState::Open {
            return Ok(Remembered::Released(Vec::new()));
        }
        if let Some(choice) = wish.and_then(|wish| record.choice(wish)) {
            return Ok(Remembered::Chosen(ChosenBefore::of(choice)));
        }
        let Some(asked) = wanted.seats else { return Ok(Remembered::Nothing) };
        let given_back: Vec<_> = asked.iter().filter(|seat| record.given_back.contains(seat)).cloned().collect();
        if !given_back.is_empty() {
            return Ok(Remembered::Released(given_back));
        }
        let had = select_named(record.seats.iter().collect(), wanted);
        if had.len() < asked.len() {
            return Ok(Remembered::Nothing);
        }
        let now = record.effective_now(self.clock.now());
        let ended: Vec<_> = had.iter().filter(|seat| !seat.is_running_at(now)).cloned().collect();
        if !ended.is_empty() {
            return Ok(Remembered::Expired(labels(&ended)));
        }
        Ok(match record.end(self.clock.now()) {
            Some(expires_at) => Remembered::Reserved { seats: had, expires_at },
            None => Remembered::Nothing,
        })
    }

    /// Finds the reservation that a seat got by the write with this stamp, even if it has expired (one strongly
    /// consistent GetItem). Returns `None` if the seat was written since, or can't be read.
    pub async fn find_reservation_by_stamp(
        &self,
        ctx: &RequestContext,
        inventory: &InventoryId,
        seat: &SeatLabel,
        changed_at: EpochMillis,
    ) -> Result<Option<ReservationId>, StoreError> {
        let item = self.read_item(ctx, seat_key(inventory, seat)).await?;
        let read = item.as_ref().and_then(|item| SeatItem::read(item).ok());
        let same = read.filter(|seat| seat.slot.changed_at == changed_at && !seat.slot.state.is_withdrawn());
        Ok(same.and_then(|seat| seat.reservation))
    }
}
