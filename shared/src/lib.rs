//! Code shared by all functions of the box office. From the inside out:
//!
//! | module | contents |
//! | --- | --- |
//! | [`domain`] | pure rules: seats, layouts, availability and its merging |
//! | [`store`] | the DynamoDB table, which alone decides who owns a seat |
//! | [`cache`] | availability in Redis, which only makes reads fast |
//! | [`app`] | operations on store and cache: reading, reserving and booking seats, managing theaters, cache updates |
//! | [`http`] | API Gateway events to requests, results and errors to responses |
//! | [`layout_json`] | layouts as JSON, read and written |
//! | [`json`] | a JSON reader that reports every fault |
//! | [`events`] | domain events as JSON for other systems |
//! | [`sync_cache`], [`lambda_batch`] | updates of the cache from batches of the table's stream |
//! | [`aws`] | access to AWS: credentials, region, connections |
//! | [`config`], [`observability`], [`startup`] | configuration, observability and start-up |
//! | [`clock`], `random`, [`context`] | time, randomness, and the context and costs of a request |
//!
//! `store`, `cache` and `http` don't depend on each other.

pub mod app;
pub mod aws;
pub mod cache;
pub mod clock;
pub mod config;
pub mod context;
pub mod domain;
pub mod events;
pub mod http;
pub mod json;
pub mod lambda_batch;
pub mod layout_json;
pub mod observability;
mod random;
pub mod startup;
pub mod store;
pub mod sync_cache;
