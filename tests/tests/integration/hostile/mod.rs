//! Hostile input: whatever the bytes are, the answer is a clear one. Never a panic, never a 5xx, never a guess.
//!
//! `named` has a test for each kind with its expected answer, `headers` looks at those of the answers, `events` replays the corpus and mutates it at random,
//! `cached` does so with strings standing in Valkey, `stored` puts the corpus's items into the table; these are mutated
//! beside their parser, in the library.

mod cached;
mod events;
mod headers;
mod named;
mod stored;
