//! The two databases: DynamoDB, which decides, and Valkey, which makes reads fast.

mod dynamodb;
mod valkey;

pub use dynamodb::{DynamoDb, REGION, client};
pub use valkey::{Valkey, ValkeyOptions};
