//! A theater's layout: its name, its seats in order, and where they are. A seat's position in the order is its slot in the
//! cache.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::best_available::Neighbours;
use super::details::Details;
use super::labels::Labels;
use super::names::{SeatLabel, TheaterId};
use super::plan::{InvalidPlan, Plan};
use super::text;

/// Most seats that one theater may have.
pub const MAX_SEATS: usize = 20_000;

/// Most characters that a theater's name may have.
pub const MAX_NAME: usize = 200;

/// One theater's seats. Always has between 1 and [`MAX_SEATS`] of them, no label twice.
#[derive(Debug)]
pub struct Layout {
    /// Which theater.
    pub theater: TheaterId,
    /// The name to show.
    pub name: String,
    /// Raised by every change; positions mean nothing between versions.
    pub version: u64,
    seats: Vec<SeatLabel>,
    positions: HashMap<SeatLabel, u32>,
    plan: Plan,
    details: Details,
    neighbours: OnceLock<Neighbours>,
    labels: OnceLock<Labels>,
}

impl PartialEq for Layout {
    /// By what it says, not by what was found out from that.
    fn eq(&self, other: &Self) -> bool {
        let Self { theater, name, version, seats, positions: _, plan, details, neighbours: _, labels: _ } = self;
        (theater, name, version, seats, plan, details)
            == (&other.theater, &other.name, &other.version, &other.seats, &other.plan, &other.details)
    }
}

impl Eq for Layout {}

/// Why a list of seats is no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLayout {
    /// Too few or too many.
    #[error("expected 1 to {MAX_SEATS} seats, got {0}")]
    Count(usize),
    /// A label stands twice.
    #[error("seat {0} is there twice")]
    Twice(SeatLabel),
    /// A name that can't be shown.
    #[error("expected a name of 1 to {MAX_NAME} visible characters")]
    Name,
    /// A detail that is out of bounds, or of a part that isn't there.
    #[error(transparent)]
    Details(#[from] InvalidPlan),
    /// A plan of another number of seats.
    #[error("expected a plan of {seats} seats, got one of {places}")]
    Plan {
        /// Seats of the layout.
        seats: usize,
        /// Places of the plan.
        places: usize,
    },
}

impl Layout {
    /// Makes a layout of a mere list of seats, in the order in which they are to be shown; its plan is [`Plan::of_list`].
    pub fn new(theater: TheaterId, name: String, version: u64, seats: Vec<SeatLabel>) -> Result<Self, InvalidLayout> {
        // Too many are refused before a plan is made of them.
        let plan = Plan::of_list(seats.get(..MAX_SEATS).unwrap_or(&seats));
        Self::with_plan(theater, name, version, seats, plan)
    }

    /// Makes a layout of seats in the order in which they are to be shown, with their places in the same order.
    pub fn with_plan(
        theater: TheaterId,
        name: String,
        version: u64,
        seats: Vec<SeatLabel>,
        plan: Plan,
    ) -> Result<Self, InvalidLayout> {
        if !text::has_characters(&name, 1..=MAX_NAME) {
            return Err(InvalidLayout::Name);
        }
        if seats.is_empty() || seats.len() > MAX_SEATS {
            return Err(InvalidLayout::Count(seats.len()));
        }
        let mut positions = HashMap::with_capacity(seats.len());
        for (position, seat) in (0..).zip(&seats) {
            if positions.insert(seat.clone(), position).is_some() {
                return Err(InvalidLayout::Twice(seat.clone()));
            }
        }
        if plan.places().len() != seats.len() {
            return Err(InvalidLayout::Plan { seats: seats.len(), places: plan.places().len() });
        }
        Ok(Self {
            theater,
            name,
            version,
            seats,
            positions,
            plan,
            details: Details::default(),
            neighbours: OnceLock::new(),
            labels: OnceLock::new(),
        })
    }

    /// Adds details to the layout.
    pub fn with_details(self, details: Details) -> Result<Self, InvalidLayout> {
        details.check(&self.plan)?;
        Ok(Self { details, ..self })
    }

    /// Returns the details.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Who sits next to whom: found out when it is first asked for, which most instances never are.
    pub fn neighbours(&self) -> &Neighbours {
        self.neighbours.get_or_init(|| Neighbours::of(&self.plan))
    }

    /// The labels as they are answered: written when they are first asked for.
    pub fn labels(&self) -> &Labels {
        self.labels.get_or_init(|| Labels::of(&self.seats))
    }

    /// Where the seats are.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The labels in order.
    pub fn seats(&self) -> &[SeatLabel] {
        &self.seats
    }

    /// Where a seat stands, counted from 0.
    pub fn position(&self, label: &str) -> Option<u32> {
        self.positions.get(label).copied()
    }

    /// The seats of this layout that `next` no longer has, in order.
    pub fn dropped_by(&self, next: &Layout) -> Vec<&SeatLabel> {
        let kept: HashSet<_> = next.seats.iter().collect();
        self.seats.iter().filter(|seat| !kept.contains(seat)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(labels: &[&str]) -> Result<Layout, InvalidLayout> {
        let seats = labels.iter().map(|label| SeatLabel::parse(label).unwrap()).collect();
        Layout::new(TheaterId::parse("1").unwrap(), "Theater_A".into(), 1, seats)
    }

    #[test]
    fn seats_keep_their_order_and_know_their_position() {
        let layout = layout(&["B2", "A1"]).unwrap();
        assert_eq!(layout.seats()[0].as_str(), "B2");
        assert_eq!((layout.position("B2"), layout.position("A1"), layout.position("C1")), (Some(0), Some(1), None));
    }

    #[test]
    fn a_label_twice_no_seats_or_too_many_are_refused() {
        assert_eq!(layout(&["A1", "A1"]), Err(InvalidLayout::Twice(SeatLabel::parse("A1").unwrap())));
        assert_eq!(layout(&[]), Err(InvalidLayout::Count(0)));
        let many: Vec<_> = (0..=MAX_SEATS).map(|n| n.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(layout(&many), Err(InvalidLayout::Count(MAX_SEATS + 1)));
    }

    #[test]
    fn a_name_is_there_bounded_and_tidy() {
        for bad in ["", "a\u{7}b", " a", "Cafe\u{301}", "a\u{200b}", &"x".repeat(MAX_NAME + 1)] {
            let seats = vec![SeatLabel::parse("A1").unwrap()];
            let made = Layout::new(TheaterId::parse("1").unwrap(), bad.to_owned(), 1, seats);
            assert_eq!(made, Err(InvalidLayout::Name), "{bad:?}");
        }
    }

    #[test]
    fn dropped_seats_are_named() {
        let (old, new) = (layout(&["A1", "A2", "A3"]).unwrap(), layout(&["A3", "B1", "A1"]).unwrap());
        assert_eq!(old.dropped_by(&new), [&SeatLabel::parse("A2").unwrap()]);
    }
}
