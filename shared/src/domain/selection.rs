//! The seats of one call: a small set of seats of one layout.

use super::availability::SeatState;
use super::ids::SeatLabel;
use super::layout::Layout;
use super::prices::TicketType;
use super::seat_index::SeatIndex;

/// Maximum number of seats of one call, whatever is configured. A DynamoDB transaction holds 100 items.
pub const MAX_CONFIGURABLE_SEATS_PER_CALL: usize = 49;

/// Maximum number of seats that one transaction can change, together with one other item.
pub const MAX_SEATS_PER_TRANSACTION: usize = 99;

/// One seat of a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedSeat {
    pub label: SeatLabel,
    pub seat_index: SeatIndex,
}

/// Different seats of one layout, in layout order. Never empty.
///
/// # Examples
///
/// ```
/// use boxoffice::domain::layout::Layout;
/// use boxoffice::domain::ids::{SeatLabel, TheaterId};
/// use boxoffice::domain::layout_version::LayoutVersion;
/// use boxoffice::domain::selection::Selection;
///
/// let labels = |texts: &[&str]| texts.iter().map(|text| SeatLabel::parse(text).unwrap()).collect::<Vec<_>>();
/// let seats = labels(&["B1", "A1", "A2"]);
/// let layout = Layout::new(TheaterId::parse("opera").unwrap(), "Opera".to_owned(), LayoutVersion::new(1), seats).unwrap();
///
/// // A set in layout order: a repeated label counts once.
/// let selection = Selection::of(&labels(&["A2", "B1", "A2"]), &layout).unwrap();
/// assert_eq!(selection.labels().map(SeatLabel::as_str).collect::<Vec<_>>(), ["B1", "A2"]);
///
/// let unknown = Selection::of(&labels(&["A1", "Z9"]), &layout).unwrap_err();
/// assert_eq!(unknown.0, labels(&["Z9"]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<SelectedSeat>);

/// A requested seat that isn't available to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub seat: SeatLabel,
    /// State of the seat: booked, or reserved or withdrawn with its end. If it is withdrawn, the caller may have an
    /// older layout.
    pub state: SeatState,
    /// `true` if another request of the same caller has the seat.
    pub yours: bool,
}

/// A seat that is reserved under the caller's own reservation as another ticket type than the requested one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherTicketType {
    pub conflict: Conflict,
    /// The ticket type as which the seat is reserved.
    pub reserved_as: TicketType,
}

/// Requested seats that the layout doesn't have, in the order of the request.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownSeats(pub Vec<SeatLabel>);

impl Selection {
    /// Finds seats in the layout by their labels. A repeated label counts once.
    ///
    /// # Errors
    ///
    /// Returns all labels that the layout doesn't have.
    pub fn of<'a>(labels: impl IntoIterator<Item = &'a SeatLabel>, layout: &Layout) -> Result<Self, UnknownSeats> {
        let labels = labels.into_iter();
        let mut seats = Vec::with_capacity(labels.size_hint().0);
        let mut unknown = Vec::new();
        for label in labels {
            match layout.seat_index(label.as_str()) {
                Some(seat_index) => seats.push(SelectedSeat { label: label.clone(), seat_index }),
                None => unknown.push(label.clone()),
            }
        }
        seats.sort_unstable_by_key(|seat| seat.seat_index);
        seats.dedup();
        if unknown.is_empty() { Ok(Self(seats)) } else { Err(UnknownSeats(unknown)) }
    }

    /// Returns the seats at these indexes. Skips indexes that the layout doesn't have.
    pub fn at(seat_indexes: &[SeatIndex], layout: &Layout) -> Self {
        let label = |seat_index: SeatIndex| layout.seats().get(seat_index.as_usize()).cloned();
        let seats = seat_indexes
            .iter()
            .filter_map(|seat_index| Some(SelectedSeat { label: label(*seat_index)?, seat_index: *seat_index }));
        let mut seats: Vec<_> = seats.collect();
        seats.sort_unstable_by_key(|seat| seat.seat_index);
        seats.dedup();
        Self(seats)
    }

    /// Returns the seats in layout order.
    pub fn seats(&self) -> &[SelectedSeat] {
        &self.0
    }

    /// Returns the labels in layout order.
    pub fn labels(&self) -> impl Iterator<Item = &SeatLabel> {
        self.0.iter().map(|seat| &seat.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::TheaterId;
    use crate::domain::layout_version::LayoutVersion;

    fn labels(texts: &[&str]) -> Vec<SeatLabel> {
        texts.iter().map(|text| SeatLabel::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_selection_is_a_set_in_layout_order() {
        let layout =
            Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(1), labels(&["B1", "A1", "A2"]))
                .unwrap();
        let selection = Selection::of(&labels(&["A2", "B1", "A2"]), &layout).unwrap();
        assert_eq!(selection.labels().map(SeatLabel::as_str).collect::<Vec<_>>(), ["B1", "A2"]);
        assert_eq!(selection.seats()[1].seat_index, SeatIndex::new(2));
    }

    #[test]
    fn every_unknown_seat_is_named() {
        let layout =
            Layout::new(TheaterId::parse("1").unwrap(), "T".into(), LayoutVersion::new(1), labels(&["A1"])).unwrap();
        let unknown = Selection::of(&labels(&["Z9", "A1", "Y1"]), &layout).unwrap_err();
        assert_eq!(unknown, UnknownSeats(labels(&["Z9", "Y1"])));
    }
}
