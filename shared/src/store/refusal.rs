//! What a refused write found in its way. DynamoDB hands it over with the refusal (`ALL_OLD`), so nothing is read again.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::CancellationReason;

use super::StoreError;
use super::attempts::{Failed, Trouble};
use super::items::{Item, SeatItem};
use crate::rules::availability::{LearnedSlot, SeatState, Slot};
use crate::rules::names::ReservationId;
use crate::rules::selection::{Conflict, SelectedSeat};
use crate::rules::time::EpochMillis;

/// How one condition of a refused write fared.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It held.
    Passed,
    /// It didn't hold; this is what stood there.
    Refused(Option<Item>),
    /// It wasn't decided.
    Trouble(Trouble),
}

/// Why a write didn't happen.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Because of its conditions: one verdict for each, in the order of the write's items.
    Conditions(Vec<Verdict>),
    /// Because of the call.
    Call(Trouble),
}

impl<R> From<Failed<UpdateItemError, R>> for Refusal
where
    R: std::fmt::Debug,
    SdkError<UpdateItemError, R>: std::error::Error,
{
    fn from(failed: Failed<UpdateItemError, R>) -> Self {
        if let Failed::Answered(error) = &failed
            && let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
        {
            return Self::Conditions(vec![Verdict::Refused(refused.item.clone())]);
        }
        Self::Call(failed.trouble())
    }
}

impl<R> From<Failed<TransactWriteItemsError, R>> for Refusal
where
    R: std::fmt::Debug,
    SdkError<TransactWriteItemsError, R>: std::error::Error,
{
    fn from(failed: Failed<TransactWriteItemsError, R>) -> Self {
        if let Failed::Answered(error) = &failed
            && let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
        {
            return Self::Conditions(cancelled.cancellation_reasons().iter().map(verdict).collect());
        }
        Self::Call(failed.trouble())
    }
}

/// Reads one cancellation reason
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>).
fn verdict(reason: &CancellationReason) -> Verdict {
    let text = || format!("{}: {}", reason.code().unwrap_or_default(), reason.message().unwrap_or_default());
    match reason.code().unwrap_or("None") {
        "None" => Verdict::Passed,
        "ConditionalCheckFailed" => Verdict::Refused(reason.item.clone()),
        "TransactionConflict" => Verdict::Trouble(Trouble::Contention(text())),
        "ThrottlingError" | "ProvisionedThroughputExceeded" => Verdict::Trouble(Trouble::Throttled(text())),
        _ => Verdict::Trouble(Trouble::Final(text())),
    }
}

/// What stands under a seat, seen by one who wants it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It can be had: never written, or run out.
    Open,
    /// It is reserved under the wanter's own reservation.
    Ours,
    /// Somebody else has it.
    Taken,
}

/// Seats in the way of a write.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// One entry for each seat that was refused, or that was read again.
    pub(super) found: Vec<Found>,
    /// The first seat that wasn't decided.
    pub(super) trouble: Option<Trouble>,
}

/// One seat in the way.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seat: SelectedSeat,
    pub(super) standing: Standing,
    /// `None` where no item stands.
    pub(super) slot: Option<Slot>,
}

impl Findings {
    /// Reads the verdicts on these seats.
    pub(super) fn read(
        seats: &[SelectedSeat],
        verdicts: impl IntoIterator<Item = Verdict>,
        reservation: Option<ReservationId>,
        now: EpochMillis,
    ) -> Result<Self, StoreError> {
        let mut findings = Self::default();
        for (seat, verdict) in seats.iter().zip(verdicts) {
            match verdict {
                Verdict::Passed => {}
                Verdict::Trouble(Trouble::Final(text)) => return Err(StoreError::Broken(text)),
                Verdict::Trouble(trouble) => findings.trouble = findings.trouble.or(Some(trouble)),
                Verdict::Refused(item) => {
                    let item = item.as_ref().map(SeatItem::read).transpose()?;
                    let standing = item.as_ref().map_or(Standing::Open, |item| standing(item, reservation, now));
                    findings.found.push(Found { seat: seat.clone(), standing, slot: item.map(|item| item.slot) });
                }
            }
        }
        Ok(findings)
    }

    /// The seats that others have: with one of them the request is refused, whatever the rest.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let taken = self.found.iter().filter(|found| found.standing == Standing::Taken);
        taken
            .map(|found| Conflict { seat: found.seat.label.clone(), state: found.slot.unwrap_or_default().state })
            .collect()
    }

    /// What was learned of the seats in the way.
    pub(super) fn learned(&self) -> Vec<LearnedSlot> {
        let known = self.found.iter().filter_map(|found| Some((found.seat.position, found.slot?)));
        known.map(|(position, slot)| LearnedSlot { position, slot }).collect()
    }

    /// The least stamp above all that stand in the way, and above `stamp`.
    pub(super) fn stamp_above(&self, stamp: EpochMillis) -> EpochMillis {
        let highest = self.found.iter().filter_map(|found| Some(found.slot?.changed_at)).max().unwrap_or_default();
        EpochMillis(stamp.max(highest).0 + 1)
    }
}

fn standing(item: &SeatItem, reservation: Option<ReservationId>, now: EpochMillis) -> Standing {
    match item.slot.status(now) {
        SeatState::Available => Standing::Open,
        SeatState::Reserved { .. } if reservation.is_some() && item.reservation == reservation => Standing::Ours,
        SeatState::Reserved { .. } | SeatState::Booked => Standing::Taken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::time::EpochSeconds;
    use uuid::Uuid;

    #[test]
    fn a_seat_is_open_ours_or_taken() {
        let ours = ReservationId(Uuid::from_u128(1));
        let other = ReservationId(Uuid::from_u128(2));
        let item = |reservation, state| SeatItem { slot: Slot { changed_at: EpochMillis(1), state }, reservation };
        let until = SeatState::Reserved { expires_at: EpochSeconds(10) };
        let (before, after) = (EpochMillis(9_999), EpochMillis(10_000));
        assert_eq!(standing(&item(Some(ours), until), Some(ours), before), Standing::Ours);
        assert_eq!(standing(&item(Some(other), until), Some(ours), before), Standing::Taken);
        assert_eq!(standing(&item(Some(other), until), None, before), Standing::Taken);
        assert_eq!(standing(&item(None, until), None, before), Standing::Taken);
        assert_eq!(standing(&item(Some(other), until), Some(ours), after), Standing::Open);
        assert_eq!(standing(&item(Some(ours), until), Some(ours), after), Standing::Open);
        assert_eq!(standing(&item(None, SeatState::Booked), Some(ours), after), Standing::Taken);
    }
}
