//! The local API Gateway. It finds a request's route, calls the authorizer if the route needs a token, sends the
//! function an event, and converts its answer to HTTP.
//!
//! It answers as an HTTP API of API Gateway does
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html>):
//!
//! | request | answer |
//! | --- | --- |
//! | unknown path, or unknown method of a path | 404 `{"message":"Not Found"}` ([routes](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html)) |
//! | a host name that isn't this machine's | 403 `{"message":"Forbidden"}` |
//! | request line and headers above 10,240 bytes | 431 ([quotas](https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html)) |
//! | a body above 10 MB | 413 |
//! | no token, or an invalid one | 401 `{"message":"Unauthorized"}` |
//! | the function fails, or its answer exceeds Lambda's limit | 500 `{"message":"Internal Server Error"}` |
//! | no answer within 30 s | 503 `{"message":"Service Unavailable"}` |
//! | a preflight request | 204 ([`cors`]) |

mod answer;
pub mod cors;
mod event;
mod functions;
pub(crate) mod routes;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

pub use self::cors::CorsOrigins;
pub(crate) use self::functions::{Functions, InvokeError};
use self::routes::RouteMatch;
pub use self::routes::{Routes, needs_token};
use crate::auth::{Authorizer, Refused, local_staff};
use crate::lambda_host::TOKEN_HEADER;
use crate::server::{Answer, Server, json};
use crate::watch::Watch;
use crate::workspace::Workspace;

/// The largest body that API Gateway accepts, in bytes.
const MAX_BODY_BYTES: usize = 10_000_000;
/// The size in bytes above which a body is not even read to its end.
const MAX_DISCARDED_BYTES: usize = 10 * MAX_BODY_BYTES;
/// The largest request line with all headers that API Gateway accepts, in bytes.
const MAX_HEAD_BYTES: usize = 10_240;
/// The time limit for a caller to send the body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const REQUEST_ID: HeaderName = HeaderName::from_static("apigw-requestid");

/// A running gateway. Dropping it ends it.
pub(crate) struct Gateway {
    _server: Server,
}

/// The parts that answer requests.
pub(crate) struct Api {
    /// `127.0.0.1:PORT`
    domain: String,
    routes: Routes,
    cors: CorsOrigins,
    authorizer: Option<Authorizer>,
    functions: Functions,
}

/// A theater and seats to try.
#[derive(Debug, Clone)]
pub struct Example {
    /// The theater's id.
    pub theater: String,
    /// Two of its seats.
    pub seats: [String; 2],
    /// The next show whose seats can be reserved, or else any show of today or tomorrow.
    pub show: Option<ExampleShow>,
}

/// A show to try.
#[derive(Debug, Clone)]
pub struct ExampleShow {
    pub id: String,
    /// Its local day, as in the list of shows.
    pub day: String,
}

impl Gateway {
    /// Listens on a port of 127.0.0.1.
    pub(crate) async fn start(port: u16, api: Arc<Api>) -> Result<Self> {
        let server = Server::start(port, move |caller, request| {
            let api = api.clone();
            async move { api.answer(caller.ip(), request).await }
        });
        Ok(Self { _server: server.await? })
    }
}

impl Api {
    /// Creates an API on a port. `cargo lambda watch` runs its functions.
    pub(crate) fn new(port: u16, cors: CorsOrigins, authorizer: Option<Authorizer>, watch: &Watch) -> Result<Self> {
        let workspace = Workspace::from_checkout()?;
        let functions = Functions::new(workspace.functions(), watch.access());
        let domain = format!("127.0.0.1:{port}");
        Ok(Self { domain, routes: Routes::of(&workspace)?, cors, authorizer, functions })
    }

    /// Returns the functions behind the API.
    pub(crate) fn functions(&self) -> &Functions {
        &self.functions
    }

