//! The processes of the functions, run by `cargo lambda watch`.
//!
//! Facts about version 1.9.2:
//!
//! - It keeps up to 16 instances of a function, and each handles one request at a time. It starts another one every
//!   tenth of a second while requests wait.
//! - An instance that ends leaves its place occupied. After 16 such ends the function's requests wait forever. So it
//!   starts [`crate::lambda_host::serve_watch`], which replaces the function's process and keeps running itself.
//! - It stops for good once more than 100 requests wait for one function, because it then holds the lock that is needed
//!   to remove one of them. So the gateway never sends it more than 16 requests of a function at a time
//!   ([`crate::gateway`]).
//! - Its port checks nothing, and lists the names of all functions. So events carry a token, which the instance checks,
//!   and the names differ in each run.
//! - For every instance it watches each folder below its own, in spite of `--ignore-changes`. So its own folder is
//!   empty.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::lambda_host;
use crate::stack::REAL_AWS;
use crate::supervised_process::{Program, SupervisedProcess, create_log};
use crate::workspace::Workspace;
use crate::{checkout, http, ports};

/// The largest number of instances of a function.
pub(crate) const INSTANCES: usize = 16;
const START_TIMEOUT: Duration = Duration::from_secs(60);
const CARGO_STUB: &str = include_str!("watch/cargo.sh");

/// The options of `cargo lambda watch`.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// The port on 127.0.0.1. 0 means any free port.
    pub port: u16,
    /// The folder for its log and its working files.
    pub folder: PathBuf,
    /// The environment of the functions.
    pub environment: Vec<(String, String)>,
}

/// The secrets that are needed to invoke a function.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) port: u16,
    /// The suffix of every function's name.
    pub(crate) suffix: String,
    /// The token that every event carries.
    pub(crate) token: String,
}

/// A running `cargo lambda watch`. Dropping it ends it and the functions. They also end with this process.
#[derive(Debug)]
pub struct Watch {
    access: Access,
    program: Program,
    child: SupervisedProcess,
    /// The size of the part of the log that has been read.
    read: u64,
}

impl Watch {
    /// Starts `cargo lambda watch`. The functions must have been built. It answers a little later, see
    /// [`Watch::ready`].
    pub fn start(options: &WatchOptions) -> Result<Self> {
        let port = if options.port == 0 { ports::free_port()? } else { options.port };
        let access = Access { port, suffix: format!("-{}", random::<8>()?), token: random::<16>()? };
        let folder = &options.folder;
        let empty = folder.join("empty");
        fs::create_dir_all(&empty).with_context(|| format!("can't make {}", empty.display()))?;
        let workspace = Workspace::from_checkout()?;
        let binaries = binaries(&workspace)?;
        let program = Program {
            name: "cargo lambda watch".to_owned(),
            path: checkout::tool("cargo-lambda", "BOXOFFICE_CARGO_LAMBDA")?,
            args: arguments(port, &environment_file(options)?)?,
            env: vec![
                ("CARGO".into(), write_cargo_stub(folder)?.into()),
                ("BOXOFFICE_METADATA".into(), metadata(folder, workspace, &access.suffix)?.into()),
                ("BOXOFFICE_INSTANCE".into(), binaries.join("boxoffice-local").into()),
                ("BOXOFFICE_BINARIES".into(), binaries.into()),
                ("BOXOFFICE_SUFFIX".into(), access.suffix.clone().into()),
                (lambda_host::TOKEN.into(), access.token.clone().into()),
            ],
            without_env: REAL_AWS.map(OsString::from).into(),
            folder: empty,
            log: folder.join("functions.log"),
        };
        create_log(&program.log)?;
        let child = SupervisedProcess::start(&program)?;
        Ok(Self { access, program, child, read: 0 })
    }

