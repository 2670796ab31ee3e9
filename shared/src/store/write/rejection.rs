//! Rejections of a write, with the items that were in its way. DynamoDB returns the items with the rejection
//! (`ALL_OLD`), so nothing is read again.

use super::retry::{CallFailure, FailedCall, RetryLoop};
use crate::domain::availability::{SeatState, Slot, SlotUpdate};
use crate::domain::caller::Owner;
use crate::domain::ids::ReservationId;
use crate::domain::ids::{OwnedBookingId, RequestToken};
use crate::domain::lines::FixedPrice;
use crate::domain::selection::{Conflict, OtherTicketType, SelectedSeat};
use crate::domain::time::EpochMillis;
use crate::store::StoreError;
use crate::store::schema::{Item, SeatItem};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::CancellationReason;

/// The result of one condition of a rejected write.
#[derive(Debug)]
pub(in crate::store) enum ItemRejection {
    /// The condition held.
    Passed,
    /// The condition failed because of this item, or because there is none.
    Refused(Option<Item>),
    /// The condition wasn't decided.
    CallFailure(CallFailure),
}

/// The reason why a write didn't happen.
#[derive(Debug)]
pub(in crate::store) enum WriteRejection {
    /// Its conditions. There is one result for each of the write's items, in their order.
    Conditions(Vec<ItemRejection>),
    /// The call itself failed.
    Call(CallFailure),
}

impl WriteRejection {
    /// Returns the failure of the call, or `None` if a condition didn't hold.
    pub(in crate::store) fn into_failure(self) -> Option<CallFailure> {
        match self {
            Self::Call(failure) => Some(failure),
            Self::Conditions(condition_results) => Self::first_failure(condition_results),
        }
    }

    /// Returns the failure of the first condition that wasn't decided, if there is one.
    pub(in crate::store) fn first_failure(condition_results: Vec<ItemRejection>) -> Option<CallFailure> {
        condition_results.into_iter().find_map(|verdict| match verdict {
            ItemRejection::CallFailure(failure) => Some(failure),
            ItemRejection::Passed | ItemRejection::Refused(_) => None,
        })
    }
}

impl RetryLoop<'_> {
    /// Waits after a rejected write, before its record is read again. There is no pause if the record has changed.
    /// Returns an error if there is no more time.
    pub(in crate::store) async fn pause_before_reread(&mut self, refusal: WriteRejection) -> Result<(), StoreError> {
        let failure = match refusal {
            WriteRejection::Call(failure) => failure,
            WriteRejection::Conditions(condition_results) => match WriteRejection::first_failure(condition_results) {
                Some(failure) => failure,
                None if self.may_retry_immediately() => return Ok(()),
                None => CallFailure::Contention("the record keeps changing".to_owned()),
            },
        };
        self.pause(failure).await
    }
}

impl From<FailedCall<UpdateItemError>> for WriteRejection {
    fn from(failed: FailedCall<UpdateItemError>) -> Self {
        if let FailedCall::Answered(error) = &failed
            && let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
        {
            return Self::Conditions(vec![ItemRejection::Refused(refused.item.clone())]);
        }
        Self::Call(failed.call_failure())
    }
}

impl From<FailedCall<TransactWriteItemsError>> for WriteRejection {
    fn from(failed: FailedCall<TransactWriteItemsError>) -> Self {
        if let FailedCall::Answered(error) = &failed
            && let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        {
            return Self::Conditions(cancelled.cancellation_reasons().iter().map(verdict).collect());
        }
        Self::Call(failed.call_failure())
    }
}

/// Converts one cancellation reason
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
fn verdict(reason: &CancellationReason) -> ItemRejection {
    let text = || format!("{}: {}", reason.code().unwrap_or_default(), reason.message().unwrap_or_default());
    match reason.code().unwrap_or("None") {
        "None" => ItemRejection::Passed,
        "ConditionalCheckFailed" => ItemRejection::Refused(reason.item.clone()),
        "TransactionConflict" => ItemRejection::CallFailure(CallFailure::Contention(text())),
        "ThrottlingError" | "ProvisionedThroughputExceeded" => {
            ItemRejection::CallFailure(CallFailure::Throttled(text()))
        }
        _ => ItemRejection::CallFailure(CallFailure::Final(text())),
    }
}

