//! Layouts that aren't stored yet.

use super::details::Details;
use super::ids::{SeatLabel, TheaterId};
use super::layout::{InvalidLayout, Layout};
use super::layout_version::LayoutVersion;
use super::seating_plan::SeatingPlan;

/// A layout to store. It gets its version when it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLayout {
    /// Name to show to buyers.
    pub name: String,
    /// Seats in display order.
    pub seats: Vec<SeatLabel>,
    /// Places of the seats, in the same order.
    pub plan: SeatingPlan,
    pub details: Details,
}

impl NewLayout {
    /// Creates a layout from a plain list of seats.
    pub fn of_list(name: impl Into<String>, seats: Vec<SeatLabel>) -> Self {
        Self { name: name.into(), plan: SeatingPlan::of_list(&seats), seats, details: Details::default() }
    }

    /// Converts it into the layout of a theater.
    ///
    /// # Errors
    ///
    /// Returns an error if the name, the seats, the seating plan or the details are invalid.
    pub fn into_layout(self, theater: TheaterId, version: LayoutVersion) -> Result<Layout, InvalidLayout> {
        Layout::with_plan(theater, self.name, version, self.seats, self.plan)?.with_details(self.details)
    }
}
