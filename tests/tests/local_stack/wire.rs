//! One box office for all tests that change nothing of it, and requests to it.

use std::sync::OnceLock;

use boxoffice_tests::http::{self, Answer};
use boxoffice_tests::local_run::Run;
use hyper::Request;

/// A box office that runs until this process ends.
pub(crate) fn shared_run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        let data = boxoffice_local::checkout::scratch().unwrap().join("local-stack");
        // Data of an earlier run.
        drop(std::fs::remove_dir_all(&data));
        Run::start(&data)
    })
}

/// Sends a request with these headers.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http::send(request.body(body.to_owned().into()).unwrap()).await
}
