//! Every expression and value of a seat's writes, compared with `expressions.txt` byte for byte.

use super::*;
use crate::domain::caller::Role;
use crate::domain::lines::FixedPrice;
use crate::domain::prices::TicketType;
use crate::store::schema::Item;
use uuid::Uuid;

const RESERVATION: ReservationId = ReservationId::new(Uuid::from_u128(1));
const BOOKING: OwnedBookingId = OwnedBookingId::new(Uuid::from_u128(2));
const TOKEN: RequestToken = RequestToken::new(Uuid::from_u128(3));
const OWNER: Owner = Owner(Uuid::from_u128(4));
const STAFF: Option<Role> = Some(Role::Staff);
const NOW: EpochMillis = EpochMillis::new(5_000);
const STAMP: EpochMillis = EpochMillis::new(6_000);
const SEEN: EpochMillis = EpochMillis::new(7_000);
const END: EpochSeconds = EpochSeconds::new(8);
const LATER: EpochSeconds = EpochSeconds::new(9);

/// Returns every write that the store makes, with and without an owner and a reservation.
fn every_write() -> Vec<(&'static str, SeatWrite)> {
    let anonymous = SeatHolder { reservation: RESERVATION, owner: None };
    let signed_in = SeatHolder { reservation: RESERVATION, owner: Some(OWNER) };
    let reserved_for = |holder| NewReservation { holder, token: TOKEN, expires_at: END };
    let end = MovedEnd { from: END, to: LATER };
    vec![
        ("reserve", SeatWrite::reserve(&reserved_for(anonymous), STAMP, NOW)),
        ("reserve, signed in", SeatWrite::reserve(&reserved_for(signed_in), STAMP, NOW)),
        ("still_reserved", SeatWrite::still_reserved(RESERVATION, STAMP, NOW)),
        ("always_reject", SeatWrite::always_reject()),
        ("extend", SeatWrite::extend(&anonymous, end, STAMP)),
        ("extend, signed in", SeatWrite::extend(&signed_in, end, STAMP)),
        ("release", SeatWrite::release(&anonymous, STAMP, NOW)),
        ("release, signed in", SeatWrite::release(&signed_in, STAMP, NOW)),
        ("cancel", SeatWrite::cancel(BOOKING, STAMP, NOW)),
        ("withdraw", SeatWrite::withdraw(LayoutVersion::new(10), END, STAMP, NOW)),
        ("take_back", SeatWrite::take_back(SEEN, NOW)),
        ("book_reserved", SeatWrite::book_reserved(BOOKING, &anonymous, STAMP)),
        ("book_reserved, signed in", SeatWrite::book_reserved(BOOKING, &signed_in, STAMP)),
        ("book_running", SeatWrite::book_running(BOOKING, &anonymous, STAMP, NOW)),
        ("book_running, signed in", SeatWrite::book_running(BOOKING, &signed_in, STAMP, NOW)),
        ("book", SeatWrite::book(BOOKING, None, None, STAMP, NOW)),
        ("book, signed in", SeatWrite::book(BOOKING, None, Some(OWNER), STAMP, NOW)),
        ("book, reserved", SeatWrite::book(BOOKING, Some(RESERVATION), None, STAMP, NOW)),
        ("book, reserved, signed in", SeatWrite::book(BOOKING, Some(RESERVATION), Some(OWNER), STAMP, NOW)),
        ("reserve, by staff", SeatWrite::reserve(&reserved_for(signed_in), STAMP, NOW).by(STAFF)),
        ("extend, by staff", SeatWrite::extend(&signed_in, end, STAMP).by(STAFF)),
        ("release, by staff", SeatWrite::release(&signed_in, STAMP, NOW).by(STAFF)),
        ("cancel, by staff", SeatWrite::cancel(BOOKING, STAMP, NOW).by(STAFF)),
        ("book, by staff", SeatWrite::book(BOOKING, None, Some(OWNER), STAMP, NOW).by(STAFF)),
    ]
}

/// Returns every write of a seat in an inventory with prices.
fn every_priced_write() -> Vec<(&'static str, SeatWrite)> {
    let anonymous = SeatHolder { reservation: RESERVATION, owner: None };
    let signed_in = SeatHolder { reservation: RESERVATION, owner: Some(OWNER) };
    let reserve =
        || SeatWrite::reserve(&NewReservation { holder: anonymous, token: TOKEN, expires_at: END }, STAMP, NOW);
    let standard = FixedPrice { ticket_type: TicketType::standard(), price: 8_500 };
    let child = FixedPrice { ticket_type: TicketType::parse("child").unwrap(), price: 4_500 };
    let book = |holder, fixed, from| SeatWrite::book_at_price(BOOKING, holder, fixed, from, STAMP, NOW);
    let (anywhere, own) = (PricedFrom::Anywhere, PricedFrom::OwnReservation);
    vec![
        ("reserve at a price", reserve().with_price(Some(&standard))),
        ("reserve as child", reserve().with_price(Some(&child))),
        ("reserve without a category", reserve().with_price(None)),
        ("release", SeatWrite::release(&anonymous, STAMP, NOW).without_price()),
        ("withdraw", SeatWrite::withdraw(LayoutVersion::new(10), END, STAMP, NOW).without_price()),
        ("book_reserved", SeatWrite::book_reserved(BOOKING, &anonymous, STAMP).without_price()),
        ("book_running", SeatWrite::book_running(BOOKING, &anonymous, STAMP, NOW).if_reserved_at(Some(&standard))),
        ("book", SeatWrite::book(BOOKING, None, None, STAMP, NOW).without_price()),
        ("book at a price", book(&anonymous, Some(&standard), anywhere)),
        ("book as child, signed in", book(&signed_in, Some(&child), anywhere)),
        ("book without a category", book(&anonymous, None, anywhere)),
        ("book at the reserved price", book(&anonymous, Some(&child), own)),
        ("book at the reserved price, signed in", book(&signed_in, Some(&standard), own)),
    ]
}

/// Writes a call's expressions, and its values in the order of their names.
fn show(name: &str, write: SeatWrite) -> String {
    let item = write.into_transaction_item("table", Item::new()).unwrap();
    let (update, condition, values) = match (item.update, item.condition_check) {
        (Some(update), _) => {
            (update.update_expression, update.condition_expression, update.expression_attribute_values)
        }
        (None, check) => {
            let check = check.unwrap();
            ("none".to_owned(), Some(check.condition_expression), check.expression_attribute_values)
        }
    };
    let mut values: Vec<_> = values.unwrap().into_iter().map(|(name, value)| format!("  {name} {value:?}\n")).collect();
    values.sort_unstable();
    format!("{name}\n  {update}\n  {}\n{}\n", condition.unwrap(), values.concat())
}

#[test]
fn every_expression_is_as_listed() {
    let shown: String = every_write().into_iter().map(|(name, write)| show(name, write)).collect();
    assert_eq!(shown.trim_end(), include_str!("expressions.txt").trim_end(), "{shown}");
}

#[test]
fn every_expression_about_prices_is_as_listed() {
    let shown: String = every_priced_write().into_iter().map(|(name, write)| show(name, write)).collect();
    assert_eq!(shown.trim_end(), include_str!("expressions_with_prices.txt").trim_end(), "{shown}");
}
