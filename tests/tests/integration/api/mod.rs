//! The rows of the API contract, one module per route.

mod accessible_seats;
mod best_available;
mod book;
mod bookings;
mod get_seats;
mod map;
mod problems;
mod reservations;
mod reserve;
mod sales;
mod show_list;
pub(crate) mod shows;
mod theaters;

/// Returns an id that is easy to distinguish from others.
pub(crate) fn id(number: u128) -> String {
    uuid::Uuid::from_u128(0x0188_c0de_0000_7000_8000_0000_0000_0000 + number).to_string()
}
