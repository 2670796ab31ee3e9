//! Code shared by all functions of the box office. From the inside out:
//!
//! | module | contents | uses |
//! | --- | --- | --- |
//! | [`domain`] | pure rules: seats, layouts, availability and its merging | nothing |
//! | [`clock`], `random` | time and randomness | `domain` |
//! | [`observability`] | log lines, metrics and traces | `domain`, `clock`, `random` |
//! | [`context`] | the context of a request: costs, deadline, rate limit, trace | `domain`, `observability` |
//! | [`aws`] | access to AWS: credentials, region, connections | nothing |
//! | [`store`] | the DynamoDB table, which alone decides who owns a seat | `domain`, `clock`, `random`, `context`, `observability` |
//! | [`cache`] | availability in Redis, which only makes reads fast | `domain`, `clock`, `random`, `context`, `observability`, `aws` |
//! | [`app`] | operations on store and cache: reading, reserving and booking seats, managing theaters, cache updates | `domain`, `store`, `cache`, `clock`, `random`, `context` |
//! | [`json`] | a JSON reader that reports every fault | nothing |
//! | [`layout_json`] | layouts as JSON, read and written | `domain`, `json` |
//! | [`http`] | API Gateway events to requests, results and errors to responses | `app`, `domain`, `json`, `layout_json`, `context`, `config`, `observability` |
//! | [`events`] | domain events as JSON for other systems | `domain` |
//! | [`lambda_batch`] | batches of the table's stream and of queues | `domain` |
//! | [`sync_cache`] | updates of the cache from the table's stream | `domain`, `app`, `store`, `context`, `lambda_batch`, `observability` |
//! | [`config`] | settings from the environment | `domain`, `app`, `cache`, `aws`, `observability` |
//! | [`startup`] | start-up, which puts the parts together | `config`, `domain`, `app`, `store`, `cache`, `aws`, `clock`, `observability` |

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