    /// Returns the secrets that are needed to invoke a function.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.access.port
    }

    /// Returns the log of `cargo lambda watch` and of every function.
    pub fn log(&self) -> &Path {
        &self.program.log
    }

    /// Waits until it listens. Returns an error if it ends before.
    pub async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.answers(Duration::from_secs(1)).await {
            self.check()?;
            if Instant::now() > deadline {
                bail!("cargo lambda watch does not answer on port {}\n{}", self.access.port, self.child.log_tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.check()
    }

    /// Returns `true` if it answers a request within this time. The request reaches no function.
    pub async fn answers(&self, patience: Duration) -> bool {
        let answer = tokio::time::timeout(patience, http::request(self.access.port, "GET", "/", "")).await;
        matches!(answer, Ok(Ok(_)))
    }

    /// Returns `true` if an instance has ended since the last call. Its place stays lost until `cargo lambda watch` is
    /// started again.
    pub fn lost_an_instance(&mut self) -> bool {
        let mut new = Vec::new();
        let read = File::open(&self.program.log).and_then(|mut log| {
            log.seek(SeekFrom::Start(self.read))?;
            log.read_to_end(&mut new)
        });
        self.read += read.unwrap_or_default() as u64;
        String::from_utf8_lossy(&new).lines().any(|line| line.contains("ERROR command "))
    }

    /// Restarts it on the same port and for the same gateway. Waits until it listens.
    pub async fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        if !ports::becomes_free(self.access.port).await {
            bail!("port {} is in use by another program: cargo lambda watch can't start again", self.access.port);
        }
        self.lost_an_instance();
        self.child = SupervisedProcess::start(&self.program)?;
        self.ready().await
    }

    /// Returns an error with the end of the log if it has ended.
    pub fn check(&mut self) -> Result<()> {
        self.child.check()
    }

    /// Returns the end of the log.
    pub fn log_tail(&self) -> String {
        self.child.log_tail()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Ends it and the functions, and waits until they have ended.
    pub fn stop(&mut self) -> Result<()> {
        self.child.stop()
    }
}

fn random<const BYTES: usize>() -> Result<String> {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("the system has no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn arguments(port: u16, environment_file: &Path) -> Result<Vec<OsString>> {
    let mut args: Vec<OsString> = ["lambda", "watch", "-A", "127.0.0.1", "-P"].map(OsString::from).into();
    args.push(port.to_string().into());
    args.extend(["--concurrency".into(), INSTANCES.to_string().into()]);
    args.extend(["--ignore-changes", "--disable-cors"].map(OsString::from));
    args.extend(["--color", "never", "--env-file"].map(OsString::from));
    args.push(environment_file.into());
    args.extend(["--manifest-path".into(), checkout::root()?.join("Cargo.toml").into()]);
    Ok(args)
}

fn environment_file(options: &WatchOptions) -> Result<PathBuf> {
    let path = options.folder.join("functions.env");
    // Quoted, because cargo-lambda rejects an unquoted value that contains `=`.
    let lines = options.environment.iter().map(|(key, value)| format!("{key}=\"{value}\"\n"));
    fs::write(&path, lines.collect::<String>()).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

fn write_cargo_stub(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("cargo.sh");
    let made =
        fs::write(&path, CARGO_STUB).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
    made.with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

/// Writes the file that answers `cargo metadata`.
fn metadata(folder: &Path, workspace: Workspace, suffix: &str) -> Result<PathBuf> {
    let path = folder.join("metadata.json");
    let text = workspace.for_cargo_lambda(suffix).to_string();
    fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
    Ok(path)
}

fn binaries(workspace: &Workspace) -> Result<PathBuf> {
    let folder = checkout::binaries()?;
    let needed = workspace.functions().into_iter().chain(["boxoffice-local".to_owned()]);
    match needed.into_iter().find(|name| !folder.join(name).is_file()) {
        None => Ok(folder),
        Some(name) => bail!("{name} is not built: run `cargo build --workspace --bins`"),
    }
}
