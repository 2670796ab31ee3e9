//! What comes after reserving and booking: releasing, extending, cancelling, booking a whole reservation. What it costs, and what
//! failures and others' calls in between do to it.

mod costs;
mod engines;
mod faults;
mod leftovers;
mod races;
mod removals;
mod storms;
