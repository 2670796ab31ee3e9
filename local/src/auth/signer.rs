//! A key pair, and the tokens signed with it.

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;

/// An RSA key of 2048 bits that exists only in memory.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    public: Jwk,
    kid: String,
}

impl Signer {
    /// Generates a key. Takes some tenths of a second.
    pub fn generate() -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("can't make a key"))?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| anyhow!("can't write the key"))?;
        // The library accepts PKCS#8 in PEM only.
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).context("can't read the key")?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).context("can't read the key")?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).context("can't name the key")?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key, public, kid })
    }

    /// Returns the id of the key, which is its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the public half, as served at `jwks_uri`.
    pub fn public(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// Signs a token with these claims. The claims are not checked.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_as(Some(&self.kid), claims)
    }

    /// Signs a token with the key id of another key, or with none.
    pub fn sign_as(&self, kid: Option<&str>, claims: &Value) -> Result<String> {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.key).context("can't sign a token")
    }
}
