//! Checks answers against docs/openapi.yaml, so that no answer is undocumented.
//!
//! The document leaves answers open, because clients ignore members and values that they don't know. This module closes
//! them. It rejects members that a schema doesn't list, values that `x-extensible-enum` doesn't list, and codes that
//! the description of a status doesn't name.
//!
//! Every answer of the API tests goes through [`check`]. Answers of API Gateway itself don't.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use crate::reply::Reply;

/// Headers that the document lists. It describes `content-type` by its media types, and omits `content-length`.
const HEADERS: [&str; 14] = [
    "accept",
    "accept-encoding",
    "cache-control",
    "content-encoding",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "vary",
    "x-cache",
    "www-authenticate",
];

/// The parsed docs/openapi.yaml.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = boxoffice_local::checkout::root().unwrap().join("docs/openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).expect("YAML")
});

/// The document's components with every schema closed.
static CLOSED: LazyLock<Value> = LazyLock::new(|| {
    let mut components = DOCUMENT["components"].clone();
    close(&mut components);
    components
});

/// Panics unless the document describes this answer of the route.
pub fn check(route: &str, reply: &Reply) {
    if let Err(why) = validate(route, reply) {
        panic!(
            "docs/openapi.yaml doesn't have this answer of {route}: {why}\n{} {:?}\n{}",
            reply.status, reply.headers, reply.text
        );
    }
}

/// Checks an answer, and returns the undocumented part as the error. `HEAD` is checked as `GET` without a body.
pub fn validate(route: &str, reply: &Reply) -> Result<(), String> {
    let (method, path) = route.split_once(' ').ok_or("no route")?;
    let documented = if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() };
    let operation = &DOCUMENT["paths"][path][documented];
    if operation.is_null() {
        return Err("no such operation".to_owned());
    }
    let response = resolve(&operation["responses"][reply.status.to_string()]);
    if response.is_null() {
        return Err(format!("status {}", reply.status));
    }
    headers(response, reply)?;
    if method == "HEAD" {
        return if reply.text.is_empty() { Ok(()) } else { Err("a body".to_owned()) };
    }
    body(response, reply)
}

fn headers(response: &'static Value, reply: &Reply) -> Result<(), String> {
    let documented = response["headers"].as_object();
    let documented: HashMap<_, _> =
        documented.into_iter().flatten().map(|(name, header)| (name.to_lowercase(), resolve(header))).collect();
    for name in HEADERS {
        match (documented.get(name), reply.headers.get(name)) {
            (None, Some(value)) => return Err(format!("header {name}: {value}")),
            (Some(header), None) if header["required"] == true || is_sent_by_functions(name, reply.status) => {
                return Err(format!("header {name} is missing"));
            }
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

/// Returns `true` for headers that functions always send and API Gateway's own answers with this status lack. The
/// document can't require them.
fn is_sent_by_functions(header: &str, status: u16) -> bool {
    header == "cache-control" || (header == "retry-after" && matches!(status, 429 | 503))
}

fn body(response: &'static Value, reply: &Reply) -> Result<(), String> {
    let Some(content) = response["content"].as_object() else {
        return if reply.text.is_empty() { Ok(()) } else { Err("a body".to_owned()) };
    };
    let content_type = reply.header("content-type");
    let media = content.get(content_type).ok_or_else(|| format!("content type {content_type:?}"))?;
    if let Some(code) = reply.body["code"].as_str() {
        check_code(response, code)?;
    }
    let Err(why) = valid(&media["schema"], &reply.body) else { return Ok(()) };
    let views = media["x-views"].as_object().into_iter().flat_map(|views| views.values());
    if views.into_iter().any(|view| valid(view, &reply.body).is_ok()) { Ok(()) } else { Err(why) }
}

/// Rejects a code that the description of the response doesn't name.
fn check_code(response: &Value, code: &str) -> Result<(), String> {
    let description = response["description"].as_str().unwrap_or_default();
    if description.contains(&format!("`{code}`")) { Ok(()) } else { Err(format!("code {code}")) }
}

/// Checks a value against a closed schema of the document.
pub fn valid(schema: &Value, value: &Value) -> Result<(), String> {
    static VALIDATORS: LazyLock<Mutex<HashMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    // Each schema is compiled once and kept until the process ends.
    let validator = *validators.entry(schema.to_string()).or_insert_with(|| {
        let mut schema = schema.clone();
        close(&mut schema);
        let schemas = json!({ "allOf": [schema], "components": *CLOSED });
        Box::leak(Box::new(jsonschema::validator_for(&schemas).expect("a schema")))
    });
    drop(validators);
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{} {error}", error.instance_path())).collect();
    if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
}

/// Closes every schema below a value against further members and values.
fn close(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if let Some(values) = members.get("x-extensible-enum").cloned() {
                members.insert("enum".to_owned(), values);
            }
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(false));
            }
        }
        _ => {}
    }
}

/// Returns the target of a reference, or the value itself if it isn't a reference.
pub fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => DOCUMENT.pointer(pointer).unwrap_or(&Value::Null),
        None => value,
    }
}