    /// Calls every function once, so that each has an instance and the next call is quick. Returns an error if a
    /// function fails.
    pub(crate) async fn call_each_function(&self, theater: &str) -> Result<()> {
        let calls = self.routes.harmless_routes().into_iter().map(async |found: RouteMatch| {
            let path = found.path_with(theater);
            let (method, body) = if found.is_get() { (Method::GET, "") } else { (Method::POST, "{}") };
            let request = Request::builder().method(method.clone()).uri(format!("/v1{path}"));
            let request = request.header(HOST, &self.domain).header("content-type", "application/json").body(())?;
            let found = self.routes.find(&method, request.uri().path()).context("a function without a route")?;
            let answer =
                self.call(IpAddr::from([127, 0, 0, 1]), &request.into_parts().0, body.into(), found, None).await;
            if answer.status().is_server_error() {
                let (head, body) = answer.into_parts();
                let body = body.collect().await?.to_bytes();
                bail!("{method} {path} was answered with {}: {}", head.status, String::from_utf8_lossy(&body));
            }
            Ok(())
        });
        futures_util::future::try_join_all(calls).await.map(drop)
    }

    /// Returns an existing theater and two of its seats. Prefers the theater `1`.
    pub(crate) async fn example(&self) -> Option<Example> {
        let list = self.get("/v1/theaters?limit=100").await?;
        let ids = list["theaters"].as_array()?.iter().filter_map(|theater| theater["theater_id"].as_str());
        let ids: Vec<_> = ids.collect();
        let theater = (*ids.iter().find(|id| **id == "1").or(ids.first())?).to_owned();
        let seats = self.get(&format!("/v1/theaters/{theater}/seats")).await.unwrap_or_default();
        let mut seats = seats["seats"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let mut next = |otherwise: &str| seats.next().unwrap_or_else(|| otherwise.to_owned());
        Some(Example { theater, seats: [next("A1"), next("A2")], show: self.example_show().await })
    }

    /// Finds a show of today or tomorrow, because it is never today everywhere.
    async fn example_show(&self) -> Option<ExampleShow> {
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
        let list = self.get(&format!("/v1/shows?from={today}&to={}&limit=100", today.tomorrow().ok()?)).await?;
        let shows = list["shows"].as_array()?;
        let on_sale = |show: &&Value| show["sale"]["on_sale"] == true && show["availability"]["level"] != "none";
        let show = shows.iter().find(on_sale).or(shows.first())?;
        let text = |name: &str| show[name].as_str().map(str::to_owned);
        Some(ExampleShow { id: text("show_id")?, day: text("local_date")? })
    }

    async fn get(&self, path: &str) -> Option<Value> {
        let request = Request::get(path).header(HOST, &self.domain).body(()).ok()?;
        let found = self.routes.find(&Method::GET, request.uri().path())?;
        let head = request.into_parts().0;
        let answer = self.call(IpAddr::from([127, 0, 0, 1]), &head, Bytes::new(), found, None).await;
        serde_json::from_slice(&answer.into_body().collect().await.ok()?.to_bytes()).ok()
    }

    async fn answer(&self, caller: IpAddr, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let mut answer = if !is_local_host(&head) {
            message(403, "Forbidden")
        } else if let Some(answer) = self.cors.preflight(&head.method, &head.headers) {
            return answer;
        } else {
            self.route(caller, &head, body).await
        };
        self.cors.expose(&head.headers, &mut answer);
        answer
    }

    async fn route(&self, caller: IpAddr, head: &Parts, body: Incoming) -> Answer {
        if size_of(head) > MAX_HEAD_BYTES {
            return message(431, "Request Header Fields Too Large");
        }
        if let Some(function) = self.lambda_invocation_target(head) {
            return match read(body).await {
                Ok(event) => self.invoke(function, event).await,
                Err(refused) => refused,
            };
        }
        let Some(route) = self.routes.find(&head.method, head.uri.path()) else { return message(404, "Not Found") };
        let claims = match &self.authorizer {
            Some(authorizer) if needs_token(&route.key) => {
                match authorizer.authorize(&head.headers, Timestamp::now().as_second()).await {
                    Ok(claims) => Some(claims),
                    Err(refused) => return unauthorized(refused),
                }
            }
            Some(_) => None,
            None => local_staff::claims(&head.headers),
        };
        match read(body).await {
            Ok(body) => self.call(caller, head, body, route, claims).await,
            Err(refused) => refused,
        }
    }

    async fn call(
        &self,
        caller: IpAddr,
        head: &Parts,
        body: Bytes,
        route: RouteMatch,
        claims: Option<serde_json::Map<String, Value>>,
    ) -> Answer {
        let id = format!("{:016x}", fastrand::u64(..));
        let arrival = event::RequestInfo { id: &id, domain: &self.domain, caller, now: Timestamp::now() };
        let event = event::of(&arrival, head, &body, &route, claims);
        let answered = self.functions.invoke(&route.function, event.to_string().into()).await;
        let mut answer = match answered {
            Ok(answered) => answer::of(&answered).unwrap_or_else(|| message(500, "Internal Server Error")),
            Err(why) => no_answer(why),
        };
        if let Ok(id) = HeaderValue::try_from(id) {
            answer.headers_mut().insert(REQUEST_ID, id);
        }
        answer
    }

    /// Returns the function that `cargo lambda invoke` calls. The request needs this run's token. Without the token the
    /// path is no route.
    fn lambda_invocation_target<'a>(&self, head: &'a Parts) -> Option<&'a str> {
        let path = head.uri.path().strip_prefix("/2015-03-31/functions/")?;
        let function = path.strip_suffix("/invocations").filter(|_| head.method == Method::POST)?;
        let shown = head.headers.get(TOKEN_HEADER)?.to_str().ok()?;
        self.functions.is_token(shown).then_some(function)
    }

    /// Sends a function an unchanged event and returns the function's answer.
    async fn invoke(&self, function: &str, event: Bytes) -> Answer {
        match self.functions.invoke(function, event).await {
            Ok(answered) => Answer::new(answered.into()),
            Err(InvokeError::Unknown) => message(404, "Not Found"),
            // The format that `cargo lambda invoke` reads.
            Err(_) => {
                json(500, &json!({ "errorType": "Unhandled", "errorMessage": "the function failed: see its log" }))
            }
        }
    }
}

