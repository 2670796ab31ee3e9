//! Both engines in memory, for tests, and the functions' environment that points to them.

use anyhow::Result;

use crate::engine::{DynamoDb, REGION, Valkey};
use crate::gateway::routes::STAGE;
use crate::template;

/// An empty DynamoDB and an empty Valkey. Several tests may share one stack, each with its own table and cache keys.
/// Dropping it ends both engines.
pub struct LocalStack {
    /// The database.
    pub dynamodb: DynamoDb,
    /// The cache.
    pub valkey: Valkey,
}

impl LocalStack {
    /// Starts both engines. Blocks for some milliseconds. It needs no runtime, and outlives the runtime of its caller.
    pub fn start() -> Result<Self> {
        Ok(Self { dynamodb: DynamoDb::memory()?, valkey: Valkey::start()? })
    }

    /// Returns the address of DynamoDB: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.dynamodb.endpoint()
    }

    /// Returns the address of Valkey: `redis://127.0.0.1:PORT`.
    pub fn cache_url(&self) -> String {
        self.valkey.url()
    }

    /// Creates the template's table under this name.
    pub async fn create_table(&self, name: &str) -> Result<()> {
        template::create_table(&self.dynamodb.client(), name).await
    }

    /// Returns the environment of a function that uses this table.
    pub fn environment(&self, table: &str) -> Vec<(String, String)> {
        environment(table, self.endpoint(), &self.cache_url())
    }
}

/// The setting of the C library in the functions' environment, as in `infra/template.yaml`: freed memory is kept for
/// reuse.
pub const GLIBC_TUNABLES: &str = "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864";

/// Returns the environment of a function, or of the theater loader, with engines on this machine.
pub fn environment(table: &str, endpoint: &str, cache_url: &str) -> Vec<(String, String)> {
    [
        ("TABLE_NAME", table),
        ("CACHE_URL", cache_url),
        ("LOG_LEVEL", "info"),
        ("BASE_PATH", STAGE),
        ("GLIBC_TUNABLES", GLIBC_TUNABLES),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        // Local traffic must not go to an internet proxy.
        ("NO_PROXY", "127.0.0.1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Variables for the real AWS that may be set on a developer's machine and would interfere here.
pub const REAL_AWS: [&str; 4] = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"];

#[cfg(test)]
mod tests;
