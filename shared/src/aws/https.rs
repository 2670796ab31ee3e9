//! HTTP client for AWS: HTTP/1.1 over TLS, with reused connections.
//!
//! The SDK's own client also has HTTP/2, which DynamoDB doesn't support, proxies, a DNS cache and a choice of TLS.
//! Its size and its work at the start would be a tenth of a function's. This client uses the same parts: hyper and
//! rustls.
//!
//! It has no timeouts, because every call has its own ([`crate::startup`]), which includes connecting. A call that
//! times out closes its connection. So a connection that died while the instance was frozen is used at most once.

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector as Connector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;

use super::Authorities;

/// An HTTP and HTTPS client. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Https(Client<HttpsConnector<HttpConnector>, SdkBody>);

impl Https {
    /// Creates a client that trusts these authorities. It connects on first use.
    pub fn new(authorities: Authorities) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(authorities.client_config())
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let response = self.0.request(request).await.map_err(failed)?;
        HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
            .map_err(|error| ConnectorError::other(error.into(), None))
    }
}

impl HttpClient for Https {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Connector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().exchange(request))
    }
}

/// Classifies all failures as I/O errors. After any of them, it is unknown whether the server executed the request.
fn failed(error: Error) -> ConnectorError {
    ConnectorError::io(error.into())
}
