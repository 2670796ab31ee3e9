//! The protocol of the cached availability string.
//!
//! | module | contents |
//! | --- | --- |
//! | `availability.lua` | the script that changes the string in Redis |
//! | [`packed`] | the format of the string |
//! | [`revision`] | eight bytes that identify the slots of a string |
//! | [`fill`] | filling the cache after a miss |

mod fill;
pub(super) mod packed;
mod revision;

pub use fill::{Begun, FillReason, FillToken, LEASE, LIFETIME, RENEWAL};
pub use packed::Packed;
pub use revision::{Revision, Unchanged};
