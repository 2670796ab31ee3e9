//! Both engines in memory, for tests, and the environment that leads the functions to them.

use anyhow::Result;

use crate::engine::{DynamoDb, REGION, Valkey};
use crate::gateway::routes::STAGE;
use crate::template;

/// An empty DynamoDB and an empty Valkey. Several tests may share one, each with its own table and cache keys; dropping
/// it ends both.
pub struct LocalStack {
    /// The database.
    pub dynamodb: DynamoDb,
    /// The cache.
    pub valkey: Valkey,
}

impl LocalStack {
    /// Starts both. Blocks, for some milliseconds; needs no runtime, and outlives the one it is called in.
    pub fn start() -> Result<Self> {
        Ok(Self { dynamodb: DynamoDb::memory()?, valkey: Valkey::start()? })
    }

    /// Where DynamoDB listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.dynamodb.endpoint()
    }

    /// Where Valkey listens: `redis://127.0.0.1:PORT`.
    pub fn cache_url(&self) -> String {
        self.valkey.url()
    }

    /// Creates the template's table under this name.
    pub async fn create_table(&self, name: &str) -> Result<()> {
        template::create_table(&self.dynamodb.client(), name).await
    }

    /// The environment of a function that works on this table.
    pub fn environment(&self, table: &str) -> Vec<(String, String)> {
        environment(table, self.endpoint(), &self.cache_url())
    }
}

/// What the functions' environment tells the C library, as in `infra/template.yaml`: to keep the memory that it has.
pub const GLIBC_TUNABLES: &str = "glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=67108864";

/// The environment of a function, or of the theater loader, on engines of this machine.
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
        // A proxy for the internet must not get to see what is said on this machine.
        ("NO_PROXY", "127.0.0.1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Variables for the real AWS that somebody may have set, and that would get in the way here.
pub const REAL_AWS: [&str; 4] = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"];

#[cfg(test)]
mod tests;
