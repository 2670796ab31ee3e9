//! Whom TLS trusts: whose word it takes to believe that a server is who it says it is.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Amazon's five roots, under which all its services, ElastiCache among them, have their certificates, as published at
/// <https://www.amazontrust.com/repository/>. Each is in the root programs of Mozilla, Microsoft and Apple.
const AMAZON: &[u8] = include_bytes!("authorities/amazon.pem");

/// The authorities to trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authorities {
    /// Amazon's alone. Reading the system's 140 took four fifths of what an instance did before its first event.
    #[default]
    Amazon,
    /// The system's: for a way through a proxy that signs for others, or a cache that isn't ElastiCache.
    System,
}

impl Authorities {
    /// The certificates of those that can be read, as PEM: clients refuse all for one that can't.
    pub fn pem(self) -> Cow<'static, [u8]> {
        match self {
            Self::Amazon => Cow::Borrowed(AMAZON),
            Self::System => system().iter().filter(can_be_read).flat_map(|one| pem(one)).collect::<Vec<_>>().into(),
        }
    }

    /// TLS for clients that trust them, and nobody else.
    pub(super) fn client_config(self) -> ClientConfig {
        use_one_cryptography();
        ClientConfig::builder().with_root_certificates(store(self)).with_no_client_auth()
    }
}

/// What can't be read is left out: whoever it stands for isn't trusted.
pub(super) fn store(authorities: Authorities) -> RootCertStore {
    let mut store = RootCertStore::empty();
    match authorities {
        Authorities::Amazon => store.add_parsable_certificates(CertificateDer::pem_slice_iter(AMAZON).flatten()),
        Authorities::System => store.add_parsable_certificates(system()),
    };
    store
}

/// Names the cryptography of all TLS here, that of the Redis client included. Were another compiled in by some dependency, nobody
/// could tell otherwise which is meant.
pub(crate) fn use_one_cryptography() {
    // Named before, by whoever: that is as good.
    let _ = ring::default_provider().install_default();
}

fn system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "an authority of the system's can't be read");
    }
    found.certs
}

pub(super) fn can_be_read(certificate: &&CertificateDer<'_>) -> bool {
    RootCertStore::empty().add((*certificate).clone().into_owned()).is_ok()
}

fn pem(certificate: &[u8]) -> Vec<u8> {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let coded = STANDARD.encode(certificate);
    let mut rest = coded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text.into_bytes()
}
