//! The cache protocol as a model. A model checker ([`stateright`]) tries every order of its events.
//!
//! | module | contents |
//! | --- | --- |
//! | [`key`] | a theater's key and the script's operations on it, as pure Rust. The tests compare it with the script |
//! | [`table`] | DynamoDB: the accepted writes in order, and the clocks |
//! | [`state`] | writers, fillers, key and table at an instant |
//! | [`steps`] | the possible steps and their effects |
//! | [`protocol`] | the steps that are possible in a state |
//! | [`properties`] | properties that must hold, and states that must be reached |
//! | `checker` | the protocol as the checker expects it |
//! | [`bounds`] | bounds of all quantities, and the rule to leave out to see its purpose |
//!
//! # Properties
//!
//! 1. *Nothing shown is older than an answered write*. In every state with a complete key, each seat is shown in a
//!    state that it had since the last merged and answered write. This holds even if other writers died, or answered
//!    without a merge because Redis didn't respond.
//! 2. *Once quiet, shown is stored*. Quiet means that no writer is between its write and its answer, and that the
//!    stream is merged completely.
//! 3. A merged stamp is never replaced by a smaller one, except by a fill in whose round it wasn't merged.
//! 4. Nothing is shown that was never stored.
//!
//! The first two don't hold while the key is *in doubt*. A key is in doubt after Redis restored an older key, or
//! after an item was deleted by hand. The doubt ends when the key is dropped, or filled by a filler that began later.
//! After a deletion the stream drops the key. But a late merge of an earlier write of that item can still enter the
//! next key, because nothing there contradicts it.
//!
//! # Bounds and numbers of states
//!
//! | `tests/holds.rs` | seats | writes | fills | other events | states |
//! | --- | --- | --- | --- | --- | --- |
//! | versions as stamps | 1 | 3 | 3 | 2 evictions or ends of leases | 90,893 |
//! | | 1 | 2 | 3 | the same, and a delayed begin or a lost answer to one | 413,740 |
//! | | 2 | 3 | 2 | 2 evictions or ends of leases | 144,354 |
//! | clocks 10 s apart, TTL | 1 | 2 | 2 | 1 eviction or end of a lease, 15 s | 745,968 |
//! | | 1 | 3 | 1 | 10 s, nothing is released | 318,330 |
//! | lost merges, repair | 1 | 3 | 2 | 1 eviction or end of a lease, 1 redelivery | 116,000 |
//! | | 1 | 2 | 2 | the same with 2 redeliveries and a deletion by hand | 195,934 |
//! | | 1 | 2 | 2 | clocks apart, 10 s, 1 redelivery | 801,905 |
//! | | 1 | 2 | 1 | clocks apart, 10 s, a deletion by hand | 540,080 |
//! | an older key comes back | 1 | 2 | 3 | lost merges, repair, 1 eviction or end of a lease | 502,417 |
//!
//! In all of them, each merge and each end may be delivered again at any time, and the stream comes in batches of any
//! size. A filler may die at any step, because it may stop taking steps.
//!
//! # Not covered
//!
//! - Layouts don't change. `tests/` compares the script's layout versions.
//! - Revisions are left out. They depend on the history of the slots, so the number of states would be infinite.
//!   `tests/` checks that one revision has one set of slots.
//! - Pages of one read of the table at different times are left out. Each seat is independent, and its page is read
//!   after the begin.
//! - Durations are left out. Leases end and keys vanish as separate steps, at any time.
//! - Readers have DynamoDB's clock. With another clock, a reservation's end appears shifted by the difference.
//! - Clocks differ by at most 10 s.
//! - Seats that are released and taken again by writers with three different clocks are left out. Such a seat can be
//!   shown in an old state: taken although available.

pub mod bounds;
mod checker;
pub mod key;
pub mod properties;
pub mod protocol;
pub mod state;
pub mod steps;
pub mod table;

pub use bounds::{Bounds, Rule};
pub use protocol::Protocol;
