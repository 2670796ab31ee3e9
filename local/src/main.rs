//! `boxoffice-local run` runs the box office on this machine until Ctrl-C.

mod arguments;
mod console;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use boxoffice_local::checkout::relative_path;
use boxoffice_local::cloud::{Cloud, CloudOptions, Example, ExampleShow, clean_command};
use boxoffice_local::{lambda_host, ports};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::Command;
use crate::console::{print_line, warn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            print_line(arguments::HELP);
            Ok(())
        }
        Ok(Command::Run(options)) => run(&options).await,
        Ok(Command::Instance) => lambda_host::serve_watch().await,
        Err(error) => Err(error),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            warn(&format!("boxoffice-local: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs everything. Returns `Ok` when the user ends it, and an error when a part ends by itself.
async fn run(options: &CloudOptions) -> Result<()> {
    let mut shutdown = ShutdownSignals::listen()?;
    ports::allow_many_connections();
    let started = Instant::now();
    // If the user ends it during the start, the parts that already run are dropped here, and so end.
    let mut progress = print_line;
    let mut cloud = tokio::select! {
        cloud = Cloud::start(options, &mut progress) => cloud?,
        () = shutdown.wait() => return Ok(()),
    };
    print_line(&welcome(&cloud, started));
    tokio::select! {
        error = cloud.serve(&warn) => {
            drop(cloud.stop());
            Err(error)
        }
        () = shutdown.wait() => {
            print_line("\nStopping everything");
            cloud.stop()
        }
    }
}

/// The signals that ask for an end: Ctrl-C, `kill`, closing the terminal.
struct ShutdownSignals(Signal, Signal, Signal);

impl ShutdownSignals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind);
        Ok(Self(listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?))
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
            _ = self.2.recv() => {}
        }
    }
}

fn welcome(cloud: &Cloud, started: Instant) -> String {
    let seconds = started.elapsed().as_secs_f32();
    let (data, log, events) = (relative_path(cloud.data()), relative_path(cloud.log()), relative_path(cloud.events()));
    let forget = clean_command(cloud.data());
    let url = cloud.url();
    let calls = match (cloud.example(), cloud.issuer()) {
        (None, _) => format!("curl --location '{url}/theaters'\n\nThere is no theater yet."),
        (Some(example), Some(issuer)) => calls_with_token(&url, example, issuer.url()),
        (Some(example), None) => calls(&url, example),
    };
    let calls = match cloud.example().and_then(|example| example.show.as_ref()) {
        Some(show) => format!("{calls}\n\n{}", calls_of_shows(&url, show)),
        None => calls,
    };
    format!(
        r#"
Ready after {seconds:.1} s. Try:

{calls}

Logs of the functions: {log}, and of those on the stream: {data}/sync-cache, {data}/publish-events
What happened, as events: {events}
Data: {data}/dynamodb.sqlite. It is kept until `{forget}` removes it.
Ctrl-C ends everything."#
    )
}

/// Reads need no token.
fn calls_of_shows(url: &str, ExampleShow { id, day }: &ExampleShow) -> String {
    format!(
        "Shows of {day}, and the seats of one with their prices:\n\n\
         curl --location '{url}/shows?from={day}'\n\
         curl --location '{url}/shows/{id}/seats?view=map'"
    )
}

fn calls(url: &str, Example { theater, seats: [one, other], .. }: &Example) -> String {
    format!(
        r#"curl --location '{url}/theaters/{theater}/seats'

curl --location '{url}/theaters/{theater}/reserve' \
--header 'Content-Type: application/json' \
--data '{{
    "seat": "{one}"
}}'

curl --location '{url}/theaters/{theater}/book' \
--header 'Content-Type: application/json' \
--data '{{
    "seat": "{other}"
}}'"#
    )
}

/// Reads need no token.
fn calls_with_token(url: &str, Example { theater, seats: [one, _], .. }: &Example, issuer: &str) -> String {
    format!(
        r#"curl --location '{url}/theaters/{theater}/seats'

TOKEN=$(curl -s {issuer}/token -d sub=alice | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

curl --location '{url}/theaters/{theater}/reserve' \
--header "Authorization: Bearer $TOKEN" \
--header 'Content-Type: application/json' \
--data '{{
    "seat": "{one}"
}}'

Add `-d scope=boxoffice/admin` for an administrator's token."#
    )
}
