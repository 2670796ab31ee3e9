//! Layout of a theater: its name, and its seats with their order and places. The index of a seat in that order is
//! also its slot in the cache.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use super::best_available::Neighbors;
use super::details::{Details, MAX_NAME};
use super::ids::{SeatLabel, TheaterId};
use super::labels::Labels;
use super::layout_version::LayoutVersion;
use super::seat_index::SeatIndex;
use super::seating_plan::{InvalidPlan, SeatingPlan};
use super::text;

/// Maximum number of seats of a theater.
pub const MAX_SEATS: usize = 20_000;

/// The seats of one theater: between 1 and [`MAX_SEATS`] seats with different labels.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::layout::Layout;
/// use boxoffice::domain::ids::{SeatLabel, TheaterId};
/// use boxoffice::domain::layout_version::LayoutVersion;
/// use boxoffice::domain::seat_index::SeatIndex;
///
/// let seats = ["A1", "A2", "B1"].iter().map(|label| SeatLabel::parse(label)).collect::<Result<Vec<_>, _>>()?;
/// let layout = Layout::new(TheaterId::parse("opera")?, "Opera".to_owned(), LayoutVersion::new(1), seats)?;
/// assert_eq!(layout.seat_index("A2"), Some(SeatIndex::new(1)));
/// assert_eq!(layout.seat_index("C1"), None);
/// assert_eq!(layout.plan().rows().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Layout {
    pub theater: TheaterId,
    /// Name to show to buyers.
    pub name: String,
    /// Version of the layout. Every change raises it. Seat indexes are valid only within one version.
    pub version: LayoutVersion,
    seats: Vec<SeatLabel>,
    indexes: HashMap<SeatLabel, SeatIndex>,
    plan: SeatingPlan,
    details: Details,
    neighbors: OnceLock<Neighbors>,
    labels: OnceLock<Labels>,
}

impl PartialEq for Layout {
    /// Compares the content, not the values derived from it.
    fn eq(&self, other: &Self) -> bool {
        let Self { theater, name, version, seats, indexes: _, plan, details, neighbors: _, labels: _ } = self;
        (theater, name, version, seats, plan, details)
            == (&other.theater, &other.name, &other.version, &other.seats, &other.plan, &other.details)
    }
}

impl Eq for Layout {}

/// Reason why a list of seats isn't a valid layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLayout {
    /// The number of seats is out of range.
    #[error("expected 1 to {MAX_SEATS} seats, got {0}")]
    Count(usize),
    /// Two seats have the same label.
    #[error("seat {0} is there twice")]
    Twice(SeatLabel),
    /// The name is too long, empty, or has hidden characters.
    #[error("expected a name of 1 to {MAX_NAME} visible characters")]
    Name,
    /// A detail is out of bounds or refers to a part that doesn't exist.
    #[error(transparent)]
    Details(#[from] InvalidPlan),
    /// The seating plan has a different number of seats.
    #[error("expected a plan of {seats} seats, got one of {places}")]
    SeatingPlan {
        /// Number of seats in the layout.
        seats: usize,
        /// Number of places in the seating plan.
        places: usize,
    },
}

impl Layout {
    /// Creates a layout from a plain list of seats, in display order. Its seating plan is [`SeatingPlan::of_list`].
    ///
    /// # Errors
    ///
    /// Returns an error if the name, the number of seats or a label is invalid.
    pub fn new(
        theater: TheaterId,
        name: String,
        version: LayoutVersion,
        seats: Vec<SeatLabel>,
    ) -> Result<Self, InvalidLayout> {
        // Only the first MAX_SEATS seats are placed. `with_plan` rejects longer lists.
        let plan = SeatingPlan::of_list(seats.get(..MAX_SEATS).unwrap_or(&seats));
        Self::with_plan(theater, name, version, seats, plan)
    }

