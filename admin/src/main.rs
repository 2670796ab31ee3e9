//! `load-theaters FILE` writes the layouts of a JSON file into the table (`TABLE_NAME`). Run it again after a change.
//!
//! The whole file is checked before anything is written. Theaters that aren't in the file, or haven't changed, stay as
//! they are.

mod file;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use aws_config::BehaviorVersion;
use boxoffice::app::{BoxOffice, Precondition, Put};
use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::context::RequestContext;
use boxoffice::startup;

use crate::file::Theater;

const USAGE: &str = "usage: load-theaters FILE
  FILE        JSON, for example local/theaters.json
  TABLE_NAME  (environment) the DynamoDB table; region and credentials as usual for AWS tools";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(path), None) = (args.next(), args.next()) else {
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match load(&path).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "load-theaters: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn load(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let text = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let theaters = file::parse(&text).map_err(|error| format!("{path}: {error}"))?;
    let config = Config::from_env()?;
    // Operators keep their credentials and region anywhere that AWS tools read them, and may reach AWS through a
    // company's proxy. So this tool uses the SDK's own configuration, which the functions do without.
    let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    let store = startup::store(&config, &sdk, Clock::System);
    let office = BoxOffice::new(store, None, Clock::System, config.policy);
    for Theater { id, layout } in theaters {
        // Withdrawing all seats of the largest hall takes some seconds, and no client is waiting on a connection.
        let ctx = RequestContext::with_time_limit(Duration::from_secs(120));
        let outcome = office
            .put_theater(&ctx, &id, &layout, Precondition::Whatever)
            .await
            .map_err(|error| format!("theater {id}: {error}"))?;
        let what = match outcome.put {
            Put::Created => "created",
            Put::Changed => "changed",
            Put::Unchanged => "unchanged",
        };
        writeln!(std::io::stdout(), "theater {id} ({}): {} seats, {what}", layout.name, layout.seats.len())?;
    }
    Ok(())
}
