//! The fixture of the functions: both engines, the table, the venues, and wiretaps between the functions and the
//! engines.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use boxoffice::app::BoxOffice;
use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::store::Store;
use boxoffice_local::LocalStack;
use boxoffice_local::stack::environment;
use redis::aio::MultiplexedConnection;

use crate::events::Events;
use crate::wiretap::Wiretap;

pub(crate) const TABLE: &str = "boxoffice-bench";

/// Longer than in production, where a function gives up on a slow cache. The bench has to show how slow the cache is,
/// even when 64 processes share two cores or valgrind runs.
const CACHE_DEADLINE_MS: &str = "5000";
const DYNAMODB_ATTEMPT_MS: &str = "10000";

/// The whole fixture. Dropping it ends the engines.
pub(crate) struct Fixture {
    pub(crate) events: Events,
    pub(crate) to_dynamodb: Wiretap,
    pub(crate) to_redis: Wiretap,
    /// Prepares venues without the wiretaps and the cache.
    pub(crate) office: BoxOffice,
    pub(crate) table: Client,
    redis: MultiplexedConnection,
    stack: LocalStack,
}

impl Fixture {
    pub(crate) async fn start() -> Result<Self> {
        let stack = LocalStack::start()?;
        stack.create_table(TABLE).await?;
        let port = stack.endpoint().rsplit(':').next().and_then(|port| port.parse().ok());
        let to_dynamodb = Wiretap::before(port.context("DynamoDB has no port")?).await?;
        let to_redis = Wiretap::before(stack.valkey.port()).await?;
        let patience = Some(Duration::from_secs(60));
        let config = redis::AsyncConnectionConfig::new();
        let config = config.set_connection_timeout(patience).set_response_timeout(patience);
        let client = redis::Client::open(stack.cache_url())?;
        let redis = client.get_multiplexed_async_connection_with_config(&config).await?;
        let (office, table) = (office(&stack)?, stack.dynamodb.client());
        Ok(Self { events: Events::read()?, to_dynamodb, to_redis, office, table, redis, stack })
    }

    /// Returns the environment of a function that connects to the engines directly.
    pub(crate) fn direct(&self) -> Vec<(String, String)> {
        patient(self.stack.environment(TABLE))
    }

    /// Returns the environment of a function whose traffic is counted.
    pub(crate) fn tapped(&self) -> Vec<(String, String)> {
        let dynamodb = format!("http://127.0.0.1:{}", self.to_dynamodb.port());
        let redis = format!("redis://127.0.0.1:{}", self.to_redis.port());
        patient(environment(TABLE, &dynamodb, &redis))
    }

    /// Returns the address of Valkey: `redis://127.0.0.1:PORT`.
    pub(crate) fn cache_url(&self) -> String {
        self.stack.cache_url()
    }

    /// Empties the cache, except for scripts.
    pub(crate) async fn forget(&self) -> Result<()> {
        redis::cmd("FLUSHALL").query_async::<()>(&mut self.redis.clone()).await.context("can't empty the cache")
    }
}

fn patient(mut environment: Vec<(String, String)>) -> Vec<(String, String)> {
    for (name, value) in [
        ("CACHE_DEADLINE_MS", CACHE_DEADLINE_MS),
        ("DYNAMODB_ATTEMPT_TIMEOUT_MS", DYNAMODB_ATTEMPT_MS),
        ("DYNAMODB_TOTAL_TIMEOUT_MS", DYNAMODB_ATTEMPT_MS),
        // As in the template. The access log of a request with counters also declares its metrics.
        ("METRICS_NAMESPACE", "boxoffice"),
        // publish-events needs it to start. No event is published.
        ("EVENT_BUS_NAME", "bench"),
        ("EXPIRY_QUEUE_URL", "http://127.0.0.1:1/bench"),
    ] {
        environment.push((name.to_owned(), value.to_owned()));
    }
    environment
}

fn office(stack: &LocalStack) -> Result<BoxOffice> {
    let variables = BTreeMap::from([("TABLE_NAME", TABLE), ("MAX_SEATS_PER_CALL", "49")]);
    let config = Config::read(|name| variables.get(name).map(|value| (*value).to_owned()))?;
    let store = Store::new(stack.dynamodb.client(), TABLE.to_owned(), Clock::System, Duration::from_secs(10));
    Ok(BoxOffice::new(store, None, Clock::System, config.policy))
}
