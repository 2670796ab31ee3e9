//! Certificate authorities that TLS trusts.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Amazon's five root certificates, published at <https://www.amazontrust.com/repository/>. They cover all of
/// Amazon's services, including ElastiCache. Each is in the root programs of Mozilla, Microsoft and Apple.
const AMAZON: &[u8] = include_bytes!("authorities/amazon.pem");

/// The authorities to trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authorities {
    /// Amazon's only. Reading the system's 140 took four fifths of an instance's work before its first event.
    #[default]
    Amazon,
    /// The system's. For a proxy that signs for other servers, or a cache that isn't ElastiCache.
    System,
}

impl Authorities {
    /// Returns the readable certificates as PEM. Clients reject the whole list if one certificate can't be read.
    pub fn pem(self) -> Cow<'static, [u8]> {
        match self {
            Self::Amazon => Cow::Borrowed(AMAZON),
            Self::System => system().iter().filter(can_be_read).flat_map(|one| pem(one)).collect::<Vec<_>>().into(),
        }
    }

    /// Returns a TLS configuration that trusts only these authorities.
    pub(super) fn client_config(self) -> ClientConfig {
        use_one_cryptography();
        ClientConfig::builder().with_root_certificates(store(self)).with_no_client_auth()
    }
}

/// Returns the trusted certificates. Unreadable certificates are left out, so their authorities aren't trusted.
pub(super) fn store(authorities: Authorities) -> RootCertStore {
    let mut store = RootCertStore::empty();
    match authorities {
        Authorities::Amazon => store.add_parsable_certificates(CertificateDer::pem_slice_iter(AMAZON).flatten()),
        Authorities::System => store.add_parsable_certificates(system()),
    };
    store
}

/// Sets the cryptography provider of all TLS connections, including the Redis client's. Without it, rustls couldn't
/// choose if a dependency compiled in a second provider.
pub(crate) fn use_one_cryptography() {
    // An error means that a provider is already set, which is fine.
    let _ = ring::default_provider().install_default();
}

fn system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "can't read a certificate authority of the system");
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
