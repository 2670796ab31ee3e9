//! The cache protocol as a model, in which a checker ([`stateright`]) tries every order of events.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`key`] | a theater's key and the script's operations on it, as pure Rust; the tests hold it against the script |
//! | [`table`] | DynamoDB: what was accepted, in its order; and the clocks |
//! | [`state`] | writers, fillers, key and table at an instant |
//! | [`steps`] | what can happen next, and what it does |
//! | [`protocol`] | which of it is open in a state |
//! | [`properties`] | what has to hold, and what has to be reached |
//! | [`bounds`] | how much of everything; and which rule is left out, to see what it is good for |
//!
//! # What holds
//!
//! 1. *Nothing shown is older than an answered write*: in every state with a complete key, each seat is shown as it was
//!    at some instant since the last write whose merge was delivered and whose caller was answered. Also where other
//!    writers died, or were answered without a merge because Redis gave no answer.
//! 2. *Once quiet, shown is stored*: no writer is on its way, and the stream was merged to its end.
//! 3. A merged stamp is never replaced by a smaller one, but by a fill in whose round it was not merged.
//! 4. Nothing is shown that was never stored.
//!
//! The first two don't hold while the key is *in doubt*, which is until it is dropped or filled anew by somebody who
//! began after: Redis came back with an older key; or an item was deleted by hand. The stream then drops the key,
//! but a write of that item whose merge is later still goes into the next one, where nothing speaks against it.
//!
//! # Bounds, and how many states
//!
//! | `tests/holds.rs` | seats | writes | fills | besides | states |
//! | --- | --- | --- | --- | --- | --- |
//! | versions for stamps | 1 | 3 | 3 | 2 evictions or ends of leases | 90,893 |
//! | | 1 | 2 | 3 | those, and a begin that is held up, or its answer lost | 413,740 |
//! | | 2 | 3 | 2 | 2 evictions or ends of leases | 144,354 |
//! | clocks 10 s apart, TTL | 1 | 2 | 2 | 1 eviction or end of a lease, 15 s | 745,968 |
//! | | 1 | 3 | 1 | 10 s, nothing is given back | 318,330 |
//! | lost merges, repair | 1 | 3 | 2 | 1 eviction or end of a lease, 1 redelivery | 116,000 |
//! | | 1 | 2 | 2 | the same with 2 redeliveries and a deletion by hand | 195,934 |
//! | | 1 | 2 | 2 | clocks apart, 10 s, 1 redelivery | 801,905 |
//! | | 1 | 2 | 1 | clocks apart, 10 s, a deletion by hand | 540,080 |
//! | an older key comes back | 1 | 2 | 3 | lost merges, repair, 1 eviction or end of a lease | 502,417 |
//!
//! In all of them each merge may be delivered again at any time, each end too, the stream comes in batches of any size,
//! and a filler may die at any step, since it may take no further one.
//!
//! # What it doesn't cover
//!
//! Layouts that change (the script's versions are compared in `tests/`, not modelled). Revisions: they tell how the slots came to
//! be, so there'd be no end of states; `tests/` holds that one revision has one set of slots. Reads of the table whose pages
//! are apart: each seat is for itself, and its page is read after the begin. How long things take: leases end and keys
//! vanish as steps of their own, at any time. Lookers whose clock isn't DynamoDB's: a reservation's end is blurred by as much.
//! Clocks further apart than 10 s. Seats given back and taken anew by writers of three different clocks, where something
//! is shown too old: taken although free.

pub mod bounds;
pub mod key;
pub mod properties;
pub mod protocol;
pub mod state;
pub mod steps;
pub mod table;

pub use bounds::{Bounds, Rule};
pub use protocol::Protocol;
