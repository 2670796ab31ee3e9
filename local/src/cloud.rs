//! All of it, with data that stays: what `make run` starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use tokio::process::Command;

use self::folder::DataFolder;
use self::follower::Follower;
use self::guard::Guard;
use self::wake_ups::WakeUps;
use crate::auth::Issuer;
use crate::engine::{DynamoDb, Valkey, ValkeyOptions};
use crate::stack::{REAL_AWS, environment};
use crate::watch::{Watch, WatchOptions};
use crate::{checkout, ports, template};

mod folder;
mod follower;
mod guard;
mod wake_ups;

/// The table's name on this machine.
pub const TABLE: &str = "boxoffice-local";

const SYNC_CACHE: &str = "sync-cache";
const PUBLISH_EVENTS: &str = "publish-events";

const SWEEP_PERIOD: Duration = Duration::from_secs(30);

/// What to start, and where.
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// The port of the API; 0 is any that is free.
    pub port: u16,
    /// The port of DynamoDB; 0 is any that is free.
    pub dynamodb_port: u16,
    /// The port of Valkey; 0 is any that is free.
    pub cache_port: u16,
    /// The folder for data and logs.
    pub data: PathBuf,
    /// The file of theaters to load.
    pub theaters: PathBuf,
    /// Whether what has expired is deleted now and then. Nothing may depend on it.
    pub sweep_ttl: bool,
    /// Whether callers have to show who they are.
    pub auth: bool,
    /// The port of the issuer of tokens, if they have to; 0 is any that is free.
    pub issuer_port: u16,
}

impl CloudOptions {
    /// What `make run` uses, but for the port.
    pub fn of_checkout() -> Result<Self> {
        let root = checkout::root()?;
        Ok(Self {
            port: 8000,
            dynamodb_port: 0,
            cache_port: 0,
            data: root.join(".local"),
            theaters: root.join("local/theaters.json"),
            sweep_ttl: true,
            auth: false,
            issuer_port: 8090,
        })
    }
}

/// The running cloud. Dropping it ends everything, and everything ends when this process does.
pub struct Cloud {
    // Ended in this order: who calls before who is called.
    guard: Option<Guard>,
    watch: Watch,
    repair: Follower,
    publisher: Follower,
    wake_ups: WakeUps,
    events: PathBuf,
    valkey: Valkey,
    dynamodb: DynamoDb,
    folder: DataFolder,
}

impl Cloud {
    /// Starts everything and waits until every function answers. Says what it does, a line at a time.
    pub async fn start(options: &CloudOptions, progress: &mut dyn FnMut(&str)) -> Result<Self> {
        let folder = DataFolder::open(&options.data)?;
        let port = choose_port(options.port).await?;
        let (dynamodb, valkey) = start_engines(options, &folder, progress)?;

        progress(&format!("Creating the table {TABLE} as infra/template.yaml describes it"));
        template::create_table(&dynamodb.client(), TABLE).await?;

        let mut environment = environment(TABLE, dynamodb.endpoint(), &valkey.url());
        if !options.auth {
            // Nobody signs in here, and it is this machine's own.
            environment.push(("ADMIN_OPEN".to_owned(), "true".to_owned()));
        }
        progress(&format!("Loading the theaters of {}", shown(&options.theaters)));
        load_theaters(&options.theaters, &environment, progress).await?;

        let inner = if options.auth { ports::free_port()? } else { port };
        progress(&format!(
            "Starting the functions: cargo lambda watch on 127.0.0.1:{inner}, sync-cache and publish-events on the stream"
        ));
        let repair = Follower::start(SYNC_CACHE, &dynamodb, folder.path(), &environment).await?;
        let events = folder.path().join("events.jsonl");
        let told = ("EVENTS_FILE".to_owned(), events.display().to_string());
        let telling = [&environment[..], &[told]].concat();
        let publisher = Follower::start(PUBLISH_EVENTS, &dynamodb, folder.path(), &telling).await?;
        let wake_ups = WakeUps::start(PUBLISH_EVENTS, &events, folder.path(), &telling).await?;
        let watch = WatchOptions { port: inner, folder: folder.path().to_path_buf(), environment };
        let mut watch = Watch::start(&watch)?;
        watch.ready().await?;
        let guard =
            if options.auth { Some(Guard::start(port, inner, options.issuer_port, progress).await?) } else { None };
        Ok(Self { guard, watch, repair, publisher, wake_ups, events, valkey, dynamodb, folder })
    }

