//! A shared box office for all tests that don't change it, and requests to it.

use std::sync::{OnceLock, mpsc};
use std::thread;

use boxoffice_local::checkout;
use boxoffice_local::cloud::{Cloud, CloudOptions};
use boxoffice_tests::http::{self, Answer};
use hyper::Request;

/// A running box office.
pub(crate) struct Site {
    pub(crate) port: u16,
    pub(crate) functions_port: u16,
    /// The token that every event needs.
    pub(crate) token: String,
}

impl Site {
    /// Returns the address of a path below the stage.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v1{path}", self.port)
    }
}

/// Returns the shared box office. It runs in a thread of its own until the process ends.
pub(crate) fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let data = checkout::scratch().unwrap().join("local-stack");
        // Deletes the data of an earlier run.
        drop(std::fs::remove_dir_all(&data));
        let options = CloudOptions { port: 0, data, ..CloudOptions::from_checkout().unwrap() };
        let (ready, started) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut cloud = Cloud::start(&options, &mut |_| {}).await.expect("the functions are built");
                let port = cloud.url().split([':', '/']).nth(4).unwrap().parse().unwrap();
                let token = std::fs::read_to_string(cloud.data().join("invoke-token")).unwrap();
                ready.send(Site { port, functions_port: cloud.functions_port(), token }).unwrap();
                panic!("{:#}", cloud.serve(&|_| {}).await);
            });
        });
        started.recv().expect("the box office starts")
    })
}

/// Sends a request with these headers and this body.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    http::send(request.body(body.to_owned().into()).unwrap()).await
}