    /// Creates a layout from seats in display order, and their places in the same order.
    ///
    /// # Errors
    ///
    /// Returns an error if the name, the number of seats or a label is invalid, or if the seating plan has a
    /// different number of seats.
    pub fn with_plan(
        theater: TheaterId,
        name: String,
        version: LayoutVersion,
        seats: Vec<SeatLabel>,
        plan: SeatingPlan,
    ) -> Result<Self, InvalidLayout> {
        if !text::is_valid_text(&name, 1..=MAX_NAME) {
            return Err(InvalidLayout::Name);
        }
        if seats.is_empty() || seats.len() > MAX_SEATS {
            return Err(InvalidLayout::Count(seats.len()));
        }
        let mut indexes = HashMap::with_capacity(seats.len());
        for (index, seat) in SeatIndex::all().zip(&seats) {
            if indexes.insert(seat.clone(), index).is_some() {
                return Err(InvalidLayout::Twice(seat.clone()));
            }
        }
        if plan.places().len() != seats.len() {
            return Err(InvalidLayout::SeatingPlan { seats: seats.len(), places: plan.places().len() });
        }
        Ok(Self {
            theater,
            name,
            version,
            seats,
            indexes,
            plan,
            details: Details::default(),
            neighbors: OnceLock::new(),
            labels: OnceLock::new(),
        })
    }

    /// Adds details to the layout.
    ///
    /// # Errors
    ///
    /// Returns an error if a detail is out of bounds or refers to a part that the layout doesn't have.
    pub fn with_details(self, details: Details) -> Result<Self, InvalidLayout> {
        details.check(&self.plan)?;
        Ok(Self { details, ..self })
    }

    /// Returns the details.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Returns which seats are next to each other. Computed on the first call, because most instances never need it.
    pub fn neighbors(&self) -> &Neighbors {
        self.neighbors.get_or_init(|| Neighbors::of(&self.plan))
    }

    /// Returns the labels in their response format. Written on the first call.
    pub fn labels(&self) -> &Labels {
        self.labels.get_or_init(|| Labels::of(&self.seats))
    }

    /// Returns the seating plan.
    pub fn plan(&self) -> &SeatingPlan {
        &self.plan
    }

    /// Returns the labels in display order.
    pub fn seats(&self) -> &[SeatLabel] {
        &self.seats
    }

    pub fn seat_index(&self, label: &str) -> Option<SeatIndex> {
        self.indexes.get(label).copied()
    }

    /// Returns the seats of this layout that `next` doesn't have, in order.
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
        Layout::new(TheaterId::parse("1").unwrap(), "Theater_A".into(), LayoutVersion::new(1), seats)
    }

    #[test]
    fn seats_keep_their_order_and_index() {
        let layout = layout(&["B2", "A1"]).unwrap();
        assert_eq!(layout.seats()[0].as_str(), "B2");
        assert_eq!(
            (layout.seat_index("B2"), layout.seat_index("A1"), layout.seat_index("C1")),
            (Some(SeatIndex::new(0)), Some(SeatIndex::new(1)), None)
        );
    }

    #[test]
    fn duplicate_missing_and_too_many_seats_are_rejected() {
        assert_eq!(layout(&["A1", "A1"]), Err(InvalidLayout::Twice(SeatLabel::parse("A1").unwrap())));
        assert_eq!(layout(&[]), Err(InvalidLayout::Count(0)));
        let many: Vec<_> = (0..=MAX_SEATS).map(|n| n.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(layout(&many), Err(InvalidLayout::Count(MAX_SEATS + 1)));
    }

    #[test]
    fn name_is_required_bounded_and_normalized() {
        for bad in ["", "a\u{7}b", " a", "Cafe\u{301}", "a\u{200b}", &"x".repeat(MAX_NAME + 1)] {
            let seats = vec![SeatLabel::parse("A1").unwrap()];
            let made = Layout::new(TheaterId::parse("1").unwrap(), bad.to_owned(), LayoutVersion::new(1), seats);
            assert_eq!(made, Err(InvalidLayout::Name), "{bad:?}");
        }
    }

    #[test]
    fn dropped_seats_are_named() {
        let (old, new) = (layout(&["A1", "A2", "A3"]).unwrap(), layout(&["A3", "B1", "A1"]).unwrap());
        assert_eq!(old.dropped_by(&new), [&SeatLabel::parse("A2").unwrap()]);
    }
}
