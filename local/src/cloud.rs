//! The whole local cloud with persistent data. `make run` starts it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use tokio::process::Command;

use self::data_dir::DataDir;
use self::expiry_timers::ExpiryTimers;
use self::stream_poller::StreamPoller;
use crate::auth::{AUDIENCE, Authorizer, Issuer};
use crate::checkout::relative_path;
use crate::engine::{DynamoDb, Valkey, ValkeyOptions};
use crate::gateway::{Api, CorsOrigins, Functions, Gateway};
pub use crate::gateway::{Example, ExampleShow};
use crate::stack::{REAL_AWS, environment};
use crate::watch::{Watch, WatchOptions};
use crate::{checkout, ports, template};

mod data_dir;
mod expiry_timers;
mod stream_poller;
mod watch_supervisor;

/// The table's name on this machine.
pub const TABLE: &str = "boxoffice-local";

/// The files of theaters and shows that are loaded by default.
const EXAMPLES: [&str; 2] = ["local/theaters.json", "local/cinema.json"];

const SYNC_CACHE: &str = "sync-cache";
const PUBLISH_EVENTS: &str = "publish-events";

const START_TIMEOUT: Duration = Duration::from_secs(60);
const SWEEP_PERIOD: Duration = Duration::from_secs(30);

/// The options of a local cloud.
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// The port of the API. 0 means any free port.
    pub port: u16,
    /// The port of DynamoDB. 0 means any free port.
    pub dynamodb_port: u16,
    /// The port of Valkey. 0 means any free port.
    pub cache_port: u16,
    /// The folder for data and logs.
    pub data: PathBuf,
    /// The files of theaters and shows to load.
    pub theaters: Vec<PathBuf>,
    /// `true` to delete expired items periodically. No behavior may depend on it.
    pub sweep_ttl: bool,
    /// `true` to require tokens.
    pub auth: bool,
    /// The port of the token issuer if `auth` is set. 0 means any free port.
    pub issuer_port: u16,
    /// Origins whose pages may read answers.
    pub cors: CorsOrigins,
}

impl CloudOptions {
    /// Returns the options that `make run` uses, except for the port.
    pub fn from_checkout() -> Result<Self> {
        let root = checkout::root()?;
        Ok(Self {
            port: 8000,
            dynamodb_port: 0,
            cache_port: 0,
            data: root.join(".local"),
            theaters: EXAMPLES.map(|file| root.join(file)).into(),
            sweep_ttl: true,
            auth: false,
            issuer_port: 8090,
            cors: CorsOrigins::loopback(),
        })
    }
}

/// The running cloud. Dropping it ends everything. Everything also ends with this process.
pub struct Cloud {
    // Fields are dropped in this order: callers before the services that they call.
    gateway: Option<Gateway>,
    issuer: Option<Issuer>,
    functions: Functions,
    watch: Watch,
    repair: StreamPoller,
    publisher: StreamPoller,
    expiry_timers: ExpiryTimers,
    port: u16,
    example: Option<Example>,
    events: PathBuf,
    valkey: Valkey,
    dynamodb: DynamoDb,
    folder: DataDir,
}