/// Returns `true` if the host name is one of this machine's. API Gateway, too, serves its own host names only. Without
/// this check, a web page whose own host name resolves to 127.0.0.1 could read everything.
fn is_local_host(head: &Parts) -> bool {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.or(head.uri.host()) else { return true };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

fn size_of(head: &Parts) -> usize {
    let line = head.method.as_str().len() + head.uri.to_string().len() + " HTTP/1.1".len() + 1;
    let headers = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    line + headers.sum::<usize>()
}

async fn read(body: Incoming) -> Result<Bytes, Answer> {
    match tokio::time::timeout(BODY_TIMEOUT, read_whole(body)).await {
        Ok(Some(body)) => Ok(body),
        Ok(None) => Err(message(413, "Request Entity Too Large")),
        Err(_) => Err(message(408, "Request Timeout")),
    }
}

/// Reads the body. Returns `None` if it is too large or incomplete. A body that is too large is still read for a while,
/// because a client that is cut off while it sends does not see the answer.
async fn read_whole(mut body: Incoming) -> Option<Bytes> {
    let (mut whole, mut size) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        size += data.len();
        if size > MAX_DISCARDED_BYTES {
            return None;
        }
        if size <= MAX_BODY_BYTES {
            whole.extend_from_slice(&data);
        }
    }
    (size <= MAX_BODY_BYTES).then(|| whole.into())
}

fn no_answer(why: InvokeError) -> Answer {
    match why {
        InvokeError::Failed | InvokeError::Unknown => message(500, "Internal Server Error"),
        InvokeError::Unavailable => message(503, "Service Unavailable"),
    }
}

/// Builds one of API Gateway's own answers.
fn message(status: u16, message: &str) -> Answer {
    json(status, &json!({ "message": message }))
}

fn unauthorized(Refused(why): Refused) -> Answer {
    let mut answer = message(401, "Unauthorized");
    // RFC 6750, 3
    let challenge = match why {
        None => "Bearer".to_owned(),
        Some(why) => format!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"{why}\""),
    };
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(host: &str) -> Parts {
        Request::get("/v1/theaters").header(HOST, host).body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_local_host_names_are_served() {
        for host in ["127.0.0.1:8000", "localhost", "LOCALHOST:80", "[::1]:8000", "192.0.2.7:8000"] {
            assert!(is_local_host(&head(host)), "{host}");
        }
        for host in ["evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "127.0.0.1:x"] {
            assert!(!is_local_host(&head(host)), "{host}");
        }
    }

    #[test]
    fn head_size_counts_request_line_and_headers() {
        let request = Request::get("/v1/theaters").header("a", "b").header("a", "cd");
        assert_eq!(size_of(&request.body(()).unwrap().into_parts().0), "GET /v1/theaters HTTP/1.1".len() + 2 + 3);
    }
}
