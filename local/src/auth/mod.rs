//! Who calls: a small issuer of tokens, and what API Gateway's JWT authorizer makes of them.
//!
//! Tokens are real (RS256, by a key that is made at every start), and so is the way that their keys take: the authorizer
//! knows the issuer's address only, and asks for the rest as OpenID Connect has it. Who may have a token nobody asks here: the
//! issuer gives everybody on this machine whatever they say that they are.

mod authorizer;
mod claims;
mod issuer;
mod signer;

pub use authorizer::{Authorizer, Refused};
pub use issuer::{AUDIENCE, Issuer};
pub use signer::Signer;