impl Cloud {
    /// Starts everything and waits until every function answers. Reports progress line by line.
    pub async fn start(options: &CloudOptions, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let ports = Ports::choose(options).await?;
        let folder = DataDir::open(&options.data)?;
        let events = events_file(folder.path())?;
        let (dynamodb, valkey) = start_engines(options, &folder, progress)?;

        progress(&format!("Creating the table {TABLE} as infra/template.yaml describes it"));
        let created = template::create_table(&dynamodb.client(), TABLE).await;
        created.with_context(|| database_advice(&folder))?;

        let environment = functions_environment(options, &dynamodb, &valkey);
        let files: Vec<_> = options.theaters.iter().map(|file| relative_path(file)).collect();
        progress(&format!("Loading the theaters and shows of {}", files.join(" and ")));
        load_theaters(&options.theaters, &environment, progress).await?;

        let inner = ports::free_port()?;
        progress(&format!(
            "Starting the functions: cargo lambda watch on 127.0.0.1:{inner}, sync-cache and publish-events on the stream"
        ));
        let repair = StreamPoller::start(SYNC_CACHE, dynamodb.stream(TABLE)?, folder.path(), &environment).await?;
        let file = ("EVENTS_FILE".to_owned(), events.display().to_string());
        let publishing = [&environment[..], &[file]].concat();
        let publisher =
            StreamPoller::start(PUBLISH_EVENTS, dynamodb.stream(TABLE)?, folder.path(), &publishing).await?;
        let expiry_timers = ExpiryTimers::start(PUBLISH_EVENTS, &events, folder.path(), &publishing).await?;
        let watch = WatchOptions { port: inner, folder: folder.path().to_path_buf(), environment };
        let mut watch = Watch::start(&watch)?;
        watch.ready().await?;
        folder.write_secret("invoke-token", &watch.access().token)?;

        let issuer = if options.auth { Some(Issuer::start(ports.issuer, options.cors.clone()).await?) } else { None };
        let authorizer = issuer.as_ref().map(|issuer| Authorizer::new(issuer.url(), AUDIENCE));
        let api = Arc::new(Api::new(ports.api, options.cors.clone(), authorizer, &watch)?);
        let example = first_answers(&api, &mut watch).await?;
        if let Some(issuer) = &issuer {
            progress(&format!("Issuing tokens on {}, and requiring them on 127.0.0.1:{}", issuer.url(), ports.api));
        }
        let functions = api.functions().clone();
        let gateway = Some(Gateway::start(ports.api, api).await?);
        let port = ports.api;
        Ok(Self {
            gateway,
            issuer,
            functions,
            watch,
            repair,
            publisher,
            expiry_timers,
            port,
            example,
            events,
            valkey,
            dynamodb,
            folder,
        })
    }

    /// Returns the base address of the API: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Returns the token issuer if callers need tokens.
    pub fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// Returns the port of `cargo lambda watch`, which accepts calls from the gateway only.
    pub fn functions_port(&self) -> u16 {
        self.watch.port()
    }

    /// Returns a theater and seats to try, if there is a theater.
    pub fn example(&self) -> Option<&Example> {
        self.example.as_ref()
    }

