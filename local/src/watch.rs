//! The functions behind HTTP: `cargo lambda watch`, with the routes of the workspace's Cargo.toml.
//!
//! What there is to know about it (1.9.2): it keeps up to 16 processes of a function, each doing one request at a time,
//! and starts another every tenth of a second while requests wait. A function that ends leaves its place empty, so after
//! 16 such ends its requests wait for ever. So do all requests once more than 100 wait for one function: it stops dead.
//! For every process it starts it sets a watch on each folder below its own, even when told to ignore changes; so its own
//! is an empty one.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;

use crate::child::{Program, Supervised, new_log};
use crate::stack::REAL_AWS;
use crate::{checkout, http, ports};

/// The first request to each function, and the answer that tells that it works.
const FIRST_REQUESTS: &[FirstRequest] = &[
    ("GET", "/v1/theaters/1/seats", "", 200),
    ("POST", "/v1/theaters/1/reserve", "{}", 400),
    ("POST", "/v1/theaters/1/book", "{}", 400),
    ("GET", "/v1/theaters/1/reservations/none", "", 400),
    ("GET", "/v1/theaters/1/bookings/none", "", 400),
    ("GET", "/v1/theaters", "", 200),
];
const FUNCTIONS: &[&str] = &["get-seats", "reserve", "book", "reservations", "bookings", "theaters"];
const PROCESSES_PER_FUNCTION: &str = "16";
const LONGEST_START: Duration = Duration::from_secs(60);
const STAND_IN_FOR_CARGO: &str = include_str!("watch/cargo.sh");

/// Method, path, body and expected status.
type FirstRequest = (&'static str, &'static str, &'static str, u16);

/// What to start.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// Its port on 127.0.0.1; 0 is any that is free.
    pub port: u16,
    /// Where its log and its working files go.
    pub folder: PathBuf,
    /// The environment of the functions.
    pub environment: Vec<(String, String)>,
}

/// A running `cargo lambda watch`. Dropping it ends it and the functions, and they end when this process does.
#[derive(Debug)]
pub struct Watch {
    port: u16,
    log: PathBuf,
    child: Supervised,
}

impl Watch {
    /// Starts it; the functions must have been built. It answers a little later: see [`Watch::ready`].
    pub fn start(options: &WatchOptions) -> Result<Self> {
        let port = if options.port == 0 { ports::free_port()? } else { options.port };
        let folder = &options.folder;
        let empty = folder.join("empty");
        fs::create_dir_all(&empty).with_context(|| format!("can't make {}", empty.display()))?;
        let program = Program {
            name: "cargo lambda watch".to_owned(),
            path: checkout::tool("cargo-lambda", "BOXOFFICE_CARGO_LAMBDA")?,
            args: arguments(port, &environment_file(options)?)?,
            env: vec![
                ("CARGO".into(), stand_in_for_cargo(folder)?.into()),
                ("BOXOFFICE_METADATA".into(), metadata(folder)?.into()),
                ("BOXOFFICE_BINARIES".into(), binaries()?.into()),
            ],
            without_env: REAL_AWS.map(OsString::from).into(),
            folder: empty,
            log: folder.join("functions.log"),
        };
        new_log(&program.log)?;
        let child = Supervised::start(&program)?;
        Ok(Self { port, log: program.log, child })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The log of `cargo lambda watch` and of every function.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until every function has answered once, so that the next request to each is quick.
    pub async fn ready(&mut self) -> Result<()> {
        let port = self.port;
        let first = try_join_all(FIRST_REQUESTS.iter().map(|request| first_answer(port, *request)));
        let mut first = Box::pin(tokio::time::timeout(LONGEST_START, first));
        loop {
            tokio::select! {
                answered = &mut first => {
                    let answered = answered.context("the functions do not answer").and_then(|answered| answered.map(drop));
                    return answered.with_context(|| self.child.last_words());
                }
                () = tokio::time::sleep(Duration::from_millis(100)) => self.check_start()?,
            }
        }
    }

    /// Fails when it has ended by itself, with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        self.child.check()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Ends it and the functions, and waits until they have ended.
    pub fn stop(&mut self) -> Result<()> {
        self.child.stop()
    }

    /// While it starts, a function that ends is one that can't start: no need to wait for its answer.
    fn check_start(&mut self) -> Result<()> {
        self.check()?;
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        if log.contains("ERROR command exited") {
            bail!("a function ended before it answered\n{}", self.child.last_words());
        }
        Ok(())
    }
}

async fn first_answer(port: u16, (method, path, body, expected): FirstRequest) -> Result<()> {
    loop {
        match http::request(port, method, path, body).await {
            Ok(answer) if answer.status == expected => return Ok(()),
            Ok(answer) => {
                let http::Answer { status, body } = answer;
                bail!("{method} {path} was answered with {status} instead of {expected}: {body}")
            }
            // Not listening yet.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn arguments(port: u16, environment_file: &Path) -> Result<Vec<OsString>> {
    let mut args: Vec<OsString> = ["lambda", "watch", "-A", "127.0.0.1", "-P"].map(OsString::from).into();
    args.push(port.to_string().into());
    args.extend(["--concurrency", PROCESSES_PER_FUNCTION, "--ignore-changes", "--disable-cors"].map(OsString::from));
    args.extend(["--color", "never", "--env-file"].map(OsString::from));
    args.push(environment_file.into());
    args.extend(["--manifest-path".into(), checkout::root()?.join("Cargo.toml").into()]);
    Ok(args)
}

fn environment_file(options: &WatchOptions) -> Result<PathBuf> {
    let path = options.folder.join("functions.env");
    // Quoted: without, cargo-lambda takes no value with `=` in it.
    let lines = options.environment.iter().map(|(key, value)| format!("{key}=\"{value}\"\n"));
    fs::write(&path, lines.collect::<String>()).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

fn stand_in_for_cargo(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("cargo.sh");
    let made = fs::write(&path, STAND_IN_FOR_CARGO)
        .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    made.with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// What cargo knows of the workspace: the functions, and the routes to them.
fn metadata(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("metadata.json");
    fs::write(&path, cargo_metadata()?).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// As `cargo metadata` says it, in JSON.
pub(crate) fn cargo_metadata() -> Result<Vec<u8>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(checkout::root()?);
    let output = command.output().context("cargo not found: install Rust, see https://rustup.rs")?;
    if !output.status.success() {
        bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

fn binaries() -> Result<PathBuf> {
    let folder = checkout::binaries()?;
    match FUNCTIONS.iter().find(|name| !folder.join(name).is_file()) {
        None => Ok(folder),
        Some(name) => bail!("the function {name} is not built: run `cargo build --workspace --bins`"),
    }
}
