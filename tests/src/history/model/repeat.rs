//! Reservations while the sale is paused. The record of a reservation answers a repeat, and anything else is refused.

use super::{Theater, effective_id};
use crate::history::call_log::{Answer, Request};
use crate::history::money::Lines;
use crate::history::terms::CallOnTerms;

impl Theater {
    /// Returns `true` if an instance that sees a paused sale gives this answer to a reservation.
    pub(super) fn remembered_as_answered(&self, index: usize, call: &CallOnTerms<'_>) -> bool {
        call.may_be_paused && self.remembered(index, call).is_some_and(|answer| answer == call.answer)
    }

    /// Returns the answer by the record alone. The items of the seats aren't read, so a seat that was booked by its name
    /// counts as reserved.
    fn remembered(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Answer> {
        let Request::Reserve { seats, .. } = call.request else { return None };
        let reservation = effective_id(index, call);
        let known = self.reservation(reservation);
        if known.is_spent_for(seats) {
            return Some(Answer::Released);
        }
        let Some(entries) = known.entries_of(seats) else { return Some(Answer::NotOnSale) };
        let now = known.evaluated_at(call.now);
        if entries.iter().any(|entry| !entry.runs(now)) {
            return Some(Answer::Expired);
        }
        if entries.iter().any(|entry| call.names_other_type(entry.seat, entry.price)) {
            return Some(Answer::OtherTypes);
        }
        let ends = entries.iter().map(|entry| entry.expires_at);
        let expires_at = ends.chain(known.end(call.now)).min()?;
        let lines = entries.iter().fold(Lines::default(), |lines, entry| lines.with(entry.seat, entry.price));
        Some(Answer::Reserved { reservation, expires_at, replayed: true, lines })
    }
}
