//! Seating plan of a hall: the place, section, row, price and accessibility of each seat.
//!
//! A [`Layout`](crate::domain::layout::Layout) has one place for each of its seats, in the same order. Coordinates are
//! integers in the author's own unit (the defaults are in centimeters). Seen from the audience, x grows to the right
//! and y grows away from the stage.

use std::collections::HashSet;

use super::accessible_policy::AccessiblePolicy;
use super::ids::SeatLabel;
use super::prices::{Currency, TicketPrices};
use super::seat_index::SeatIndex;
use super::text;

/// Maximum number of sections of a seating plan.
pub const MAX_SECTIONS: usize = 500;
/// Maximum number of categories of a seating plan.
pub const MAX_CATEGORIES: usize = 100;
/// Maximum number of characters of the name of a section, row or category.
pub const MAX_PART_NAME: usize = 64;
/// Largest absolute value of a coordinate.
pub const MAX_COORDINATE: i32 = 1_000_000;

/// Default distance between neighboring seats.
pub const SEAT_PITCH: i32 = 50;
/// Default distance between rows.
pub const ROW_PITCH: i32 = 90;

/// A point in the hall.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Distance to the right, seen from the audience.
    pub x: i32,
    /// Distance away from the stage.
    pub y: i32,
}

/// A row of a section. Only seats of one row can be neighbors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Name of the row. May be empty.
    pub name: String,
    /// Section, as an index into [`SeatingPlan::sections`].
    pub section: u16,
}

/// A price category of seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub name: String,
    /// Prices of one seat by ticket type, in minor units of `currency`, for example cents.
    pub prices: TicketPrices,
    pub currency: Currency,
}

/// SeatPlacement of one seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatPlacement {
    /// Row, as an index into [`SeatingPlan::rows`].
    pub row: u16,
    pub point: Point,
    /// Category, as an index into [`SeatingPlan::categories`]. A seat without one has no price.
    pub category: Option<u16>,
    /// `true` if the seat is suitable for a person in a wheelchair.
    pub accessible: bool,
    /// The accessible seat that this seat accompanies, as an index in the layout.
    pub companion_of: Option<SeatIndex>,
}

/// Places of the seats of a layout. Created only with [`SeatingPlan::new`], [`SeatingPlan::of_stored`] or
/// [`SeatingPlan::of_list`], so every index in it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatingPlan {
    focal_point: Point,
    sections: Vec<String>,
    rows: Vec<Row>,
    categories: Vec<Category>,
    places: Vec<SeatPlacement>,
    accessible_policy: AccessiblePolicy,
}

/// Reason why a seating plan is invalid. The part is a path such as `rows[3]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: expected {expected}")]
pub struct InvalidPlan {
    pub part: String,
    /// Expected value.
    pub expected: String,
}

impl SeatingPlan {
    /// Creates a seating plan. `places` has the order of the layout's seats.
    ///
    /// # Errors
    ///
    /// Returns the first part that is out of bounds, has an invalid index, or has another currency than the first
    /// category.
    pub fn new(
        focal_point: Point,
        sections: Vec<String>,
        rows: Vec<Row>,
        categories: Vec<Category>,
        places: Vec<SeatPlacement>,
    ) -> Result<Self, InvalidPlan> {
        let plan = Self::of_stored(focal_point, sections, rows, categories, places)?;
        plan.check_currencies()?;
        Ok(plan)
    }

    /// Creates the seating plan of a stored layout. Version 0.1.0 accepted categories with different currencies, so
    /// they can still be read.
    ///
    /// # Errors
    ///
    /// Returns the first part that is out of bounds or has an invalid index.
    pub fn of_stored(
        focal_point: Point,
        sections: Vec<String>,
        rows: Vec<Row>,
        categories: Vec<Category>,
        places: Vec<SeatPlacement>,
    ) -> Result<Self, InvalidPlan> {
        let plan =
            Self { focal_point, sections, rows, categories, places, accessible_policy: AccessiblePolicy::default() };
        plan.check()?;
        Ok(plan)
    }

    /// Creates the seating plan of a plain list of seats.
    ///
    /// Consecutive labels that differ only in their last digits form a row (A1 A2 A3, then B1 B2 B3). Rows are behind
    /// each other, and the stage is before the middle of the first row. Every coordinate is within bounds, for any
    /// list.
    pub fn of_list(seats: &[SeatLabel]) -> Self {
        let row_of = |seat: &SeatLabel| seat.as_str().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let (mut rows, mut places): (Vec<Row>, Vec<SeatPlacement>) = (Vec::new(), Vec::with_capacity(seats.len()));
        let runs: Vec<_> = seats.chunk_by(|a, b| row_of(a) == row_of(b)).collect();
        for run in &runs {
            let row = u16::try_from(rows.len()).unwrap_or(u16::MAX);
            places.extend(row_of_points(run.len(), rows.len(), runs.len()).map(|point| SeatPlacement {
                row,
                point,
                category: None,
                accessible: false,
                companion_of: None,
            }));
            rows.push(Row { name: run.first().map(row_of).unwrap_or_default(), section: 0 });
        }
        let focal_point = Self::default_focal_point(&places);
        let (sections, categories) = (vec![String::new()], Vec::new());
        Self { focal_point, sections, rows, categories, places, accessible_policy: AccessiblePolicy::default() }
    }

