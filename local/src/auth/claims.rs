//! The claims of a token: their validation, and the form in which functions receive them.

use serde_json::{Map, Value};

/// The claims of a token whose signature is valid.
pub(super) type Claims = Map<String, Value>;

/// Returns an error with the reason if the token isn't acceptable. API Gateway checks the same claims
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html>).
pub(super) fn check(claims: &Claims, issuer: &str, audience: &str, now: i64) -> Result<(), &'static str> {
    if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err("the token does not have a valid issuer");
    }
    // client_id counts only if there is no aud.
    let meant = claims.get("aud").or_else(|| claims.get("client_id"));
    let is_meant = match meant {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(several)) => several.iter().any(|one| one == audience),
        _ => false,
    };
    if !is_meant {
        return Err("the token does not have a valid audience");
    }
    // The times are in seconds. RFC 7519 allows fractions.
    let time = |name: &str| claims.get(name).map(|time| time.as_f64().ok_or("the token has a time that is no number"));
    #[allow(clippy::cast_precision_loss, reason = "exact for the next 285 million years")]
    let now = now as f64;
    if time("exp").transpose()?.is_none_or(|end| end <= now) {
        return Err("the token has expired");
    }
    if time("nbf").transpose()?.is_some_and(|start| start > now) {
        return Err("the token is not valid yet");
    }
    if time("iat").transpose()?.is_some_and(|made| made > now) {
        return Err("the token was issued in the future");
    }
    Ok(())
}

/// Returns the claims as API Gateway passes them on: each as a text, lists as `[a b]`.
pub(super) fn to_texts(claims: &Claims) -> Claims {
    claims.iter().map(|(name, value)| (name.clone(), Value::String(text(value)))).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(" ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000;

    fn check_with(changes: &Value) -> Result<(), &'static str> {
        let mut claims = json!({ "iss": "us", "aud": "api", "exp": 1_001, "nbf": 1_000, "iat": 1_000 });
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        check(claims.as_object().unwrap(), "us", "api", NOW)
    }

    #[test]
    fn token_is_valid_from_nbf_until_exp() {
        assert_eq!(check_with(&json!({})), Ok(()));
        assert_eq!(check_with(&json!({ "nbf": null, "iat": null, "exp": 1_000.5 })), Ok(()));
        assert_eq!(check_with(&json!({ "exp": 1_000 })), Err("the token has expired"));
        assert_eq!(check_with(&json!({ "exp": null })), Err("the token has expired"));
        assert_eq!(check_with(&json!({ "nbf": 1_001 })), Err("the token is not valid yet"));
        assert_eq!(check_with(&json!({ "iat": 1_001 })), Err("the token was issued in the future"));
        assert!(check_with(&json!({ "exp": "1001" })).is_err(), "a text isn't a time");
    }

    #[test]
    fn token_needs_our_issuer_and_audience() {
        for claims in [json!({ "aud": ["x", "api"] }), json!({ "aud": null, "client_id": "api" })] {
            assert_eq!(check_with(&claims), Ok(()), "{claims}");
        }
        for claims in [
            json!({ "aud": "apis" }),
            json!({ "aud": [] }),
            json!({ "aud": null }),
            json!({ "aud": "x", "client_id": "api" }),
            json!({ "iss": "us/" }),
            json!({ "iss": ["us"] }),
            json!({ "iss": null }),
        ] {
            assert!(check_with(&claims).is_err(), "{claims}");
        }
    }

    #[test]
    fn claims_become_strings() {
        let claims = json!({ "sub": "a", "exp": 5, "ok": true, "scp": ["x", "y"] });
        let expected = json!({ "sub": "a", "exp": "5", "ok": "true", "scp": "[x y]" });
        assert_eq!(Value::Object(to_texts(claims.as_object().unwrap())), expected);
    }
}