    /// Where the API is: `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> String {
        let port = self.guard.as_ref().map_or(self.watch.port(), |guard| guard.port());
        format!("http://127.0.0.1:{port}/v1")
    }

    /// Who issues tokens, if callers have to have one.
    pub fn issuer(&self) -> Option<&Issuer> {
        self.guard.as_ref().map(Guard::issuer)
    }

    /// Where DynamoDB is: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        self.dynamodb.endpoint()
    }

    /// Where Valkey is: `redis://127.0.0.1:PORT`.
    pub fn cache_url(&self) -> String {
        self.valkey.url()
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The log of the functions.
    pub fn log(&self) -> &Path {
        self.watch.log()
    }

    /// The file of the events that were published.
    pub fn events(&self) -> &Path {
        &self.events
    }

    /// Delivers the table's stream, until a part ends that should not, and says which; complains of what mends itself. To
    /// be polled all the time.
    pub async fn serve(&mut self, complain: &dyn Fn(&str)) -> Error {
        let Self { watch, valkey, repair, publisher, wake_ups, .. } = self;
        let ended = async {
            loop {
                if let Err(error) = watch.check().and_then(|()| valkey.check()) {
                    return error;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        tokio::select! {
            error = ended => error,
            Err(error) = repair.deliver(complain) => error,
            Err(error) = publisher.deliver(complain) => error,
            Err(error) = wake_ups.deliver(complain) => error,
        }
    }

    /// Ends everything and waits until it has ended.
    pub fn stop(mut self) -> Result<()> {
        self.guard = None;
        let stopped = self.watch.stop();
        let stopped = stopped.and(self.repair.stop()).and(self.publisher.stop()).and(self.wake_ups.stop());
        let stopped = stopped.and(self.valkey.stop());
        self.dynamodb.stop();
        stopped
    }
}

/// A path as a reader wants it: relative to where they are, if it is below.
pub fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

async fn choose_port(port: u16) -> Result<u16> {
    if port == 0 {
        return ports::free_port();
    }
    if !ports::becomes_free(port).await {
        let other = if port == 8000 { 8001 } else { 8000 };
        bail!("port {port} is in use by another program: end that, or choose another port: make run PORT={other}");
    }
    Ok(port)
}

fn start_engines(
    options: &CloudOptions,
    folder: &DataFolder,
    progress: &mut dyn FnMut(&str),
) -> Result<(DynamoDb, Valkey)> {
    let file = folder.path().join("dynamodb.sqlite");
    let mut dynamodb = DynamoDb::open(&file, options.dynamodb_port)?;
    if options.sweep_ttl {
        dynamodb.sweep_ttl_every(SWEEP_PERIOD);
    }
    progress(&format!("DynamoDB (embedded) on {}, data in {}", dynamodb.endpoint(), shown(&file)));
    let valkey = ValkeyOptions {
        port: options.cache_port,
        folder: Some(folder.path().join("valkey")),
        ..ValkeyOptions::default()
    };
    let valkey = Valkey::start_with(&valkey)?;
    progress(&format!("Valkey on {}", valkey.url()));
    Ok((dynamodb, valkey))
}

async fn load_theaters(file: &Path, environment: &[(String, String)], progress: &mut dyn FnMut(&str)) -> Result<()> {
    let loader = checkout::binaries()?.join("load-theaters");
    if !loader.is_file() {
        bail!("the theater loader is not built: run `cargo build --workspace --bins`");
    }
    let mut command = Command::new(loader);
    for variable in REAL_AWS {
        command.env_remove(variable);
    }
    command.arg(file).envs(environment.iter().map(|(key, value)| (key, value))).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await.context("can't start the theater loader")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{} can't be loaded: {said}", shown(file));
    }
    String::from_utf8_lossy(&output.stdout).lines().for_each(|line| progress(&format!("  {line}")));
    Ok(())
}
