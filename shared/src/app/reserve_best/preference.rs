//! The seat preference of a request, in the forms that a choice needs.

use super::preference_text::preference_text;
use super::{AccessibleSeats, ReserveBest, ReserveBestError};
use crate::app::{ReserveError, SelectError};
use crate::domain::best_available;
use crate::domain::ids::SeatLabel;
use crate::domain::inventory::Inventory;
use crate::domain::offers::{Offers, unknown_ticket_types};
use crate::domain::seat_request::SeatRequest;
use crate::domain::selection::Selection;
use crate::domain::text;
use crate::domain::time::EpochMillis;

impl ReserveBest {
    /// Returns the text by which a repeat is compared with the first request.
    pub(super) fn text(&self) -> String {
        let mut text =
            preference_text(self.quantity, self.section.as_deref(), self.category.as_deref(), self.accessible);
        for ticket_type in self.ticket_types.iter().flatten() {
            text.push(' ');
            text.push_str(ticket_type.as_str());
        }
        text
    }

    /// Returns chosen seats with their ticket types. `seats` are in layout order.
    pub(super) fn seat_requests<'a>(&self, seats: impl IntoIterator<Item = &'a SeatLabel>) -> Vec<SeatRequest> {
        let mut types = self.ticket_types.iter().flatten().cloned();
        let request = |seat: &SeatLabel| SeatRequest { seat: seat.clone(), ticket_type: types.next() };
        seats.into_iter().map(request).collect()
    }

    /// Returns the prices of chosen seats. Returns an error for a seat that isn't sold as its ticket type.
    pub(super) fn offers(
        &self,
        inventory: &Inventory,
        selection: &Selection,
    ) -> Result<Option<Offers>, ReserveBestError> {
        if inventory.prices.is_none() && self.ticket_types.is_none() {
            return Ok(None);
        }
        let requests = self.seat_requests(selection.labels());
        let unknown = unknown_ticket_types(&requests, inventory);
        if unknown.is_empty() {
            Ok(Offers::of(&requests, selection, inventory))
        } else {
            Err(ReserveError::Select(SelectError::TicketTypeNotFound(unknown)).into())
        }
    }

    /// Converts the seat preference to indices of the layout's sections and categories. The policy for accessible seats
    /// is that of the instant `now`.
    pub(super) fn wish(
        &self,
        inventory: &Inventory,
        now: EpochMillis,
    ) -> Result<best_available::Wish, ReserveBestError> {
        let plan = inventory.layout.plan();
        let sections = || plan.sections().iter();
        let section = match &self.section {
            None => None,
            Some(name) => Some(
                index_of(name, sections().map(String::as_str))
                    .ok_or_else(|| ReserveBestError::UnknownSection(plan.sections().to_vec()))?,
            ),
        };
        let names = || plan.categories().iter().map(|category| category.name.as_str());
        let category = match &self.category {
            None => None,
            Some(name) => Some(
                index_of(name, names())
                    .ok_or_else(|| ReserveBestError::UnknownCategory(names().map(str::to_owned).collect()))?,
            ),
        };
        let accessible = match self.accessible {
            AccessibleSeats::None => 0,
            AccessibleSeats::All => self.quantity,
            AccessibleSeats::Some(seats) => seats,
        };
        let starts_at = inventory.show.as_ref().map(|show| show.starts_at.instant());
        let is_protected = plan.accessible_policy().protects(starts_at, now);
        Ok(best_available::Wish { quantity: self.quantity, section, category, accessible, is_protected })
    }
}

/// Returns the index of a name among names in their stored form.
fn index_of<'a>(name: &str, mut names: impl Iterator<Item = &'a str>) -> Option<u16> {
    // A name with a hidden character counts as an empty one.
    let name = text::normalize(name).unwrap_or_default();
    let index = names.position(|stored| stored == name)?;
    Some(u16::try_from(index).expect("a layout has at most 65,536 sections and categories"))
}