    /// Returns the address of DynamoDB: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.dynamodb.endpoint()
    }

    /// Returns the address of Valkey: `redis://127.0.0.1:PORT`.
    pub fn cache_url(&self) -> String {
        self.valkey.url()
    }

    /// Returns the data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the functions' log.
    pub fn log(&self) -> &Path {
        self.watch.log()
    }

    /// Returns the file of the published events.
    pub fn events(&self) -> &Path {
        &self.events
    }

    /// Delivers the table's stream and keeps the functions answering. Returns the error of the first part that ends
    /// unexpectedly. Logs problems that were overcome. The caller has to poll it all the time.
    pub async fn serve(&mut self, warn: &dyn Fn(&str)) -> Error {
        let Self { watch, functions, valkey, repair, publisher, expiry_timers, folder, .. } = self;
        let ended = async {
            let mut was_full = false;
            loop {
                let is_full = folder.is_full();
                if is_full && !was_full {
                    warn(&full_disk(folder));
                }
                was_full = is_full;
                if let Err(error) = valkey.check() {
                    return error;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::select! {
            error = ended => error,
            Err(error) = watch_supervisor::keep(watch, functions, warn) => error,
            Err(error) = repair.deliver(warn) => error,
            Err(error) = publisher.deliver(warn) => error,
            Err(error) = expiry_timers.deliver(warn) => error,
        }
    }

    /// Ends everything and waits until it has ended.
    pub fn stop(mut self) -> Result<()> {
        self.gateway = None;
        self.issuer = None;
        let stopped = self.watch.stop();
        let stopped = stopped.and(self.repair.stop()).and(self.publisher.stop()).and(self.expiry_timers.stop());
        let stopped = stopped.and(self.valkey.stop());
        self.dynamodb.stop();
        stopped
    }
}

/// The ports that clients use. The engines and the functions use any free ports.
struct Ports {
    api: u16,
    issuer: u16,
}

impl Ports {
    /// Chooses free ports where any port will do. Returns an error if a requested port is in use.
    async fn choose(options: &CloudOptions) -> Result<Self> {
        let api = choose_port(options.port, "make run PORT=").await?;
        for (port, option) in [(options.dynamodb_port, "--dynamodb-port "), (options.cache_port, "--cache-port ")] {
            choose_port(port, option).await?;
        }
        let issuer =
            if options.auth { choose_port(options.issuer_port, "make run AUTH=1 ISSUER_PORT=").await? } else { 0 };
        Ok(Self { api, issuer })
    }
}

/// Returns the port if it is free, or any free port for 0. `option` is the option that chooses another port.
async fn choose_port(port: u16, option: &str) -> Result<u16> {
    if port == 0 {
        return ports::free_port();
    }
    if !ports::becomes_free(port).await {
        let other = if port < u16::MAX { port + 1 } else { port - 1 };
        bail!("port {port} is in use by another program: end that, or choose another port: {option}{other}");
    }
    Ok(port)
}

fn functions_environment(options: &CloudOptions, dynamodb: &DynamoDb, valkey: &Valkey) -> Vec<(String, String)> {
    let mut environment = environment(TABLE, dynamodb.endpoint(), &valkey.url());
    // Without tokens every caller is an administrator, because this is a box office on a developer's own machine.
    let name = if options.auth { "AUTHORIZER" } else { "ADMIN_OPEN" };
    environment.push((name.to_owned(), "true".to_owned()));
    environment
}

/// Calls every function once, and returns a theater to try.
async fn first_answers(api: &Api, watch: &mut Watch) -> Result<Option<Example>> {
    let answers = async {
        let example = api.example().await;
        let theater = example.as_ref().map_or("1", |example| &example.theater);
        api.call_each_function(theater).await.map(|()| example)
    };
    let answered = tokio::time::timeout(START_TIMEOUT, answers).await.context("the functions do not answer");
    answered.and_then(|answered| answered).with_context(|| watch.log_tail())
}

/// Creates the file of events. An unwritable file has to be found now, because later each event would be lost.
fn events_file(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("events.jsonl");
    for path in [&path, &folder.join("events.jsonl.wake-ups")] {
        let opened = OpenOptions::new().create(true).append(true).open(path);
        opened.with_context(|| format!("can't write the file of events {}", relative_path(path)))?;
    }
    Ok(path)
}

fn start_engines(
    options: &CloudOptions,
    folder: &DataDir,
    progress: &mut dyn FnMut(&str),
) -> Result<(DynamoDb, Valkey)> {
    let file = folder.path().join("dynamodb.sqlite");
    let mut dynamodb = DynamoDb::open(&file, options.dynamodb_port).with_context(|| database_advice(folder))?;
    if options.sweep_ttl {
        dynamodb.sweep_ttl_every(SWEEP_PERIOD);
    }
    progress(&format!("DynamoDB (embedded) on {}, data in {}", dynamodb.endpoint(), relative_path(&file)));
    let valkey = ValkeyOptions {
        port: options.cache_port,
        folder: Some(folder.path().join("valkey")),
        ..ValkeyOptions::default()
    };
    let valkey = Valkey::start_with(&valkey)?;
    progress(&format!("Valkey on {}", valkey.url()));
    Ok((dynamodb, valkey))
}

/// Returns the advice for an unusable database.
fn database_advice(folder: &DataDir) -> String {
    if folder.is_full() {
        return full_disk(folder);
    }
    let clean = clean_command(folder.path());
    format!("the database in {} can't be used (`{clean}` forgets its data)", relative_path(folder.path()))
}

fn full_disk(folder: &DataDir) -> String {
    format!(
        "the disk with {} is full: make room there, or use another folder: make run DATA=...",
        relative_path(folder.path())
    )
}

/// Returns the command that removes a data folder.
pub fn clean_command(folder: &Path) -> String {
    let relative_path = relative_path(folder);
    if relative_path == ".local" {
        "make clean-data".to_owned()
    } else {
        format!("make clean-data DATA={relative_path}")
    }
}

async fn load_theaters(
    files: &[PathBuf],
    environment: &[(String, String)],
    progress: &mut dyn FnMut(&str),
) -> Result<()> {
    let loader = checkout::binaries()?.join("load-theaters");
    if !loader.is_file() {
        bail!("the theater loader is not built: run `cargo build --workspace --bins`");
    }
    let mut command = Command::new(loader);
    for variable in REAL_AWS {
        command.env_remove(variable);
    }
    command
        .args(files)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.context("can't start the theater loader")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().trim_start_matches("load-theaters: ").to_owned();
        // The message names the file, and the place in the file if the loader knows it.
        for file in files {
            if let Some(said) = said.strip_prefix(&format!("{}: ", file.display())) {
                let said = said.trim_start_matches("?: ").trim_start_matches(".: ");
                bail!("{} can't be loaded: {said}", relative_path(file));
            }
        }
        bail!("the theaters can't be loaded: {said}");
    }
    String::from_utf8_lossy(&output.stdout).lines().for_each(|line| progress(&format!("  {line}")));
    Ok(())
}