    /// Sets the policy for accessible seats.
    #[must_use]
    pub fn with_accessible_policy(self, accessible_policy: AccessiblePolicy) -> Self {
        Self { accessible_policy, ..self }
    }

    /// Returns the default position of the stage: before the middle of the first row.
    pub fn default_focal_point(places: &[SeatPlacement]) -> Point {
        let xs = || places.iter().map(|place| place.point.x);
        let y = places.iter().map(|place| place.point.y).min().unwrap_or_default();
        let middle = i32::midpoint(xs().min().unwrap_or_default(), xs().max().unwrap_or_default());
        Point { x: middle, y: (y - 2 * ROW_PITCH).max(-MAX_COORDINATE) }
    }

    /// Returns the point that the audience looks at. Seats nearer to it are better.
    pub fn focal_point(&self) -> Point {
        self.focal_point
    }

    /// Returns the names of the sections.
    pub fn sections(&self) -> &[String] {
        &self.sections
    }

    /// Returns the rows of all sections.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Returns the price categories.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// Returns the places of the seats, in layout order.
    pub fn places(&self) -> &[SeatPlacement] {
        &self.places
    }

    /// Returns the policy that decides which parties get accessible seats.
    pub fn accessible_policy(&self) -> AccessiblePolicy {
        self.accessible_policy
    }

    /// Returns the section of a place.
    pub fn section_of(&self, place: &SeatPlacement) -> u16 {
        self.rows.get(usize::from(place.row)).map_or(0, |row| row.section)
    }

    fn check_currencies(&self) -> Result<(), InvalidPlan> {
        let Some(Category { currency: first, .. }) = self.categories.first() else { return Ok(()) };
        match self.categories.iter().position(|category| category.currency != *first) {
            None => Ok(()),
            Some(n) => Err(InvalidPlan {
                part: format!("categories[{n}].currency"),
                expected: format!("{first}, as categories[0] has"),
            }),
        }
    }

    fn check(&self) -> Result<(), InvalidPlan> {
        let invalid = |part: String, expected: String| Err(InvalidPlan { part, expected });
        let named = |name: &str, least: usize| text::is_valid_text(name, least..=MAX_PART_NAME);
        let expected_name = format!("a name of at most {MAX_PART_NAME} visible characters");
        let within =
            |point: Point| [point.x, point.y].iter().all(|c| c.unsigned_abs() <= MAX_COORDINATE.unsigned_abs());
        if self.sections.is_empty() || self.sections.len() > MAX_SECTIONS {
            return invalid("sections".into(), format!("1 to {MAX_SECTIONS}, got {}", self.sections.len()));
        }
        if self.categories.len() > MAX_CATEGORIES {
            return invalid("categories".into(), format!("at most {MAX_CATEGORIES}, got {}", self.categories.len()));
        }
        if !within(self.focal_point) {
            return invalid("focal_point".into(), format!("coordinates from -{MAX_COORDINATE} to {MAX_COORDINATE}"));
        }
        let mut names = HashSet::new();
        for (n, name) in self.sections.iter().enumerate() {
            if !named(name, 0) || !names.insert(name) {
                return invalid(format!("sections[{n}]"), format!("{expected_name}, not used before"));
            }
        }
        for (n, row) in self.rows.iter().enumerate() {
            if !named(&row.name, 0) || usize::from(row.section) >= self.sections.len() {
                return invalid(format!("rows[{n}]"), format!("{expected_name}, in a section"));
            }
        }
        names.clear();
        for (n, category) in self.categories.iter().enumerate() {
            if !named(&category.name, 1) || !names.insert(&category.name) {
                return invalid(format!("categories[{n}]"), format!("{expected_name}, not used before"));
            }
        }
        for (n, place) in self.places.iter().enumerate() {
            if usize::from(place.row) >= self.rows.len() {
                return invalid(format!("seats[{n}].row"), "a row of the plan".into());
            }
            if place.category.is_some_and(|category| usize::from(category) >= self.categories.len()) {
                return invalid(format!("seats[{n}].category"), "a category of the plan".into());
            }
            let is_accessible = |seat: SeatIndex| self.places.get(seat.as_usize()).is_some_and(|seat| seat.accessible);
            if place.companion_of.is_some_and(|seat| place.accessible || !is_accessible(seat)) {
                return invalid(format!("seats[{n}].companion_of"), "an accessible seat, and not to be one".into());
            }
            if !within(place.point) {
                return invalid(
                    format!("seats[{n}]"),
                    format!("coordinates from -{MAX_COORDINATE} to {MAX_COORDINATE}"),
                );
            }
        }
        Ok(())
    }
}

