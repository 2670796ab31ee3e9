//! A key, and what is signed by it.

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;

/// A key of RSA, 2048 bits, that is nowhere but in memory.
#[derive(Clone)]
pub struct Signer {
    key: EncodingKey,
    public: Jwk,
    kid: String,
}

impl Signer {
    /// Makes a key. Takes some tenths of a second.
    pub fn generate() -> Result<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("can't make a key"))?;
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(|_| anyhow!("can't write the key"))?;
        // PKCS#8, which is taken in PEM only.
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).context("can't read the key")?;
        let mut public = Jwk::from_encoding_key(&key, Algorithm::RS256).context("can't read the key")?;
        let kid = public.thumbprint(ThumbprintHash::SHA256).context("can't name the key")?;
        public.common.key_id = Some(kid.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { key, public, kid })
    }

    /// What the key is called: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half, as `jwks_uri` answers it.
    pub fn public(&self) -> JwkSet {
        JwkSet { keys: vec![self.public.clone()] }
    }

    /// A token that makes these claims, whatever they are.
    pub fn sign(&self, claims: &Value) -> Result<String> {
        self.sign_as(Some(&self.kid), claims)
    }

    /// A token that says it was signed by the key of another name, or of none.
    pub fn sign_as(&self, kid: Option<&str>, claims: &Value) -> Result<String> {
        let header = Header { kid: kid.map(str::to_owned), ..Header::new(Algorithm::RS256) };
        encode(&header, claims, &self.key).context("can't sign a token")
    }
}
