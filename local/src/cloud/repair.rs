//! `sync-cache` on the table's stream: for changes that a function accepted and couldn't tell the cache.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use super::TABLE;
use crate::engine::DynamoDb;
use crate::lambda::{Function, Lambda};
use crate::stream::{self, Mapping, StreamReader};

const FUNCTION: &str = "sync-cache";

pub(super) struct Repair {
    function: Lambda,
    reader: StreamReader,
    mapping: Mapping,
    undelivered: PathBuf,
}

impl Repair {
    /// Starts the function; from now on the stream's records wait to be delivered.
    pub(super) async fn start(dynamodb: &DynamoDb, folder: &Path, environment: &[(String, String)]) -> Result<Self> {
        let logs = folder.join(FUNCTION);
        if logs.exists() {
            fs::remove_dir_all(&logs).with_context(|| format!("can't empty {}", logs.display()))?;
        }
        let function = Function { folder: logs, ..Function::of_checkout(FUNCTION, environment.to_vec())? };
        Ok(Self {
            reader: dynamodb.stream(TABLE)?,
            mapping: Mapping::of_checkout(FUNCTION)?,
            function: Lambda::start(&function).await?,
            undelivered: folder.join("undelivered.jsonl"),
        })
    }

    /// Delivers the stream's records, until something breaks that shouldn't.
    pub(super) async fn deliver(&mut self) -> Result<Infallible> {
        let function = &self.function;
        let invoke = async |event: Value| Ok(function.invoke(&event).await?.body()?.clone());
        stream::follow(&mut self.reader, &self.mapping, &invoke, |records| keep(&self.undelivered, records)).await
    }

    pub(super) fn stop(&self) -> Result<()> {
        self.function.kill()
    }
}

/// What Lambda's on-failure destination is on AWS: somewhere to see that there was something.
fn keep(file: &Path, records: &[Value]) -> Result<()> {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(lines.as_bytes()).context("can't keep what wasn't delivered")
}
