//! The way to AWS: HTTP/1.1 over TLS, on connections that are kept.
//!
//! The SDK's own client speaks HTTP/2 besides, which DynamoDB doesn't, and carries proxies, a cache of names and a choice of TLS; its
//! size and what it does at the start would be a tenth of a function's. It is made of the same parts as this one: hyper and rustls.
//!
//! It knows no timeouts: every call has one of its own ([`crate::startup`]), connecting included. A call that is given up takes its
//! connection with it, so a connection that died while the instance was frozen is used no more than once.

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

/// A client of HTTP and HTTPS; clones share its connections.
#[derive(Clone, Debug)]
pub struct Https(Client<HttpsConnector<HttpConnector>, SdkBody>);

impl Https {
    /// A client that trusts these authorities. Connects when it is first used.
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

/// Whether it was the connection or the exchange: neither says whether the other side has carried out the request.
fn failed(error: Error) -> ConnectorError {
    ConnectorError::io(error.into())
}
