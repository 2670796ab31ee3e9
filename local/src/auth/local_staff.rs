//! The member of the staff on a machine without tokens: `Authorization: Bearer staff`.

use hyper::header::HeaderMap;
use serde_json::{Map, Value};

use super::authorizer::bearer;

/// The word that stands for a token.
const TOKEN: &str = "staff";

/// Returns the claims of a local member of the staff, or `None` for a request without the word. Without an issuer no
/// other caller has an identity, so every other token is ignored.
pub(crate) fn claims(headers: &HeaderMap) -> Option<Map<String, Value>> {
    let is_staff = bearer(headers) == Some(TOKEN);
    let claims = [("sub", "local-staff"), ("scope", "boxoffice/staff boxoffice/admin")];
    is_staff.then(|| claims.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use hyper::header::{AUTHORIZATION, HeaderValue};

    use super::*;

    #[test]
    fn only_the_word_staff_has_claims() {
        let of =
            |value: &'static str| claims(&[(AUTHORIZATION, HeaderValue::from_static(value))].into_iter().collect());
        let staff = of("Bearer staff").unwrap();
        assert_eq!(staff["sub"], "local-staff");
        assert_eq!(staff["scope"], "boxoffice/staff boxoffice/admin");
        for other in ["Bearer Staff", "Bearer staff2", "Bearer ", "Basic staff", "Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln"]
        {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(claims(&HeaderMap::new()), None);
    }
}
