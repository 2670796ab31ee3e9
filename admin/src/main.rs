//! `load-theaters FILE...` writes the theaters and shows of JSON files into the table (`TABLE_NAME`). Run it again after
//! a change.
//!
//! All files are checked before anything is written. Theaters and shows that aren't in the files, or haven't changed,
//! stay as they are.

mod day;
mod file;
mod load;
mod sale;
mod shows;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use boxoffice::clock::Clock;
use boxoffice::config::Config;
use boxoffice::startup;

use crate::file::Seen;

const USAGE: &str = r#"usage: load-theaters FILE...
  FILE        JSON with theaters, shows, or both, for example local/theaters.json and local/cinema.json
  TABLE_NAME  (environment) the DynamoDB table; region and credentials as usual for AWS tools

An entry of "shows" has the fields of PUT /shows/{showId} without copy_of, and show_id:
  {"show_id": "evening-1", "theater_id": "hall", "title": "Tosca",
   "starts_at": "2026-12-01T20:15:00+01:00", "timezone": "Europe/Vienna"}
In place of starts_at it can have days from today and a local time, with {date} in the id:
  {"show_id": "hall-{date}", "days": [-1, 0, 1], "time": "20:15", ...}
Instants of its sale can be relative to the day of the show:
  "sale": {"state": "open", "opens_at": {"day": -7, "time": "10:00"}}
"bookings" are seats that are sold with the show:
  "bookings": [{"booking_id": "0b9f3c1e-52a7-4f86-b1d0-7c3e9a5d2f64", "reference": "order-7",
                "seats": ["A-1", {"seat": "A-2", "ticket_type": "child"}]}]"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let files: Vec<_> = std::env::args().skip(1).collect();
    if files.iter().any(|file| file == "--help" || file == "-h") {
        let _ = writeln!(std::io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    if files.is_empty() || files.iter().any(|file| file.starts_with('-')) {
        let _ = writeln!(std::io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    }
    match load(&files).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "load-theaters: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn load(files: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut seen = Seen::default();
    let mut contents = Vec::new();
    for path in files {
        let text = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?;
        let parsed = file::parse(&text, Clock::System.now(), &mut seen);
        contents.push(parsed.map_err(|error| format!("{path}: {error}"))?);
    }
    let config = Config::from_env()?;
    // Operators keep their credentials and region anywhere that AWS tools read them, and may reach AWS through a
    // company's proxy. So this tool uses the SDK's own configuration, which the functions do without.
    let sdk = aws_config::defaults(BehaviorVersion::v2026_01_12()).load().await;
    // A cache is only there if CACHE_URL is set. Then the list of shows has their availability at once.
    let office = startup::connect(config, &sdk, Clock::System).await?;
    for contents in &contents {
        load::load(&office, contents, &mut |line| writeln!(std::io::stdout(), "{line}")).await?;
    }
    Ok(())
}
