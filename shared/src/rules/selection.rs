//! The seats that one call is about: a small set of seats of one layout.

use super::availability::SeatState;
use super::layout::Layout;
use super::names::SeatLabel;

/// Seats that one call may name at the most, whatever is configured: a DynamoDB transaction holds 100 items.
pub const MOST_SEATS_PER_CALL: usize = 49;

/// Seats that one transaction can change at the most, beside one item more.
pub const MOST_SEATS_AT_ONCE: usize = 99;

/// One seat of a selection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedSeat {
    /// Its label.
    pub label: SeatLabel,
    /// Its position in the layout.
    pub position: u32,
}

/// Seats of one layout, each once, in layout order. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection(Vec<SelectedSeat>);

/// A seat that somebody else has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which seat.
    pub seat: SeatLabel,
    /// Booked, or reserved until when.
    pub state: SeatState,
    /// Nobody has it: it was taken out of the layout, and whoever wants it may be behind.
    pub removed: bool,
    /// It is the caller's own, by another request.
    pub yours: bool,
}

/// Seats that the layout doesn't have, in the order in which they were named.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownSeats(pub Vec<SeatLabel>);

impl Selection {
    /// Finds the seats in the layout. A label named twice counts once.
    pub fn of(labels: &[SeatLabel], layout: &Layout) -> Result<Self, UnknownSeats> {
        let mut seats = Vec::with_capacity(labels.len());
        let mut unknown = Vec::new();
        for label in labels {
            match layout.position(label.as_str()) {
                Some(position) => seats.push(SelectedSeat { label: label.clone(), position }),
                None => unknown.push(label.clone()),
            }
        }
        seats.sort_unstable_by_key(|seat| seat.position);
        seats.dedup();
        if unknown.is_empty() { Ok(Self(seats)) } else { Err(UnknownSeats(unknown)) }
    }

    /// The seats at these positions of the layout; positions that it doesn't have are left out.
    pub fn at(positions: &[u32], layout: &Layout) -> Self {
        let label = |position: u32| layout.seats().get(usize::try_from(position).ok()?).cloned();
        let seats = positions
            .iter()
            .filter_map(|position| Some(SelectedSeat { label: label(*position)?, position: *position }));
        let mut seats: Vec<_> = seats.collect();
        seats.sort_unstable_by_key(|seat| seat.position);
        seats.dedup();
        Self(seats)
    }

    /// The seats in layout order.
    pub fn seats(&self) -> &[SelectedSeat] {
        &self.0
    }

    /// The labels in layout order.
    pub fn labels(&self) -> impl Iterator<Item = &SeatLabel> {
        self.0.iter().map(|seat| &seat.label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::names::TheaterId;

    fn labels(texts: &[&str]) -> Vec<SeatLabel> {
        texts.iter().map(|text| SeatLabel::parse(text).unwrap()).collect()
    }

    #[test]
    fn a_selection_is_a_set_in_layout_order() {
        let layout = Layout::new(TheaterId::parse("1").unwrap(), "T".into(), 1, labels(&["B1", "A1", "A2"])).unwrap();
        let selection = Selection::of(&labels(&["A2", "B1", "A2"]), &layout).unwrap();
        assert_eq!(selection.labels().map(SeatLabel::as_str).collect::<Vec<_>>(), ["B1", "A2"]);
        assert_eq!(selection.seats()[1].position, 2);
    }

    #[test]
    fn every_unknown_seat_is_named() {
        let layout = Layout::new(TheaterId::parse("1").unwrap(), "T".into(), 1, labels(&["A1"])).unwrap();
        let unknown = Selection::of(&labels(&["Z9", "A1", "Y1"]), &layout).unwrap_err();
        assert_eq!(unknown, UnknownSeats(labels(&["Z9", "Y1"])));
    }
}
