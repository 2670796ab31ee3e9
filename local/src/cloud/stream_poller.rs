//! A function on the table's stream: `sync-cache` or `publish-events`.

use std::cell::Cell;
use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::lambda_host::{Function, Lambda};
use crate::stream::{self, EventSourceMapping, StreamReader};

pub(super) struct StreamPoller {
    name: &'static str,
    function: Lambda,
    reader: StreamReader,
    mapping: EventSourceMapping,
    undelivered: PathBuf,
}

impl StreamPoller {
    /// Starts the function. Records that are written from now on wait for delivery.
    pub(super) async fn start(
        name: &'static str,
        reader: StreamReader,
        folder: &Path,
        environment: &[(String, String)],
    ) -> Result<Self> {
        let mapping = EventSourceMapping::from_checkout(name)?;
        let environment = [environment, &mapping.environment].concat();
        Ok(Self {
            name,
            reader,
            mapping,
            function: start(name, folder, environment).await?,
            undelivered: folder.join("undelivered.jsonl"),
        })
    }

    /// Delivers the stream's records until an unexpected error. Logs when the function begins to fail.
    pub(super) async fn deliver(&mut self, warn: &dyn Fn(&str)) -> Result<Infallible> {
        let (name, function, fails) = (self.name, &self.function, Cell::new(false));
        let invoke = async |event: Value| {
            let answer = function.invoke(&event).await.and_then(|invocation| invocation.body().cloned());
            if let Err(error) = &answer
                && !fails.replace(true)
            {
                warn(&format!("{name} fails and is retried: {error:#}"));
            }
            fails.set(answer.is_err());
            answer
        };
        stream::follow(&mut self.reader, &self.mapping, &invoke, |records| keep(&self.undelivered, records)).await
    }

    pub(super) fn stop(&self) -> Result<()> {
        self.function.kill()
    }
}

/// Starts a function that logs into a folder of its name.
pub(super) async fn start(name: &str, folder: &Path, environment: Vec<(String, String)>) -> Result<Lambda> {
    let logs = folder.join(name);
    forget_logs(&logs)?;
    let function = Function { folder: logs, ..Function::from_checkout(name, environment)? };
    Lambda::start(&function).await
}

/// Removes the logs of earlier runs. Each process has its own log file.
fn forget_logs(folder: &Path) -> Result<()> {
    for log in fs::read_dir(folder).into_iter().flatten() {
        let log = log?.path();
        if log.extension().is_some_and(|extension| extension == "log") {
            fs::remove_file(&log).with_context(|| format!("can't remove {}", log.display()))?;
        }
    }
    Ok(())
}

/// Appends undelivered records to a file. The file replaces Lambda's on-failure destination. As on AWS, it holds the
/// positions of the records and not their content, because some records contain a reservation id, which is a
/// credential.
fn keep(file: &Path, records: &[Value]) -> Result<()> {
    let line = |record: &Value| json!({ "SequenceNumber": record["dynamodb"]["SequenceNumber"], "Keys": record["dynamodb"]["Keys"] });
    let lines: String = records.iter().map(|record| format!("{}\n", line(record))).collect();
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(lines.as_bytes()).context("can't store the undelivered records")
}