/// The claimant of seats: the caller, their reservation, and the booking that they are making.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::store) struct Claimant {
    pub(in crate::store) reservation: Option<ReservationId>,
    pub(in crate::store) owner: Option<Owner>,
    /// The owner-scoped id of the booking that is being made.
    pub(in crate::store) booking: Option<OwnedBookingId>,
}

/// The state of a seat for a claimant.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum SeatClaim {
    /// The seat is available: never written, released, or expired.
    Open,
    /// The seat is reserved under the claimant's own reservation.
    Ours,
    /// The seat is booked under the same booking id that the claimant uses, so not by another caller.
    OwnBooking,
    /// Another caller has the seat.
    Taken,
}

/// Seats in the way of a write.
#[derive(Debug, Default)]
pub(in crate::store) struct SeatFindings {
    /// One entry for each seat whose condition failed, or that was read again.
    pub(in crate::store) found: Vec<SeatFinding>,
    /// The failure of the first seat that wasn't decided.
    pub(in crate::store) failure: Option<CallFailure>,
}

/// One seat in the way.
#[derive(Debug)]
pub(in crate::store) struct SeatFinding {
    pub(in crate::store) seat: SelectedSeat,
    pub(in crate::store) standing: SeatClaim,
    /// The seat is reserved under the claimant's own reservation, even if it has expired.
    pub(in crate::store) is_own_reservation: bool,
    /// The seat belongs to the caller: under their reservation, or under another of theirs if they are signed in.
    pub(in crate::store) yours: bool,
    /// The token of the request that reserved the seat. An extension doesn't change it.
    pub(in crate::store) request_token: Option<RequestToken>,
    /// The price at which the seat is reserved, if it is reserved at a price.
    pub(in crate::store) fixed_price: Option<FixedPrice>,
    /// `None` if the seat has no item.
    pub(in crate::store) slot: Option<Slot>,
}

impl SeatFindings {
    /// Reads the results of the conditions on these seats.
    pub(in crate::store) fn read(
        seats: &[SelectedSeat],
        condition_results: impl IntoIterator<Item = ItemRejection>,
        claimant: Claimant,
        now: EpochMillis,
    ) -> Result<Self, StoreError> {
        let mut findings = Self::default();
        for (seat, verdict) in seats.iter().zip(condition_results) {
            match verdict {
                ItemRejection::Passed => {}
                ItemRejection::CallFailure(CallFailure::Final(text)) => return Err(StoreError::Permanent(text)),
                ItemRejection::CallFailure(failure) => findings.failure = findings.failure.or(Some(failure)),
                ItemRejection::Refused(item) => {
                    let item = item.as_ref().map(SeatItem::read).transpose()?;
                    let standing = item.as_ref().map_or(SeatClaim::Open, |item| standing(item, claimant, now));
                    let is_own_reservation =
                        item.as_ref().is_some_and(|item| item.is_reserved_under(claimant.reservation, claimant.owner));
                    let owned = |item: &SeatItem| item.owner.is_some() && item.owner == claimant.owner;
                    let yours = is_own_reservation || item.as_ref().is_some_and(owned);
                    let request_token = item.as_ref().and_then(|item| item.request_token);
                    let (slot, fixed_price) = item.map(|item| (item.slot, item.fixed_price)).unzip();
                    findings.found.push(SeatFinding {
                        seat: seat.clone(),
                        standing,
                        is_own_reservation,
                        yours,
                        request_token,
                        fixed_price: fixed_price.flatten(),
                        slot,
                    });
                }
            }
        }
        Ok(findings)
    }

    /// Returns `true` if a seat is booked under the id that is being booked.
    pub(in crate::store) fn has_own_booking(&self) -> bool {
        self.found.iter().any(|found| found.standing == SeatClaim::OwnBooking)
    }

    /// Returns the seats in the way that aren't reserved under the claimant's own reservation. A seat that has expired
    /// still counts as reserved.
    pub(in crate::store) fn outside_own_reservation(&self) -> Vec<Conflict> {
        self.found.iter().filter(|found| !found.is_own_reservation).map(SeatFinding::conflict).collect()
    }

