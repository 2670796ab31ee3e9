//! Holds answers against docs/openapi.yaml: what isn't documented there isn't answered.
//!
//! Every answer that the API tests get goes through [`check`], whatever was asked. Answers of API Gateway's own (a 429, too) aren't
//! the functions', and never come here.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::event::Reply;

/// Headers that are ours to document. Others (`content-type`, `content-length`) say what the document says elsewhere.
const HEADERS: [&str; 10] = [
    "cache-control",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "x-cache",
    "www-authenticate",
];

/// docs/openapi.yaml.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = boxoffice_local::checkout::root().unwrap().join("docs/openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).expect("YAML")
});

/// Panics unless the answer to a call of this route is documented.
pub fn check(route: &str, reply: &Reply) {
    if let Err(why) = judge(route, reply) {
        panic!(
            "docs/openapi.yaml doesn't have this answer of {route}: {why}\n{} {:?}\n{}",
            reply.status, reply.headers, reply.text
        );
    }
}

/// What is wrong with an answer, if anything is.
pub fn judge(route: &str, reply: &Reply) -> Result<(), String> {
    let (method, path) = route.split_once(' ').ok_or("no route")?;
    let operation = &DOCUMENT["paths"][path][method.to_lowercase()];
    if operation.is_null() {
        return Err("no such operation".to_owned());
    }
    let response = resolve(&operation["responses"][reply.status.to_string()]);
    if response.is_null() {
        return Err(format!("status {}", reply.status));
    }
    headers(response, reply)?;
    body(response, reply)
}

fn headers(response: &'static Value, reply: &Reply) -> Result<(), String> {
    let documented = response["headers"].as_object();
    let documented: HashMap<_, _> =
        documented.into_iter().flatten().map(|(name, header)| (name.to_lowercase(), resolve(header))).collect();
    for name in HEADERS {
        match (documented.get(name), reply.headers.get(name)) {
            (None, Some(value)) => return Err(format!("header {name}: {value}")),
            (Some(header), None) if header["required"] == true => return Err(format!("header {name} is missing")),
            (Some(header), Some(value)) => {
                let value = match header["schema"]["type"].as_str() {
                    Some("integer") => json!(value.parse::<u64>().map_err(|_| format!("header {name}: {value}"))?),
                    _ => json!(value),
                };
                valid(&header["schema"], &value).map_err(|why| format!("header {name}: {why}"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn body(response: &'static Value, reply: &Reply) -> Result<(), String> {
    let Some(content) = response["content"].as_object() else {
        return if reply.text.is_empty() { Ok(()) } else { Err("a body".to_owned()) };
    };
    let content_type = reply.header("content-type");
    match content.get(content_type) {
        None => Err(format!("content type {content_type:?}")),
        Some(media) => valid(&media["schema"], &reply.body),
    }
}

/// Whether a value is as a schema of the document says.
pub fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    // Once a schema, for the life of the process.
    let validator = *validators.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
        Box::leak(Box::new(jsonschema::validator_for(&whole).expect("a schema")))
    });
    drop(validators);
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{} {error}", error.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// What a reference leads to, or what stands there itself.
pub fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => DOCUMENT.pointer(pointer).unwrap_or(&Value::Null),
        None => value,
    }
}
