//! Shows and sales as JSON: the bodies of requests that put them, and their documents in responses.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::{SALE_FIELDS, SHOW_FIELDS, read_sale, read_show};
pub use write::{AvailabilityBody, ListedAvailability, ListedShow, SaleBody, ShowBody};
