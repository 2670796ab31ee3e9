//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use boxoffice_local::cloud::CloudOptions;
use boxoffice_local::gateway::CorsOrigins;

pub(crate) const HELP: &str = "\
The box office on this machine: DynamoDB, Valkey and the functions, on 127.0.0.1 only.

boxoffice-local run [OPTIONS]
  --port N            the port of the API (8000)
  --data DIR          the folder for data and logs (.local)
  --theaters FILE     a file of theaters and shows to load (local/theaters.json and local/cinema.json)
  --dynamodb-port N   the port of DynamoDB (any free port)
  --cache-port N      the port of Valkey (any free port)
  --auth              require a token from callers, and issue tokens to everybody
  --issuer-port N     the port of the token issuer (8090)
  --cors ORIGINS      the origins whose pages may call from a browser, separated by commas, or `*`, or `none`
                      (every port of localhost, 127.0.0.1 and [::1])
  --no-ttl-sweep      leave expired items in the table, as DynamoDB does for up to a few days

Port 0 means any free port.";

/// A command of the program.
#[derive(Debug)]
pub(crate) enum Command {
    /// Runs everything.
    Run(CloudOptions),
    /// Serves the events of one function. `cargo lambda watch` starts this command.
    Instance,
    /// Prints the help.
    Help,
}

/// Parses the arguments, without the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command> {
    let mut arguments = arguments;
    match arguments.next().as_deref().and_then(|command| command.to_str()) {
        Some("run") => {}
        Some("instance") => return Ok(Command::Instance),
        None | Some("help" | "--help" | "-h") => return Ok(Command::Help),
        Some(other) => bail!("no such command: {other}\n{HELP}"),
    }
    let mut options = CloudOptions::from_checkout()?;
    while let Some(argument) = arguments.next() {
        let option = argument.to_string_lossy().into_owned();
        let mut value = || arguments.next().with_context(|| format!("{option} lacks its value"));
        match option.as_str() {
            "--port" => options.port = port(&option, &value()?)?,
            "--dynamodb-port" => options.dynamodb_port = port(&option, &value()?)?,
            "--cache-port" => options.cache_port = port(&option, &value()?)?,
            "--data" => options.data = PathBuf::from(value()?),
            "--theaters" => options.theaters = vec![PathBuf::from(value()?)],
            "--auth" => options.auth = true,
            "--issuer-port" => options.issuer_port = port(&option, &value()?)?,
            "--cors" => options.cors = cors(&value()?)?,
            "--no-ttl-sweep" => options.sweep_ttl = false,
            "--help" | "-h" => return Ok(Command::Help),
            other => bail!("no such option: {other}\n{HELP}"),
        }
    }
    Ok(Command::Run(options))
}

fn cors(value: &OsString) -> Result<CorsOrigins> {
    CorsOrigins::parse(&value.to_string_lossy()).context("--cors")
}

fn port(option: &str, value: &OsString) -> Result<u16> {
    let value = value.to_string_lossy();
    value.parse().with_context(|| format!("{option} {value}: expected a number from 0 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &str) -> Result<Command> {
        parse(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_replace_the_defaults() {
        let Ok(Command::Run(options)) =
            parse_words("run --port 8001 --data elsewhere --no-ttl-sweep --auth --cors none")
        else {
            panic!("expected to run");
        };
        assert_eq!((options.port, options.sweep_ttl, options.auth), (8001, false, true));
        assert_eq!(options.cors, CorsOrigins::none());
        assert_eq!(options.data, PathBuf::from("elsewhere"));
        let [theaters, cinema] = options.theaters.as_slice() else { panic!("two files") };
        assert!(theaters.ends_with("local/theaters.json") && cinema.ends_with("local/cinema.json"));
        let Ok(Command::Run(options)) = parse_words("run --theaters mine.json") else { panic!("expected to run") };
        assert_eq!(options.theaters, [PathBuf::from("mine.json")]);
    }

    #[test]
    fn help_is_printed_on_request() {
        for words in ["", "--help", "run --port 1 -h"] {
            assert!(matches!(parse_words(words), Ok(Command::Help)), "{words}");
        }
    }

    #[test]
    fn errors_name_the_wrong_argument() {
        for (words, complaint) in [
            ("start", "no such command: start"),
            ("run --prot 1", "no such option: --prot"),
            ("run --port", "--port lacks its value"),
            ("run --cors localhost:5173", "--cors"),
            ("run --port 70000", "--port 70000: expected a number from 0 to 65535"),
        ] {
            let error = parse_words(words).unwrap_err().to_string();
            assert!(error.starts_with(complaint), "{error}");
        }
    }
}
