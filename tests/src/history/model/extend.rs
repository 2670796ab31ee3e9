//! Extensions of one seat of a reservation.

use super::{Seat, Theater};
use crate::history::call_log::{Answer, Request};
use crate::history::money::Lines;
use crate::history::price::SeatPrices;
use crate::history::reservation::Extended;
use crate::history::terms::CallOnTerms;

impl Theater {
    /// Returns the theater after an extension with this answer. `None` if the answer isn't possible.
    pub(super) fn extended(&self, index: usize, call: &CallOnTerms<'_>, answer: &Answer) -> Option<Self> {
        let Request::Extend { seat, reservation, key, .. } = call.request else { return None };
        let known = self.reservation(reservation);
        let now = known.evaluated_at(call.now);
        let Some(entry) = known.entry_of_current(seat) else {
            return (*answer == Answer::NotFound).then(|| self.clone());
        };
        if !entry.runs(now) {
            return (*answer == Answer::Expired).then(|| self.with_refused(reservation, call.now));
        }
        let prices = SeatPrices::default().with(seat, entry.price);
        let held = self.is_held(seat, reservation);
        let (said, lines) = match answer {
            Answer::Extended { expires_at, replayed, lines } => (Some((*expires_at, *replayed)), *lines),
            _ => (None, Lines::default()),
        };
        let answered = |wanted: Answer| (*answer == wanted).then(|| self.clone());
        match entry.extended {
            Some(extended) if extended.key == key && held => {
                let same = said == Some((entry.expires_at, extended.by != index));
                if same { self.clone().with_lines(&prices, &lines) } else { None }
            }
            Some(extended) if extended.key == key => answered(Answer::NotFound),
            Some(_) => answered(Answer::NotExtendable),
            None if !entry.would_end_later(call, now) => answered(Answer::NotExtendable),
            None if !held => answered(Answer::NotFound),
            None => {
                let next = self.with_extended(index, call)?;
                let expires_at = next.reservation(reservation).entry_of_current(seat)?.expires_at;
                if said == Some((expires_at, false)) { next.with_lines(&prices, &lines) } else { None }
            }
        }
    }

    /// Returns the theater after an extension. `None` if it changes nothing.
    pub(super) fn with_extended(&self, index: usize, call: &CallOnTerms<'_>) -> Option<Self> {
        let Request::Extend { seat, reservation, key, .. } = call.request else { return None };
        let known = self.reservation(reservation);
        let now = known.evaluated_at(call.now);
        let entry = known.entry_of_current(seat)?;
        let open = entry.extended.is_none() && entry.runs(now);
        if !open || !entry.would_end_later(call, now) || !self.is_held(seat, reservation) {
            return None;
        }
        let expires_at = entry.later(call, now);
        let mut next = self.clone();
        next.reservations.entry(reservation).or_default().extend(seat, expires_at, Extended { key, by: index });
        if let Seat::Reserved { expires_at: end, .. } = &mut next.seats[seat] {
            *end = expires_at;
        }
        next.within_limit(call)
    }
}
