//! Reservations while the sale is paused. The record of a reservation answers a repeat, and anything else is refused.

use super::{Theater, effective_id};
use crate::history::call_log::{Answer, Request};
use crate::history::price::SeatPrices;
use crate::history::terms::CallOnTerms;

impl Theater {
    /// Returns the theater after a reservation by an instance that sees a paused sale. `None` if its answer isn't
    /// possible. The items of the seats aren't read, so a seat that was booked by its name counts as reserved.
    pub(super) fn remembered_as_answered(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Self> {
        let Request::Reserve { seats, .. } = call.request else { return None };
        if !call.may_be_paused {
            return None;
        }
        let answered = |wanted: Answer| (call.answer == wanted).then(|| self.clone());
        let known = self.reservation(effective_id(index, call));
        if known.is_spent_for(seats) {
            return answered(Answer::Released);
        }
        let Some(entries) = known.entries_of(seats) else { return answered(Answer::NotOnSale) };
        let now = known.evaluated_at(call.now);
        if entries.iter().any(|entry| !entry.runs(now)) {
            return answered(Answer::Expired);
        }
        if entries.iter().any(|entry| call.names_other_type(entry.seat, entry.price)) {
            return answered(Answer::OtherTypes);
        }
        let Answer::Reserved { expires_at, replayed: true, lines, .. } = &call.answer else { return None };
        let ends = entries.iter().map(|entry| entry.expires_at).chain(known.end(call.now));
        let prices = entries.iter().fold(SeatPrices::default(), |prices, entry| prices.with(entry.seat, entry.price));
        if ends.min() == Some(*expires_at) { self.clone().with_lines(&prices, lines) } else { None }
    }
}
