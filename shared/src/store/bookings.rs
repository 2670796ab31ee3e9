//! Existing bookings: reads and cancellations.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use super::booking_limit::BookedCountChange;
use super::reservations::ChangedSeats;
use super::schema::{BookingItem, Item, attribute, booking_key, n, owner_scoped_booking_id, s, seat_key};
use super::write::rejection::{ItemRejection, WriteRejection};
use super::write::retry::RetryLoop;
use super::write::seat_write::SeatWrite;
use super::{SeatSlot, Store, StoreError};
use crate::context::RequestContext;
use crate::domain::availability::{SeatState, Slot};
use crate::domain::caller::{Owner, Role};
use crate::domain::ids::{BookingId, ReservationId, SeatLabel};
use crate::domain::inventory::InventoryId;
use crate::domain::lines::Lines;
use crate::domain::seat_request::Reference;
use crate::domain::time::EpochMillis;
use crate::random;

/// A booking's id, and the caller who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct BookingRef<'a> {
    pub inventory: &'a InventoryId,
    pub id: BookingId,
    /// The caller. Bookings of other callers aren't found.
    pub owner: Option<Owner>,
    /// The role of the caller, which a change stores.
    pub by: Option<Role>,
}

/// A booking as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingBooking {
    /// Its seats, in layout order.
    pub seats: Vec<SeatLabel>,
    /// The reservation that it was made from.
    pub reservation: Option<ReservationId>,
    pub booked_at: EpochMillis,
    pub cancelled_at: Option<EpochMillis>,
    pub owner: Option<Owner>,
    /// The seats with their prices. `None` if they were sold without money.
    pub lines: Option<Lines>,
    /// The caller's own reference.
    pub reference: Option<Reference>,
    /// The role in which it was made, or cancelled if it is cancelled.
    pub by: Option<Role>,
    changed_at: EpochMillis,
    counted: bool,
}

impl Store {
    /// Reads a booking: the caller's own, or otherwise one without an owner. Costs one strongly consistent GetItem, or
    /// two for a signed-in caller who has none.
    pub async fn booking(
        &self,
        ctx: &RequestContext,
        wanted: &BookingRef<'_>,
    ) -> Result<Option<ExistingBooking>, StoreError> {
        let owners = [wanted.owner, None];
        for owner in &owners[usize::from(wanted.owner.is_none())..] {
            let item = self.read_item(ctx, booking_key(wanted.inventory, *owner, wanted.id)).await?;
            if let Some(item) = item {
                return standing(&item).map(Some);
            }
        }
        Ok(None)
    }

    /// Cancels a booking. It stays readable, and its seats become available again, all or none. Returns `None` if there
    /// is no such booking, or it isn't theirs.
    ///
    /// Repeating it is safe, because a cancelled booking isn't changed again, and a seat is changed only while this
    /// booking has it.
    pub async fn cancel(
        &self,
        ctx: &RequestContext,
        wanted: &BookingRef<'_>,
    ) -> Result<Option<ChangedSeats>, StoreError> {
        let mut retry_loop = RetryLoop::for_write(ctx, self);
        let mut operation = CancelOperation { store: self, wanted, left_out: Vec::new(), stamp: EpochMillis::new(0) };
        loop {
            let now = self.clock.now();
            let Some(booking) = self.booking(ctx, wanted).await? else { return Ok(None) };
            if booking.cancelled_at.is_some() {
                return Ok(Some(ChangedSeats { slots: Vec::new(), uncertain: retry_loop.unknown }));
            }
            operation.stamp = operation.stamp.max(SeatWrite::raise_above(booking.changed_at, now));
            let seats = operation.seats(&booking);
            match self
                .transact(operation.transaction(&booking, &seats, now), random::random_id(), &mut retry_loop)
                .await
            {
                Ok(()) => return Ok(Some(operation.cancelled(&seats, retry_loop.unknown))),
                Err(refusal) => {
                    if let WriteRejection::Conditions(condition_results) = &refusal {
                        operation.learn_from_rejection(&booking, &seats, condition_results)?;
                    }
                    retry_loop.pause_before_reread(refusal).await?;
                }
            }
        }
    }
}

