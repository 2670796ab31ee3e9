//! Forged, malformed, expired and misdirected tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boxoffice_local::auth::Signer;
use hyper::Method;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::site::{Site, site};

/// Sends a booking with this `Authorization` header, and expects 401 and no booking. Returns the `www-authenticate`
/// header.
async fn is_refused(site: &Site, authorization: &str) -> String {
    let answer = site.send(authorization, Method::POST, "/theaters/2/book", &json!({ "seat": "D3" })).await;
    assert_eq!((answer.status, &answer.body), (401, &json!({ "message": "Unauthorized" })), "{authorization}");
    let challenge = answer.headers["www-authenticate"].clone();
    assert!(challenge.starts_with("Bearer"), "{challenge}");
    let look = site.send("", Method::GET, "/theaters/2/seats", &Value::Null).await;
    assert!(look.body["seats"].as_array().unwrap().contains(&json!("D3")), "{authorization} has booked: {look:?}");
    challenge
}

async fn is_refused_as(authorization: &str, why: &str) {
    let challenge = is_refused(site(), authorization).await;
    assert!(challenge.contains("error=\"invalid_token\"") && challenge.contains(why), "{challenge}, expected {why}");
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn a_request_without_a_token_is_told_to_bring_one() {
    for nothing in ["", "Bearer", "Bearer ", "Basic", "  "] {
        let challenge = is_refused(site(), nothing).await;
        assert!(challenge == "Bearer" || nothing.starts_with('B'), "{nothing}: {challenge}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    for text in ["Bearer x", "Bearer a.b", "Bearer a.b.c", "Bearer ..", "Basic YWxpY2U6c2VjcmV0", "Bearer a.b.c.d.e"] {
        is_refused_as(text, "can't be read").await;
    }
}

#[tokio::test]
async fn a_token_that_nobody_signed_is_refused() {
    let site = site();
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = part(&json!({ "alg": alg, "typ": "JWT", "kid": site.signer.kid() }));
        for signature in ["", "AAAA"] {
            is_refused_as(&format!("Bearer {header}.{}.{signature}", part(&site.claims("alice"))), "can't be read")
                .await;
        }
    }
    let whole = site.token("alice");
    let (unsigned, _) = whole.rsplit_once('.').unwrap();
    is_refused_as(&format!("Bearer {unsigned}."), "wrong signature").await;
    is_refused_as(&format!("Bearer {unsigned}"), "can't be read").await;
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_secret_is_refused() {
    let site = site();
    let public = serde_json::to_value(site.signer.public()).unwrap()["keys"][0].clone();
    let modulus = URL_SAFE_NO_PAD.decode(public["n"].as_str().unwrap()).unwrap();
    for secret in [modulus, public["n"].as_str().unwrap().into(), public.to_string().into_bytes()] {
        let header = Header { kid: Some(site.signer.kid().to_owned()), ..Header::new(Algorithm::HS256) };
        let token = encode(&header, &site.claims("alice"), &EncodingKey::from_secret(&secret)).unwrap();
        is_refused_as(&format!("Bearer {token}"), "algorithm").await;
    }
}

#[tokio::test]
async fn a_token_signed_by_another_key_of_the_same_name_is_refused() {
    let site = site();
    let stranger = Signer::generate().unwrap();
    let forged = stranger.sign_as(Some(site.signer.kid()), &site.claims("alice")).unwrap();
    is_refused_as(&format!("Bearer {forged}"), "wrong signature").await;
}

#[tokio::test]
async fn a_token_whose_key_the_issuer_does_not_have_is_refused() {
    let site = site();
    let stranger = Signer::generate().unwrap();
    is_refused_as(&format!("Bearer {}", stranger.sign(&site.claims("alice")).unwrap()), "doesn't have").await;
    let odd = site.signer.sign_as(Some("../jwks.json"), &site.claims("alice")).unwrap();
    is_refused_as(&format!("Bearer {odd}"), "doesn't have").await;
    let nameless = site.signer.sign_as(None, &site.claims("alice")).unwrap();
    is_refused_as(&format!("Bearer {nameless}"), "names no key").await;
}

#[tokio::test]
async fn a_token_that_brings_its_own_key_is_refused() {
    let site = site();
    let stranger = Signer::generate().unwrap();
    let signed = stranger.sign(&site.claims("alice")).unwrap();
    let signature = signed.rsplit('.').next().unwrap();
    let public = serde_json::to_value(stranger.public()).unwrap()["keys"][0].clone();
    for (name, value) in
        [("jwk", public), ("jku", json!("http://127.0.0.1:1/jwks.json")), ("x5u", json!("http://127.0.0.1:1/"))]
    {
        let mut header = json!({ "alg": "RS256", "kid": stranger.kid() });
        header[name] = value;
        is_refused_as(&format!("Bearer {}.{}.{signature}", part(&header), part(&site.claims("alice"))), "token").await;
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    for issuer in
        [json!("https://elsewhere.example"), json!(format!("{}/", site().issuer)), json!([site().issuer]), Value::Null]
    {
        is_refused_as(&format!("Bearer {}", site().token_with(&json!({ "iss": issuer }))), "issuer").await;
    }
}

#[tokio::test]
async fn a_token_for_another_audience_is_refused() {
    for audience in [json!("else"), json!([]), json!(["else", "where"]), Value::Null] {
        is_refused_as(&format!("Bearer {}", site().token_with(&json!({ "aud": audience }))), "audience").await;
    }
}

#[tokio::test]
async fn a_token_is_refused_once_it_has_expired_and_before_it_is_valid() {
    let now = Timestamp::now().as_second();
    for (claims, why) in [
        (json!({ "exp": now - 1 }), "expired"),
        (json!({ "exp": 0 }), "expired"),
        (json!({ "exp": null }), "no number"),
        (json!({ "nbf": now + 600 }), "not valid yet"),
        (json!({ "iat": now + 600 }), "in the future"),
    ] {
        is_refused_as(&format!("Bearer {}", site().token_with(&claims)), why).await;
    }
}

#[tokio::test]
async fn a_token_that_was_changed_after_it_was_signed_is_refused() {
    let site = site();
    let token = site.token("alice");
    let parts: Vec<_> = token.split('.').collect();
    let mut claims = site.claims("mallory");
    claims["scope"] = json!("boxoffice/admin");
    is_refused_as(&format!("Bearer {}.{}.{}", parts[0], part(&claims), parts[2]), "wrong signature").await;
    let header = json!({ "alg": "RS512", "typ": "JWT", "kid": site.signer.kid() });
    is_refused_as(&format!("Bearer {}.{}.{}", part(&header), parts[1], parts[2]), "token").await;
}

#[tokio::test]
async fn a_token_anywhere_but_in_its_header_is_none() {
    let site = site();
    let token = site.token("alice");
    for name in ["access_token", "token", "authorization", "Authorization"] {
        let path = format!("/theaters/2/book?{name}={token}");
        let answer = site.send("", Method::POST, &path, &json!({ "seat": "D3", "access_token": token })).await;
        assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"), "{name}");
    }
}

#[tokio::test]
async fn two_tokens_are_none() {
    let site = site();
    let token = format!("Bearer {}", site.token("alice"));
    let request = hyper::Request::post(format!("{}/theaters/2/book", site.url));
    let request = request.header("authorization", &token).header("authorization", &token);
    let answer = boxoffice_tests::http::send(request.body("{\"seat\":\"D3\"}".into()).unwrap()).await;
    assert_eq!((answer.status, answer.headers["www-authenticate"].as_str()), (401, "Bearer"));
}
