//! The comparison of a booking with the totals that its caller expects.

use super::types::{BookOutcome, BookWholeOutcome, OtherBooking, Source};
use super::{BookOperation, BookStep};
use crate::context::RequestContext;
use crate::store::schema::{booking_key, seat_key};
use crate::store::write::rejection::ItemRejection;
use crate::store::write::retry::RetryLoop;
use crate::store::{Decision, StoreError};

impl BookOperation<'_> {
    /// Returns the decision if the next attempt wouldn't make the booking that the caller expects.
    ///
    /// The write's conditions require the prices that are compared here, so no booking differs from its comparison. The
    /// prices that the attempt would take may be wrong. So before a rejection, the booking and the seats are read
    /// (strongly consistent). A booking that exists already makes the request a repeat, which isn't compared.
    pub(super) async fn reject_other_totals(
        &mut self,
        ctx: &RequestContext,
    ) -> Result<Option<Decision<BookWholeOutcome>>, StoreError> {
        if self.has_expected_totals() {
            return Ok(None);
        }
        let mut retry_loop = RetryLoop::for_read(ctx, self.store);
        loop {
            match self.read_before_rejection(ctx, &mut retry_loop).await? {
                Some(BookStep::Decided(decision)) => return Ok(Some(decision)),
                Some(BookStep::CallFailure(failure)) => retry_loop.pause(failure).await?,
                Some(BookStep::StampRaised) | None => break,
            }
        }
        if self.has_expected_totals() {
            return Ok(None);
        }
        let expected = self.request.expect.copied().unwrap_or_default();
        let other = OtherBooking { seats: Vec::new(), expected, actual: self.totals() };
        let outcome = BookWholeOutcome::Decided(BookOutcome::Unexpected(other));
        Ok(Some(Decision { outcome, observed: Vec::new() }))
    }

    fn has_expected_totals(&self) -> bool {
        self.request.expect.is_none_or(|expect| expect.is_met_by(&self.totals()))
    }

    /// Reads the booking, and the seats that the request names, and evaluates them as a rejection of a write. The record
    /// of a whole reservation was read a moment ago, so its seats aren't read.
    async fn read_before_rejection(
        &mut self,
        ctx: &RequestContext,
        retry_loop: &mut RetryLoop<'_>,
    ) -> Result<Option<BookStep>, StoreError> {
        let (inventory, owner) = (self.request.inventory, self.request.owner);
        let mut keys = vec![booking_key(inventory, owner, self.request.booking)];
        if let Source::Named(_) = self.source {
            keys.extend(self.request.seats.labels().map(|label| seat_key(inventory, label)));
        }
        let mut found = self.store.read_items(&keys, retry_loop).await?.into_iter();
        let booking = found.next().flatten();
        if let (Source::Whole(_), None) = (self.source, &booking) {
            return Ok(None);
        }
        let limit = self.request.limit.map(|_| ItemRejection::Passed);
        let results = std::iter::once(ItemRejection::Refused(booking)).chain(limit);
        let results = results.chain(found.map(ItemRejection::Refused)).collect();
        let step = self.evaluate_rejection(results, &RetryLoop::for_read(ctx, self.store))?;
        Ok(Some(step))
    }
}
