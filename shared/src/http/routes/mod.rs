//! The handlers, one file for each noun or verb of the API's paths.

pub mod book;
pub mod bookings;
pub mod errors;
pub mod get_seats;
mod map;
mod put_show;
pub mod reservations;
pub mod reserve;
mod shows;
pub mod theaters;

use super::handler::Function;
use super::router::ROUTES;

/// All functions of the API.
pub const FUNCTIONS: [&Function; 6] = [
    &get_seats::FUNCTION,
    &reserve::FUNCTION,
    &book::FUNCTION,
    &reservations::FUNCTION,
    &bookings::FUNCTION,
    &theaters::FUNCTION,
];

// A route without a handler in its function doesn't compile, and neither does one with two.
const _: () = assert!(Function::serve_all(&FUNCTIONS, ROUTES), "each route needs one handler, in its function");
