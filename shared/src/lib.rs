//! What the box office's functions share. From the inside out:
//!
//! | module | what it is |
//! | --- | --- |
//! | [`rules`] | seats, layouts, availability and how it merges; pure |
//! | [`store`] | the DynamoDB table, which alone decides who owns a seat |
//! | [`cache`] | availability in Redis, which only makes looking fast |
//! | [`usecases`] | get seats, reserve, book, sync the cache: store and cache put in order |
//! | [`http`] | API Gateway events into requests, answers and errors into responses |
//! | [`document`] | layouts as JSON documents, read and written |
//! | [`json`] | JSON into values, with every fault named |
//! | [`events`] | what happened, as events for others |
//! | [`stream`] | the table's stream into the cache |
//! | [`aws`] | how AWS is reached: credentials, region, the way there |
//! | [`config`], [`telemetry`], [`metrics`], [`xray`], [`startup`] | what surrounds them |
//! | [`clock`], `entropy`, [`tally`] | time, randomness and the counting of costs, each in one place |
//!
//! `store`, `cache` and `http` don't know each other.

pub mod aws;
pub mod batch;
pub mod cache;
pub mod clock;
pub mod config;
pub mod document;
mod entropy;
pub mod events;
pub mod http;
pub mod json;
pub mod metrics;
pub mod rules;
pub mod startup;
pub mod store;
pub mod stream;
pub mod tally;
pub mod telemetry;
pub mod usecases;
pub mod xray;
