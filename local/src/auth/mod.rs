//! Authentication: a small token issuer, and API Gateway's JWT authorizer.
//!
//! The tokens are real: RS256, with a key that is generated at every start. The authorizer fetches the keys as in
//! production. It knows only the issuer's address and finds everything else through OpenID Connect. The issuer checks
//! nothing: every caller on this machine gets a token for any subject.

mod authorizer;
mod claims;
mod issuer;
pub(crate) mod local_staff;
mod signer;

pub use authorizer::{Authorizer, Refused};
pub use issuer::{AUDIENCE, Issuer};
pub use signer::Signer;
