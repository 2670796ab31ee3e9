//! Hostile input. Arbitrary bytes get a clear response, without a panic, a 5xx or a guess.
//!
//! `named` has a test with the expected response for each kind of input. `headers` checks the headers of responses.
//! `events` replays the corpus and mutates it at random. `cached` does the same with strings in Valkey. `stored` puts
//! the corpus's items into the table. Those items are mutated in the library, beside their parser.

mod cached;
mod events;
mod headers;
mod named;
mod stored;