/// Returns the points of the `row`-th of `rows` rows, with its middle at x = 0. In a hall of more than about 11,000
/// rows, the rows are closer together, so that the last one is within bounds.
pub fn row_of_points(seats: usize, row: usize, rows: usize) -> impl Iterator<Item = Point> {
    let whole = |n: usize| i32::try_from(n).unwrap_or(MAX_COORDINATE);
    let pitch = ROW_PITCH.min(MAX_COORDINATE / whole(rows).max(1));
    let (left, y) = (-(whole(seats) - 1).saturating_mul(SEAT_PITCH) / 2, whole(row).saturating_mul(pitch));
    (0..seats).map(move |n| Point { x: left.saturating_add(whole(n).saturating_mul(SEAT_PITCH)), y })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[&str]) -> Vec<SeatLabel> {
        texts.iter().map(|text| SeatLabel::parse(text).unwrap()).collect()
    }

    fn category(name: &str, currency: &str) -> Category {
        let currency = Currency::parse(currency).unwrap();
        Category { name: name.into(), prices: TicketPrices::of_standard(1).unwrap(), currency }
    }

    #[test]
    fn only_a_stored_plan_may_have_several_currencies() {
        let make = |new: bool, currencies: [&str; 3]| {
            let categories = [0, 1, 2].map(|n| category(&n.to_string(), currencies[n])).to_vec();
            let make = if new { SeatingPlan::new } else { SeatingPlan::of_stored };
            let plan = SeatingPlan::of_list(&labels(&["A1"]));
            make(plan.focal_point, plan.sections, plan.rows, categories, plan.places)
        };
        assert!(make(true, ["EUR"; 3]).is_ok() && make(false, ["EUR", "EUR", "USD"]).is_ok());
        let error = make(true, ["EUR", "EUR", "USD"]).unwrap_err();
        assert_eq!(error.to_string(), "categories[2].currency: expected EUR, as categories[0] has");
    }

    #[test]
    fn plain_list_groups_labels_into_rows_by_prefix() {
        let plan = SeatingPlan::of_list(&labels(&["A1", "A2", "A3", "B1", "B2"]));
        assert_eq!(plan.rows().iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["A", "B"]);
        let points: Vec<_> = plan.places().iter().map(|place| (place.row, place.point.x, place.point.y)).collect();
        assert_eq!(points, [(0, -50, 0), (0, 0, 0), (0, 50, 0), (1, -25, 90), (1, 25, 90)]);
        assert_eq!(plan.focal_point(), Point { x: 0, y: -180 });
        assert_eq!(plan.check(), Ok(()));
    }

    #[test]
    fn a_list_of_20_000_rows_or_seats_stays_within_bounds() {
        let label = |n: usize| SeatLabel::parse(&format!("{}{}", ["A", "B"][n % 2], n / 2)).unwrap();
        let rows: Vec<_> = (0..20_000).map(label).collect();
        let plan = SeatingPlan::of_list(&rows);
        assert_eq!((plan.rows().len(), plan.check()), (20_000, Ok(())));
        let row: Vec<_> = (0..20_000).map(|n| SeatLabel::parse(&format!("A{n}")).unwrap()).collect();
        let plan = SeatingPlan::of_list(&row);
        assert_eq!((plan.rows().len(), plan.check()), (1, Ok(())));
    }

    #[test]
    fn invalid_indexes_and_bounds_are_named_by_path() {
        let good = || SeatingPlan::of_list(&labels(&["A1"]));
        type Spoil = fn(&mut SeatingPlan);
        let cases: [(Spoil, &str); 10] = [
            (|plan| plan.sections.clear(), "sections"),
            (|plan| plan.sections = vec!["a".into(), "a".into()], "sections[1]"),
            (|plan| plan.sections[0] = "x".repeat(65), "sections[0]"),
            (|plan| plan.rows[0].section = 1, "rows[0]"),
            (|plan| plan.rows[0].name = "a\n".into(), "rows[0]"),
            (|plan| plan.categories = vec![category("", "EUR")], "categories[0]"),
            (|plan| plan.categories = vec![category("a", "EUR"), category("a", "EUR")], "categories[1]"),
            (|plan| plan.places[0].row = 1, "seats[0].row"),
            (|plan| plan.places[0].category = Some(0), "seats[0].category"),
            (|plan| plan.places[0].point.x = MAX_COORDINATE + 1, "seats[0]"),
        ];
        for (spoil, part) in cases {
            let mut plan = good();
            spoil(&mut plan);
            assert_eq!(plan.check().unwrap_err().part, part);
        }
    }
}
