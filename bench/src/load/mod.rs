//! Load by many processes at once.

pub(crate) mod cold;
pub(crate) mod conflicts;
mod pool;
pub(crate) mod sale;

use anyhow::Result;
use boxoffice_local::lambda_host::Function;
use hyper::body::Bytes;
use serde_json::Value;

use crate::instance::{Instance, TimedAnswer};

/// Starts this many instances of a function. Sends each a first event, if there is one.
async fn start(function: &Function, count: usize, first: Option<&Bytes>) -> Result<Vec<Instance>> {
    let mut instances = Vec::with_capacity(count);
    for _ in 0..count {
        let instance = Instance::start(function).await?;
        if let Some(first) = first {
            instance.invoke(first.clone()).await?;
        }
        instances.push(instance);
    }
    Ok(instances)
}

/// Returns the status and the body of an answer.
fn read(answered: &TimedAnswer) -> Result<(u64, Value)> {
    let answer: Value = serde_json::from_slice(&answered.body)?;
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(body)? };
    Ok((answer["statusCode"].as_u64().unwrap_or_default(), body))
}
