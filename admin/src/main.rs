//! `load-theaters FILE`: writes the layouts of a JSON file into the table (`TABLE_NAME`). Run it again after a change.
//!
//! The whole file is checked before anything is written; what is there already is left as it is.

mod file;

use std::io::Write;
use std::process::ExitCode;

use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::startup;
use boxoffice::tally::Tally;
use boxoffice::usecases::{Put, put_layout};

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
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let theaters = file::parse(&text).map_err(|error| format!("{path}: {error}"))?;
    let config = Config::from_env()?;
    let store = startup::store(&config, startup::sdk(), Clock::System).await;
    for theater in theaters {
        let tally = Tally::default();
        let put = put_layout(&store, &Clock::System, &theater.id, &theater.name, &theater.seats, &tally)
            .await
            .map_err(|error| format!("theater {}: {error}", theater.id))?;
        let what = match put {
            Put::Created => "created",
            Put::Changed => "changed",
            Put::Unchanged => "unchanged",
        };
        writeln!(
            std::io::stdout(),
            "theater {} ({}): {} seats, {what}",
            theater.id,
            theater.name,
            theater.seats.len()
        )?;
    }
    Ok(())
}