/// One cancellation in progress.
struct CancelOperation<'a> {
    store: &'a Store,
    wanted: &'a BookingRef<'a>,
    /// Seats that the booking lists, but that belong to something else by their own items, because they were changed by
    /// hand.
    left_out: Vec<SeatLabel>,
    stamp: EpochMillis,
}

impl CancelOperation<'_> {
    fn seats<'b>(&self, booking: &'b ExistingBooking) -> Vec<&'b SeatLabel> {
        booking.seats.iter().filter(|seat| !self.left_out.contains(seat)).collect()
    }

    /// Builds the booking, then the owner's count of booked seats if the booking counts in it, then the seats.
    fn transaction(
        &self,
        booking: &ExistingBooking,
        seats: &[&SeatLabel],
        now: EpochMillis,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let BookingRef { inventory, id, by, .. } = *self.wanted;
        let mut values =
            HashMap::from([(":now".to_owned(), n(now.as_millis())), (":stamp".to_owned(), n(self.stamp.as_millis()))]);
        let expression = match by {
            Some(role) => {
                values.insert(":by".to_owned(), s(role.as_str()));
                "SET cancelled_at = :now, changed_at = :stamp, #by = :by"
            }
            None => "SET cancelled_at = :now, changed_at = :stamp REMOVE #by",
        };
        let update = Update::builder()
            .table_name(&self.store.table)
            .set_key(Some(booking_key(inventory, booking.owner, id)))
            .update_expression(expression)
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(cancelled_at)")
            .expression_attribute_names("#by", attribute::BY)
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| StoreError::Permanent(error.to_string()))?;
        let mut items = vec![TransactWriteItem::builder().update(update).build()];
        if let Some(owner) = booking.owner.filter(|_| booking.counted) {
            let change = BookedCountChange::Subtract { seats: booking.seats.len(), owner };
            items.push(self.store.change_booked_count(inventory, change)?);
        }
        for seat in seats {
            let change = SeatWrite::cancel(owner_scoped_booking_id(booking.owner, id), self.stamp, now).by(by);
            items.push(change.into_transaction_item(&self.store.table, seat_key(inventory, seat))?);
        }
        Ok(items)
    }

    /// Reads from a rejection which seats aren't this booking's, and how high the stamp has to be.
    fn learn_from_rejection(
        &mut self,
        booking: &ExistingBooking,
        seats: &[&SeatLabel],
        condition_results: &[ItemRejection],
    ) -> Result<(), StoreError> {
        let mark = owner_scoped_booking_id(booking.owner, self.wanted.id);
        let others = 1 + usize::from(booking.counted && booking.owner.is_some());
        for (seat, verdict) in seats.iter().zip(condition_results.iter().skip(others)) {
            let ItemRejection::Refused(item) = verdict else { continue };
            let item = item.as_ref().map(crate::store::schema::SeatItem::read).transpose()?;
            match item {
                Some(item) if item.slot.state == SeatState::Booked && item.booking == Some(mark) => {
                    self.stamp = self.stamp.max(item.slot.changed_at).next();
                }
                _ => {
                    tracing::error!(seat = seat.as_str(), "a cancellation skips a seat that the booking doesn't have");
                    self.left_out.push((*seat).clone());
                }
            }
        }
        Ok(())
    }

    fn cancelled(&self, seats: &[&SeatLabel], uncertain: bool) -> ChangedSeats {
        let slot = Slot { changed_at: self.stamp, state: SeatState::Available };
        let slots = seats.iter().map(|seat| SeatSlot { seat: (*seat).clone(), slot });
        ChangedSeats { slots: slots.collect(), uncertain }
    }
}

fn standing(item: &Item) -> Result<ExistingBooking, StoreError> {
    let BookingItem {
        seats,
        reservation,
        booked_at,
        cancelled_at,
        owner,
        changed_at,
        counted,
        lines,
        reference,
        by,
        request_token: _,
    } = BookingItem::read(item)?;
    Ok(ExistingBooking {
        seats,
        reservation,
        booked_at,
        cancelled_at,
        owner,
        lines,
        reference,
        by,
        changed_at,
        counted,
    })
}
