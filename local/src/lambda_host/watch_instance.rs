//! One instance of a function below `cargo lambda watch`. It receives events and passes each to a process of the
//! function.
//!
//! `cargo lambda watch` starts this program instead of the function's binary (`watch/cargo.sh`). The program adds
//! features of Lambda that `cargo lambda watch` doesn't have:
//!
//! - A process that ends is replaced. Its event is answered with an error at once. Without this, `cargo lambda watch`
//!   would wait for the answer forever and would never start another process in that place.
//! - An event has a time limit. A process that exceeds the limit is killed.
//! - An event without the token of this run is rejected. The port of `cargo lambda watch` is open to every program and
//!   every web page on this machine, and the functions trust the claims in an event.

use std::env;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::lambda::Outcome;
use super::process::{START_TIMEOUT, TIMEOUT};
use super::runtime_api::{RuntimeApi, TraceIds};

/// The variable with the path of the function's binary.
pub const BINARY: &str = "BOXOFFICE_FUNCTION";
/// The variable with the token that events have to carry.
pub const TOKEN: &str = "BOXOFFICE_TOKEN";
/// The header that carries the token. `cargo lambda watch` passes on no other header, and `cargo lambda invoke` can set
/// this one (`--client-context-file`).
pub const TOKEN_HEADER: &str = "lambda-runtime-client-context";

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";

/// The time between two checks of whether `cargo lambda watch` still runs.
const POLL: Duration = Duration::from_millis(200);

/// Serves events until `cargo lambda watch` ends. Reads its settings from the environment.
pub async fn serve_watch() -> Result<()> {
    let settings = Settings::from_environment()?;
    tokio::select! {
        () = serve_events(&settings) => {}
        () = orphaned() => {}
    }
    Ok(())
}

/// Waits until the process that started this one has ended.
async fn orphaned() {
    let parent = parent_id();
    while parent_id() == parent {
        tokio::time::sleep(POLL).await;
    }
}

async fn serve_events(settings: &Settings) {
    let watch = WatchApi::new(&settings.runtime_api);
    let mut process = Process::start(settings).await.map_err(|error| report(&error)).ok();
    while let Ok(event) = watch.next().await {
        let outcome = if event.token.as_deref() == Some(settings.token.as_str()) {
            answer(settings, &mut process, &event).await
        } else {
            failed("Refused", "events are accepted from the local gateway only")
        };
        if watch.respond(&event.id, outcome).await.is_err() {
            break;
        }
    }
}

struct Settings {
    binary: PathBuf,
    token: String,
    runtime_api: String,
}

impl Settings {
    fn from_environment() -> Result<Self> {
        let text = |name: &str| env::var_os(name).and_then(|value| value.into_string().ok());
        let text = |name: &str| text(name).with_context(|| format!("{name} is not set"));
        Ok(Self {
            binary: PathBuf::from(text(BINARY)?),
            token: text(TOKEN)?,
            runtime_api: text("AWS_LAMBDA_RUNTIME_API")?,
        })
    }

    fn name(&self) -> String {
        self.binary.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// An event on its way to the function.
struct Event {
    id: String,
    token: Option<String>,
    body: Bytes,
}

/// Passes an event to the process. Starts another process first if the previous one has ended.
async fn answer(settings: &Settings, process: &mut Option<Process>, event: &Event) -> Outcome {
    if process.as_mut().is_none_or(Process::has_ended) {
        *process = match Process::start(settings).await {
            Ok(started) => Some(started),
            Err(error) => {
                report(&error);
                return failed("Runtime.ExitError", &format!("{error:#}"));
            }
        };
    }
    match process {
        Some(process) => process.invoke(event).await,
        None => Outcome::Ended,
    }
}

fn failed(kind: &str, message: &str) -> Outcome {
    Outcome::Failed(json!({ "errorType": kind, "errorMessage": message }))
}

/// Writes an error to standard error, which goes to the log of the functions.
#[allow(clippy::print_stderr, reason = "it is the log")]
fn report(error: &anyhow::Error) {
    eprintln!("{error:#}");
}

/// One process of the function with its own Runtime API. Dropping it ends the process.
struct Process {
    child: Child,
    api: RuntimeApi,
}

impl Process {
    /// Starts the process and waits until it asks for its first event.
    async fn start(settings: &Settings) -> Result<Self> {
        let name = settings.name();
        let api = RuntimeApi::listen(&name, TraceIds::Repeating(100), TIMEOUT).await?;
        let mut child = spawn(&settings.binary, &name, &api)?;
        tokio::select! {
            biased;
            asked = api.asked() => drop(asked?),
            status = child.wait() => bail!("{name} ended before it asked for an event ({})", status?),
            () = tokio::time::sleep(START_TIMEOUT) => bail!("{name} does not ask for an event"),
        }
        Ok(Self { child, api })
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    async fn invoke(&mut self, event: &Event) -> Outcome {
        let Ok(reported) = self.api.send_event_with_id(&event.id, event.body.clone()) else {
            return Outcome::Ended;
        };
        tokio::select! {
            biased;
            reported = reported => {
                let outcome = reported.ok().map(|timed| Outcome::of_report(&timed.report));
                outcome.and_then(Result::ok).unwrap_or(Outcome::Ended)
            }
            _ = self.child.wait() => Outcome::Ended,
            () = tokio::time::sleep(TIMEOUT) => {
                drop(self.child.kill().await);
                Outcome::TimedOut
            }
        }
    }
}

fn spawn(binary: &Path, name: &str, api: &RuntimeApi) -> Result<Child> {
    let mut command = Command::new(binary);
    command
        .env("AWS_LAMBDA_RUNTIME_API", api.address())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env_remove(TOKEN)
        .env_remove(BINARY)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command.spawn().with_context(|| format!("can't start {}", binary.display()))
}

/// The Runtime API of `cargo lambda watch`.
struct WatchApi {
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl WatchApi {
    fn new(address: &str) -> Self {
        let address = address.trim_start_matches("http://");
        let address = format!("http://{address}/2018-06-01/runtime/invocation");
        Self { address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Waits for the next event.
    async fn next(&self) -> Result<Event> {
        loop {
            let request = Request::get(format!("{}/next", self.address)).body(Full::default())?;
            let response = self.client.request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            if let (200, Some(id)) = (head.status.as_u16(), text(&head.headers, REQUEST_ID)) {
                return Ok(Event { id, token: token(&head.headers), body });
            }
        }
    }

    async fn respond(&self, id: &str, outcome: Outcome) -> Result<()> {
        let (path, body) = match outcome {
            Outcome::Answered(body) => ("response", body),
            Outcome::Failed(error) => ("error", error),
            Outcome::Ended => ("error", error_of_runtime("Runtime.ExitError", id, "the process ended")),
            Outcome::TimedOut => ("error", error_of_runtime("Sandbox.Timedout", id, "the time limit was exceeded")),
        };
        let request = Request::post(format!("{}/{id}/{path}", self.address)).header("content-type", "application/json");
        let response = self.client.request(request.body(Full::from(body.to_string()))?).await?;
        drop(response.into_body().collect().await?);
        Ok(())
    }
}

fn error_of_runtime(kind: &str, id: &str, message: &str) -> Value {
    json!({ "errorType": kind, "errorMessage": format!("RequestId: {id} Error: {message}") })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// `cargo lambda watch` encodes the header as base64.
fn token(headers: &HeaderMap) -> Option<String> {
    let decoded = STANDARD.decode(headers.get(TOKEN_HEADER)?.as_bytes()).ok()?;
    String::from_utf8(decoded).ok()
}
