//! API Gateway in front of the functions: finds the route, asks the authorizer where the route needs a token, hands the
//! function an event, and makes HTTP of what it answers.
//!
//! `cargo lambda watch` makes events of requests itself, but has no claims to put into them; so with tokens it is handed
//! events, as AWS's Invoke API is.

mod answer;
mod event;
mod routes;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde_json::{Value, json};

pub use self::routes::{Routes, needs_token};
use crate::auth::{Authorizer, Refused};
use crate::server::{Answer, Server, json};

/// What API Gateway takes.
const MOST_BODY: usize = 10 << 20;
/// What Lambda answers, at the most.
const MOST_ANSWER: usize = 6 << 20;
/// How long API Gateway waits for a function.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// A running gateway. Dropping it ends it.
pub struct Gateway {
    server: Server,
}

/// What each request is answered by.
struct Inside {
    routes: Routes,
    authorizer: Authorizer,
    /// The port at which functions are invoked.
    functions: u16,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Gateway {
    /// Listens on a port of 127.0.0.1, before the functions that `cargo lambda watch` runs at another.
    pub async fn start(port: u16, functions: u16, authorizer: Authorizer) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let inside = Inside { routes: Routes::of_checkout()?, authorizer, functions, client };
        let inside = std::sync::Arc::new(inside);
        let server = Server::start(port, move |request| {
            let inside = inside.clone();
            async move { inside.answer(request).await }
        });
        Ok(Self { server: server.await? })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port()
    }
}

impl Inside {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let found = self.routes.find(request.method(), request.uri().path());
        let Some(route) = found else { return message(404, "Not Found") };
        let claims = if needs_token(&route.key) {
            match self.authorizer.authorize(request.headers(), Timestamp::now().as_second()).await {
                Ok(claims) => Some(claims),
                Err(refused) => return unauthorized(refused),
            }
        } else {
            None
        };
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MOST_BODY).collect().await else {
            return message(413, "Request Entity Too Large");
        };
        let event = event::of(&head, &body.to_bytes(), &route, claims, Timestamp::now());
        match tokio::time::timeout(LONGEST_CALL, self.invoke(&route.function, &event)).await {
            Ok(Ok(answered)) => answer::of(&answered).unwrap_or_else(|| message(500, "Internal Server Error")),
            Ok(Err(_)) => message(500, "Internal Server Error"),
            Err(_) => message(503, "Service Unavailable"),
        }
    }

    /// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
    async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let address = format!("http://127.0.0.1:{}/2015-03-31/functions/{function}/invocations", self.functions);
        let request = Request::builder().method(Method::POST).uri(address).header("content-type", "application/json");
        let answer = self.client.request(request.body(Full::from(event.to_string()))?).await?;
        if !answer.status().is_success() {
            bail!("{function} was not invoked: {}", answer.status());
        }
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("{function}: {error}"))?.to_bytes();
        serde_json::from_slice(&body).context("the function's answer is no JSON")
    }
}

/// API Gateway's own answers.
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