    /// Returns the seats in the way that aren't reserved under the claimant's own reservation, or have expired.
    pub(in crate::store) fn outside_running_reservation(&self) -> Vec<Conflict> {
        self.found.iter().filter(|found| found.standing != SeatClaim::Ours).map(SeatFinding::conflict).collect()
    }

    /// Returns the seats that other callers have. One such seat is enough to reject the request, whatever the others
    /// are.
    pub(in crate::store) fn conflicts(&self) -> Vec<Conflict> {
        self.found.iter().filter(|found| found.standing == SeatClaim::Taken).map(SeatFinding::conflict).collect()
    }

    /// Returns the slots of the seats in the way.
    pub(in crate::store) fn learned(&self) -> Vec<SlotUpdate> {
        let known = self.found.iter().filter_map(|found| Some((found.seat.seat_index, found.slot?)));
        known.map(|(seat_index, slot)| SlotUpdate { seat_index, slot }).collect()
    }

    /// Returns the lowest stamp above `stamp` and above the stamps of all seats in the way.
    pub(in crate::store) fn stamp_above(&self, stamp: EpochMillis) -> EpochMillis {
        let highest = self.found.iter().filter_map(|found| Some(found.slot?.changed_at)).max().unwrap_or_default();
        stamp.max(highest).next()
    }
}

impl SeatFinding {
    /// Returns the seat with the ticket type as which it is reserved. A seat without a price counts as `standard`.
    pub(in crate::store) fn other_ticket_type(&self) -> OtherTicketType {
        let reserved_as = self.fixed_price.as_ref().map(|fixed| fixed.ticket_type.clone()).unwrap_or_default();
        OtherTicketType { conflict: self.conflict(), reserved_as }
    }

    pub(in crate::store) fn conflict(&self) -> Conflict {
        Conflict { seat: self.seat.label.clone(), state: self.slot.unwrap_or_default().state, yours: self.yours }
    }
}

fn standing(item: &SeatItem, claimant: Claimant, now: EpochMillis) -> SeatClaim {
    match item.slot.state_at(now) {
        SeatState::Available => SeatClaim::Open,
        SeatState::Reserved { .. } if item.is_reserved_under(claimant.reservation, claimant.owner) => SeatClaim::Ours,
        SeatState::Booked if claimant.booking.is_some() && item.booking == claimant.booking => SeatClaim::OwnBooking,
        SeatState::Reserved { .. } | SeatState::Withdrawn { .. } | SeatState::Booked => SeatClaim::Taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::EpochSeconds;
    use uuid::Uuid;

    #[test]
    fn seat_is_open_ours_or_taken() {
        let (ours, other) = (ReservationId::new(Uuid::from_u128(1)), ReservationId::new(Uuid::from_u128(2)));
        let (mine, theirs) = (OwnedBookingId::new(Uuid::from_u128(3)), OwnedBookingId::new(Uuid::from_u128(4)));
        let reserved = |reservation, expires_at| SeatItem {
            slot: Slot {
                changed_at: EpochMillis::new(1),
                state: SeatState::Reserved { expires_at: EpochSeconds::new(expires_at) },
            },
            reservation,
            ..SeatItem::default()
        };
        let booked = |booking| SeatItem {
            slot: Slot { changed_at: EpochMillis::new(1), state: SeatState::Booked },
            booking,
            ..SeatItem::default()
        };
        let with = Claimant { reservation: Some(ours), owner: None, booking: Some(mine) };
        let nobody = Claimant::default();
        let (before, after) = (EpochMillis::new(9_999), EpochMillis::new(10_000));
        for (item, claimant, now, expected) in [
            (reserved(Some(ours), 10), with, before, SeatClaim::Ours),
            (reserved(Some(other), 10), with, before, SeatClaim::Taken),
            (reserved(Some(other), 10), nobody, before, SeatClaim::Taken),
            (reserved(None, 10), nobody, before, SeatClaim::Taken),
            (reserved(Some(other), 10), with, after, SeatClaim::Open),
            (reserved(Some(ours), 10), with, after, SeatClaim::Open),
            (booked(Some(theirs)), with, after, SeatClaim::Taken),
            (booked(None), nobody, after, SeatClaim::Taken),
            (booked(Some(mine)), with, after, SeatClaim::OwnBooking),
        ] {
            assert_eq!(standing(&item, claimant, now), expected, "{item:?}");
        }
    }
}
