//! Forged, malformed, expired and misdirected tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boxoffice_local::auth::Signer;
use hyper::Method;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::deployment::{Deployment, deployment};

/// Sends a booking with this `Authorization` header, and expects 401 and no booking. Returns the `www-authenticate`
/// header.
async fn is_refused(deployment: &Deployment, authorization: &str) -> String {
    let answer = deployment.send(authorization, Method::POST, "/theaters/2/book", &json!({ "seat": "D3" })).await;
    assert_eq!((answer.status, &answer.body), (401, &json!({ "message": "Unauthorized" })), "{authorization}");
    let challenge = answer.headers["www-authenticate"].clone();
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    let seat_map = deployment.send("", Method::GET, "/theaters/2/seats", &Value::Null).await;
    assert!(
        seat_map.body["seats"].as_array().unwrap().contains(&json!("D3")),
        "{authorization} has booked: {seat_map:?}"
    );
    challenge
}

async fn is_refused_as(authorization: &str, why: &str) {
    let challenge = is_refused(deployment(), authorization).await;
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains(why), "{challenge}, expected {why}");
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn request_without_a_token_gets_a_bearer_challenge() {
    for nothing in ["", "Bearer", "Bearer ", "Basic", "  "] {
        let challenge = is_refused(deployment(), nothing).await;
        assert!(challenge == "Bearer" || nothing.starts_with('B'), "{nothing}: {challenge}");
    }
}

#[tokio::test]
async fn malformed_token_is_refused() {
    for text in ["Bearer x", "Bearer a.b", "Bearer a.b.c", "Bearer ..", "Basic YWxpY2U6c2VjcmV0", "Bearer a.b.c.d.e"] {
        is_refused_as(text, "can't be read").await;
    }
}

#[tokio::test]
async fn unsigned_token_is_refused() {
    let deployment = deployment();
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = part(&json!({ "alg": alg, "typ": "JWT", "kid": deployment.signer.kid() }));
        for signature in ["", "AAAA"] {
            is_refused_as(
                &format!("Bearer {header}.{}.{signature}", part(&deployment.claims("alice"))),
                "can't be read",
            )
            .await;
        }
    }
    let whole = deployment.token("alice");
    let (unsigned, _) = whole.rsplit_once('.').unwrap();
    is_refused_as(&format!("Bearer {unsigned}."), "wrong signature").await;
    is_refused_as(&format!("Bearer {unsigned}"), "can't be read").await;
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let deployment = deployment();
    let public = serde_json::to_value(deployment.signer.public()).unwrap()["keys"][0].clone();
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    for secret in [modulus, public["n"].as_str().unwrap().into(), public.to_string().into_bytes()] {
        let header = Header { kid: Some(deployment.signer.kid().to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &deployment.claims("alice"), &EncodingKey::from_secret(&secret)).unwrap();
        is_refused_as(&format!("Bearer {token}"), "algorithm").await;
    }
}

#[tokio::test]
async fn token_signed_by_another_key_with_the_same_id_is_refused() {
    let deployment = deployment();
    let stranger = Signer::generate().unwrap();
    let forged = stranger.sign_as(Some(deployment.signer.kid()), &deployment.claims("alice")).unwrap();
    is_refused_as(&format!("Bearer {forged}"), "wrong signature").await;
}

#[tokio::test]
async fn token_with_a_key_unknown_to_the_issuer_is_refused() {
    let deployment = deployment();
    let stranger = Signer::generate().unwrap();
    is_refused_as(&format!("Bearer {}", stranger.sign(&deployment.claims("alice")).unwrap()), "doesn't have").await;
    let odd = deployment.signer.sign_as(Some("../jwks.json"), &deployment.claims("alice")).unwrap();
    is_refused_as(&format!("Bearer {odd}"), "doesn't have").await;
    let nameless = deployment.signer.sign_as(None, &deployment.claims("alice")).unwrap();
    is_refused_as(&format!("Bearer {nameless}"), "names no key").await;
}

#[tokio::test]
async fn a_token_that_brings_its_own_key_is_refused() {
    let deployment = deployment();
    let stranger = Signer::generate().unwrap();
    let signed = stranger.sign(&deployment.claims("alice")).unwrap();
    let signature = signed.rsplit('.').next().unwrap();
    let public = serde_json::to_value(stranger.public()).unwrap()["keys"][0].clone();
    for (name, value) in
        [("jwk", public), ("jku", json!("http://127.0.0.1:1/jwks.json")), ("x5u", json!("http://127.0.0.1:1/"))]
    {
        let mut header = json!({ "alg": "RS256", "kid": stranger.kid() });
        header[name] = value;
        is_refused_as(&format!("Bearer {}.{}.{signature}", part(&header), part(&deployment.claims("alice"))), "token")
            .await;
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    for issuer in [
        json!("https://elsewhere.example"),
        json!(format!("{}/", deployment().issuer)),
        json!([deployment().issuer]),
        Value::Null,
    ] {
        is_refused_as(&format!("Bearer {}", deployment().token_with(&json!({ "iss": issuer }))), "issuer").await;
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    for audience in [json!("else"), json!([]), json!(["else", "where"]), Value::Null] {
        is_refused_as(&format!("Bearer {}", deployment().token_with(&json!({ "aud": audience }))), "audience").await;
    }
}

#[tokio::test]
async fn expired_and_not_yet_valid_tokens_are_refused() {
    let now = Timestamp::now().as_second();
    for (claims, why) in [
        (json!({ "exp": now - 1 }), "expired"),
        (json!({ "exp": 0 }), "expired"),
        (json!({ "exp": null }), "no number"),
        (json!({ "nbf": now + 600 }), "not valid yet"),
        (json!({ "iat": now + 600 }), "in the future"),
    ] {
        is_refused_as(&format!("Bearer {}", deployment().token_with(&claims)), why).await;
    }
}

#[tokio::test]
async fn a_token_that_was_changed_after_it_was_signed_is_refused() {
    let deployment = deployment();
    let token = deployment.token("alice");
    let parts: Vec<_> = token.split('.').collect();
    let mut claims = deployment.claims("mallory");
    claims["scope"] = json!("boxoffice/admin");
    is_refused_as(&format!("Bearer {}.{}.{}", parts[0], part(&claims), parts[2]), "wrong signature").await;
    let header = json!({ "alg": "RS512", "typ": "JWT", "kid": deployment.signer.kid() });
    is_refused_as(&format!("Bearer {}.{}.{}", part(&header), parts[1], parts[2]), "token").await;
}

#[tokio::test]
async fn token_outside_the_authorization_header_is_ignored() {
    let deployment = deployment();
    let token = deployment.token("alice");
    for name in ["access_token", "token", "authorization", "Authorization"] {
        let path = format!("/theaters/2/book?{name}={token}");
        let answer = deployment.send("", Method::POST, &path, &json!({ "seat": "D3", "access_token": token })).await;
        assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"), "{name}");
    }
}

#[tokio::test]
async fn request_with_two_tokens_is_refused() {
    let deployment = deployment();
    let token = format!("Bearer {}", deployment.token("alice"));
    let request = hyper::Request::post(format!("{}/theaters/2/book", deployment.url));
    let request = request.header("authorization", &token).header("authorization", &token);
    let answer = boxoffice_tests::http::send(request.body("{\"seat\":\"D3\"}".into()).unwrap()).await;
    assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"));
}
