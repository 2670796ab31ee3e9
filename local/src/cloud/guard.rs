//! What stands before the functions when callers have to show who they are.

use anyhow::{Context, Result};

use crate::auth::{AUDIENCE, Authorizer, Issuer};
use crate::gateway::Gateway;

/// Who asks for tokens, and who issues them. Dropping it ends both.
pub(super) struct Guard {
    gateway: Gateway,
    issuer: Issuer,
}

impl Guard {
    /// Starts both, before the functions that are at a port of their own.
    pub(super) async fn start(
        port: u16,
        functions: u16,
        issuer_port: u16,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let issuer = Issuer::start(issuer_port).await.context("the issuer of tokens doesn't start")?;
        progress(&format!("Issuing tokens on {}, and asking for them on 127.0.0.1:{port}", issuer.url()));
        let gateway = Gateway::start(port, functions, Authorizer::new(issuer.url(), AUDIENCE)).await?;
        Ok(Self { gateway, issuer })
    }

    /// The port of the API on 127.0.0.1.
    pub(super) fn port(&self) -> u16 {
        self.gateway.port()
    }

    /// Who issues tokens.
    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }
}
