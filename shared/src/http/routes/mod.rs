//! The handlers, one file for each noun or verb of the API's paths.

pub mod book;
pub mod bookings;
pub mod errors;
pub mod get_seats;
pub(super) mod map;
pub mod reservations;
pub mod reserve;
pub mod theaters;
