//! AWS documents no example of an ElastiCache token. So these tests compute the signature a second time, from the
//! canonical request and HMAC alone. That computation is checked against the presigned URL that AWS documents for S3.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::*;

/// The credentials of AWS's examples.
const ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
/// 2013-05-24T00:00:00Z
const NOW: EpochMillis = EpochMillis::new(1_369_353_600_000);

fn user(serverless: bool) -> IamUser {
    IamUser::parse("box-office", "Main", serverless).unwrap()
}

fn token(serverless: bool, session: Option<&str>) -> String {
    let credentials = Credentials::new(ID, SECRET, session.map(str::to_owned), None, "test");
    sign(&user(serverless), &credentials, "us-east-1", NOW).unwrap().reveal().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
fn signature(service: &str, canonical_request: &str) -> String {
    let scope = format!("20130524/us-east-1/{service}/aws4_request");
    let hashed = hex(&Sha256::digest(canonical_request));
    let to_sign = format!("AWS4-HMAC-SHA256\n20130524T000000Z\n{scope}\n{hashed}");
    let key = ["20130524", "us-east-1", service, "aws4_request"]
        .iter()
        .fold(format!("AWS4{SECRET}").into_bytes(), |key, text| hmac(&key, text));
    hex(&hmac(&key, &to_sign))
}

#[test]
fn second_computation_matches_the_documented_url() {
    // <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
    let canonical = "GET\n/test.txt\nX-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
        &X-Amz-Expires=86400&X-Amz-SignedHeaders=host\nhost:examplebucket.s3.amazonaws.com\n\nhost\nUNSIGNED-PAYLOAD";
    assert_eq!(signature("s3", canonical), "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

/// Returns the signature of a canonical query: a GET of `/` at the cache `main`, with the hash of an empty body.
fn expected(query: &str) -> String {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    signature("elasticache", &format!("GET\n/\n{query}\nhost:main\n\nhost\n{empty}"))
}

const SIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Felasticache%2Faws4_request\
    &X-Amz-Date=20130524T000000Z&X-Amz-Expires=900";

#[test]
fn replication_group_token_matches_expected_bytes() {
    // The parameters happen to be in the signing order: by name, capitals first.
    let query = format!("Action=connect&User=box-office&{SIGNED}&X-Amz-SignedHeaders=host");
    assert_eq!(token(false, None), format!("main/?{query}&X-Amz-Signature={}", expected(&query)));
}

#[test]
fn serverless_token_names_its_resource_type() {
    let query =
        format!("Action=connect&User=box-office&ResourceType=ServerlessCache&{SIGNED}&X-Amz-SignedHeaders=host");
    let sorted =
        format!("Action=connect&ResourceType=ServerlessCache&User=box-office&{SIGNED}&X-Amz-SignedHeaders=host");
    assert_eq!(token(true, None), format!("main/?{query}&X-Amz-Signature={}", expected(&sorted)));
}

#[test]
fn session_token_is_included_and_signed() {
    let session = "X-Amz-Security-Token=a%2Fb%2Bc%3D%3D";
    let query = format!("Action=connect&User=box-office&{SIGNED}&X-Amz-SignedHeaders=host");
    let sorted = format!("Action=connect&User=box-office&{SIGNED}&{session}&X-Amz-SignedHeaders=host");
    let signature = expected(&sorted);
    assert_eq!(token(false, Some("a/b+c==")), format!("main/?{query}&X-Amz-Signature={signature}&{session}"));
}

#[test]
fn token_differs_by_second_user_and_region() {
    let credentials = Credentials::new(ID, SECRET, None, None, "test");
    let signed = |user: &IamUser, region, now| sign(user, &credentials, region, now).unwrap().reveal().to_owned();
    let one = signed(&user(false), "us-east-1", NOW);
    assert_eq!(one, signed(&user(false), "us-east-1", NOW));
    let other = IamUser::parse("somebody", "main", false).unwrap();
    assert_ne!(one, signed(&user(false), "us-east-1", NOW + Duration::from_secs(1)));
    assert_ne!(one, signed(&user(false), "eu-central-1", NOW));
    assert_ne!(one, signed(&other, "us-east-1", NOW));
}

#[test]
fn invalid_names_are_rejected_and_cache_name_is_lowercased() {
    assert_eq!(user(true), IamUser::parse("box-office", "main", true).unwrap());
    for wrong in ["", "a b", "a/b", "a&b", "ä", &"a".repeat(41)] {
        assert_eq!(IamUser::parse(wrong, "main", true), Err(IamUserError::User), "{wrong:?}");
        assert_eq!(IamUser::parse("box-office", wrong, true), Err(IamUserError::Cache), "{wrong:?}");
    }
}

#[test]
fn debug_output_hides_the_token() {
    let credentials = Credentials::new(ID, SECRET, Some("session".to_owned()), None, "test");
    let shown = format!("{:?}", sign(&user(true), &credentials, "us-east-1", NOW).unwrap());
    assert_eq!(shown, "IamToken(..)");
}
