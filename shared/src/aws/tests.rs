//! Trusted authorities, checked with real certificates, and the endpoints of services.

use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, RootCertStore};
use sha2::{Digest, Sha256};

use super::authorities::{can_be_read, store};
use super::*;

/// Chain of aws.amazon.com in November 2025: its certificate, the intermediate authority, and Amazon's root signed by
/// another root.
const AWS: &[u8] = include_bytes!("authorities/aws.amazon.com.pem");
/// Chain of letsencrypt.org in July 2026.
const ANOTHER: &[u8] = include_bytes!("authorities/letsencrypt.org.pem");
/// A time when both were valid: 2026-08-01.
const THEN: u64 = 1_785_542_400;

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).map(Result::unwrap).collect()
}

fn verify(chain: &[u8], name: &str, at: u64) -> Result<(), Error> {
    use_one_cryptography();
    let verifier = WebPkiServerVerifier::builder(store(Authorities::Amazon).into()).build().unwrap();
    let chain = certificates(chain);
    let (own, between) = chain.split_first().unwrap();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(own, between, &name, &[], at).map(drop)
}

#[test]
fn real_amazon_chain_is_trusted() {
    assert_eq!(verify(AWS, "aws.amazon.com", THEN), Ok(()));
}

#[test]
fn untrusted_misnamed_and_expired_chains_are_rejected() {
    let reason = |chain, name, at| match verify(chain, name, at).unwrap_err() {
        Error::InvalidCertificate(reason) => reason,
        other => panic!("{other}"),
    };
    assert_eq!(reason(ANOTHER, "letsencrypt.org", THEN), CertificateError::UnknownIssuer);
    assert!(matches!(reason(AWS, "amazon.example", THEN), CertificateError::NotValidForNameContext { .. }));
    assert!(matches!(reason(AWS, "aws.amazon.com", THEN + 31_536_000), CertificateError::ExpiredContext { .. }));
}

#[test]
fn amazon_roots_match_published_fingerprints() {
    let fingerprints: Vec<String> = certificates(&Authorities::Amazon.pem())
        .iter()
        .map(|certificate| Sha256::digest(certificate).iter().take(4).map(|byte| format!("{byte:02x}")).collect())
        .collect();
    // First bytes of each SHA-256 in https://www.amazontrust.com/repository/: Amazon Root CA 1 to 4, Starfield
    // Services.
    assert_eq!(fingerprints, ["8ecde688", "1ba5b2aa", "18ce6cfe", "e35d2841", "568d6905"]);
    assert_eq!(store(Authorities::Amazon).len(), 5, "all of them can be read");
}

#[test]
fn system_authorities_as_pem_skip_unreadable_certificates() {
    let found = rustls_native_certs::load_native_certs().certs;
    let shown = certificates(&Authorities::System.pem());
    assert!(shown.iter().all(|certificate| found.contains(certificate)));
    let mut strict = RootCertStore::empty();
    shown.into_iter().for_each(|certificate| strict.add(certificate).unwrap());
    assert_eq!(strict.len(), store(Authorities::System).len());
    assert!(!can_be_read(&&CertificateDer::from(b"no certificate".as_slice())));
}

#[test]
fn service_endpoint_falls_back_to_the_common_one() {
    let endpoints = Endpoints { all: Some("all".to_owned()), sqs: Some("sqs".to_owned()), ..Endpoints::default() };
    let of = |service, env| {
        let key = ServiceConfigKey::builder().service_id(service).env(env).profile("endpoint_url").build().unwrap();
        endpoints.load_config(key)
    };
    assert_eq!(of("SQS", "AWS_ENDPOINT_URL").as_deref(), Some("sqs"));
    assert_eq!(of("DynamoDB", "AWS_ENDPOINT_URL").as_deref(), Some("all"));
    assert_eq!(of("SQS", "AWS_SOMETHING_ELSE"), None);
}
