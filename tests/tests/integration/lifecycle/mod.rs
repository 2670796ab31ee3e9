//! The calls after reserving and booking: release, extend, cancel, and book a whole reservation. Their costs, and the
//! effect of failures and of concurrent calls on them.

mod concurrent_best_available;
mod costs;
mod engines;
mod faults;
mod leftover_attributes;
mod races;
mod withdrawals;
