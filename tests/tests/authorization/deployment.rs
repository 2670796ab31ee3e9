//! One cloud with authorization, shared by all tests of this process. Each test uses seats of its own.

use std::sync::OnceLock;

use boxoffice_local::auth::{AUDIENCE, Signer};
use boxoffice_local::checkout;
use boxoffice_local::cloud::{Cloud, CloudOptions};
use boxoffice_tests::http::Answer;
use http_body_util::Full;
use hyper::{Method, Request};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The address of the cloud, and the key of its issuer.
pub(crate) struct Deployment {
    /// `http://127.0.0.1:PORT/v1`
    pub(crate) url: String,
    pub(crate) issuer: String,
    pub(crate) signer: Signer,
}

/// Returns the shared cloud. The cloud runs in its own thread until the process ends, so it outlives the runtime of the
/// test that starts it.
pub(crate) fn deployment() -> &'static Deployment {
    static SITE: OnceLock<Deployment> = OnceLock::new();
    SITE.get_or_init(|| {
        let (ready, started) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut cloud = Cloud::start(&options(), &mut |_| {}).await.expect("the functions are built");
                let issuer = cloud.issuer().expect("the cloud has an issuer");
                let (url, issuer, signer) = (cloud.url(), issuer.url().to_owned(), issuer.signer().clone());
                ready.send(Deployment { url, issuer, signer }).unwrap();
                panic!("{:#}", cloud.serve(&|_| {}).await);
            });
        });
        started.recv().expect("the cloud starts")
    })
}

fn options() -> CloudOptions {
    let data = checkout::scratch().unwrap().join("authorization");
    // Deletes the data of an earlier run.
    drop(std::fs::remove_dir_all(&data));
    CloudOptions { port: 0, issuer_port: 0, data, auth: true, ..CloudOptions::from_checkout().unwrap() }
}

impl Deployment {
    /// Returns the claims of a valid token for this subject.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let now = Timestamp::now().as_second();
        json!({ "iss": self.issuer, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 600 })
    }

    /// Returns a valid token.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.signer.sign(&self.claims(subject)).unwrap()
    }

    /// Returns a valid token with added or changed claims.
    pub(crate) fn token_with(&self, changes: &Value) -> String {
        let mut claims = self.claims("alice");
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.signer.sign(&claims).unwrap()
    }

    /// Sends a request with this `Authorization` header. An empty value sends no header.
    pub(crate) async fn send(&self, authorization: &str, method: Method, path: &str, body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = request.header("content-type", "application/json").body(Full::from(body)).unwrap();
        boxoffice_tests::http::send(request).await
    }

    /// Sends a request with a valid token for this subject.
    pub(crate) async fn send_as(&self, subject: &str, method: Method, path: &str, body: &Value) -> Answer {
        self.send(&format!("Bearer {}", self.token(subject)), method, path, body).await
    }
}
