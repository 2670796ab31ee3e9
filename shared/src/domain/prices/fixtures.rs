//! Prices and a priced hall for tests.

use super::{Currency, TicketPrices, TicketType};
use crate::domain::details::{Details, SeatDetails};
use crate::domain::ids::{SeatLabel, TheaterId};
use crate::domain::layout::Layout;
use crate::domain::layout_version::LayoutVersion;
use crate::domain::seat_index::SeatIndex;
use crate::domain::seating_plan::{Category, Point, Row, SeatPlacement, SeatingPlan};

/// Makes prices from types and minor units.
pub(crate) fn prices<const N: usize>(of: [(&str, u64); N]) -> TicketPrices {
    TicketPrices::new(of.map(|(name, price)| (TicketType::parse(name).unwrap(), price)).into()).unwrap()
}

/// Makes a hall of three seats: A1 is premium (standard 8500, child 4500), A2 is cheap (standard 3000), and B1 has
/// no category and is in a row without a name.
pub(crate) fn hall() -> Layout {
    let currency = Currency::parse("EUR").unwrap();
    let categories = vec![
        Category { name: "premium".into(), prices: prices([("standard", 8_500), ("child", 4_500)]), currency },
        Category { name: "cheap".into(), prices: prices([("standard", 3_000)]), currency },
    ];
    let place = |row, x, category| SeatPlacement {
        row,
        point: Point { x, y: 0 },
        category,
        accessible: false,
        companion_of: None,
    };
    let places = vec![place(0, 0, Some(0)), place(0, 50, Some(1)), place(1, 0, None)];
    let rows = vec![Row { name: "A".into(), section: 0 }, Row { name: String::new(), section: 1 }];
    let plan = SeatingPlan::new(Point::default(), vec!["Stalls".into(), String::new()], rows, categories, places);
    let seats = ["A1", "A2", "B1"].map(|label| SeatLabel::parse(label).unwrap()).to_vec();
    let theater = TheaterId::parse("hall").unwrap();
    let layout = Layout::with_plan(theater, "Hall".into(), LayoutVersion::new(1), seats, plan.unwrap()).unwrap();
    let numbered = SeatDetails { number: Some("1a".into()), ..SeatDetails::default() };
    layout.with_details(Details { seats: [(SeatIndex::new(0), numbered)].into(), ..Details::default() }).unwrap()
}
