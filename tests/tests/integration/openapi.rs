//! docs/openapi.yaml by itself: its examples, and the rules that code generators need.
//!
//! Each rule about generators comes from a generated client that compiled, but sent calls that were rejected or lost
//! part of a response. tests/clients generates three clients and makes every call with them.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice::http::problem::Code;
use boxoffice::http::router::{Body, ROUTES, path_parameters};
use boxoffice_tests::contract::{DOCUMENT, resolve, valid, validate};
use boxoffice_tests::{Call, Reply, World};
use serde_json::{Value, json};

fn reply(status: u16, headers: &[(&str, &str)], body: &Value) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Reply { status, headers: headers.collect::<BTreeMap<_, _>>(), body: body.clone(), text: body.to_string() }
}

#[tokio::test]
async fn response_missing_in_the_document_is_detected() {
    let world = World::new().await;
    let route = "GET /theaters/{theaterId}/seats";
    let good = Call::get_seats("1").send(&world.office).await;
    assert_eq!(validate(route, &good), Ok(()));
    let spoil = |change: &dyn Fn(&mut Reply)| {
        let mut spoilt = good.clone();
        change(&mut spoilt);
        validate(route, &spoilt).unwrap_err()
    };
    assert!(spoil(&|reply| reply.status = 418).contains("418"));
    assert!(spoil(&|reply| drop(reply.headers.remove("etag"))).contains("etag"));
    assert!(spoil(&|reply| drop(reply.headers.insert("location".into(), "/".into()))).contains("location"));
    assert!(spoil(&|reply| drop(reply.headers.insert("x-cache".into(), "maybe".into()))).contains("x-cache"));
    assert!(
        spoil(&|reply| drop(reply.headers.insert("content-type".into(), "text/html".into()))).contains("text/html")
    );
    assert!(spoil(&|reply| reply.body["rows"] = json!([])).contains("rows"));
    assert!(spoil(&|reply| drop(reply.body["seats"].take())).contains("seats"));
    let unknown = validate("PATCH /theaters/{theaterId}", &good).unwrap_err();
    assert!(unknown.contains("no such operation"));
    let empty = reply(204, &[("cache-control", "no-store")], &Value::Null);
    let empty = Reply { text: String::new(), ..empty };
    let delete = "DELETE /theaters/{theaterId}";
    assert_eq!(validate(delete, &empty), Ok(()));
    assert!(validate(delete, &Reply { text: "x".to_owned(), ..empty }).is_err());
}

#[test]
fn each_example_fits_its_schema() {
    let mut examples = 0;
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, value)| value.is_object()) {
            let responses =
                operation["responses"].as_object().into_iter().flatten().map(|(_, response)| resolve(response));
            let bodies = responses.chain([resolve(&operation["requestBody"])]);
            for media in bodies.filter_map(|body| body["content"].as_object()).flat_map(|content| content.values()) {
                for (name, example) in
                    media["examples"].as_object().unwrap_or_else(|| panic!("{method} {path}: no examples"))
                {
                    let checked = valid(&media["schema"], &resolve(example)["value"]);
                    checked.unwrap_or_else(|why| panic!("{method} {path}: example {name}: {why}"));
                    examples += 1;
                }
            }
        }
    }
    assert!(examples > 60, "{examples}");
}

/// Returns the operations of the document by method and path.
fn operations() -> impl Iterator<Item = (String, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters");
        methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
    })
}

/// Returns the parameters of every operation and path.
fn parameters() -> Vec<&'static Value> {
    let items = DOCUMENT["paths"].as_object().unwrap().values();
    let lists = items.flat_map(|item| item.as_object().unwrap().values().chain([item]));
    let lists = lists.filter_map(|holder| holder["parameters"].as_array());
    lists.flatten().map(resolve).collect()
}

/// Adds a value and everything below it to a list, following each reference once. Each value is stored with its path.
fn collect(place: &str, value: &'static Value, seen: &mut BTreeSet<String>, all: &mut Vec<(String, &'static Value)>) {
    if let Some(reference) = value["$ref"].as_str()
        && seen.insert(reference.to_owned())
    {
        collect(reference, resolve(value), seen, all);
    }
    all.push((place.to_owned(), value));
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(at, item)| {
            collect(&format!("{place}[{at}]"), item, seen, all);
        }),
        Value::Object(members) => {
            for (name, member) in members.iter().filter(|(name, _)| !["example", "examples"].contains(&name.as_str())) {
                collect(&format!("{place}.{name}"), member, seen, all);
            }
        }
        _ => {}
    }
}

/// Returns the schemas of request bodies, with everything below them.
fn requests() -> Vec<(String, &'static Value)> {
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for (name, operation) in operations() {
        collect(&name, &resolve(&operation["requestBody"])["content"], &mut seen, &mut all);
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// Returns the schemas of response bodies, with everything below them.
fn answers() -> Vec<(String, &'static Value)> {
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for (name, operation) in operations() {
        for response in operation["responses"].as_object().unwrap().values().map(resolve) {
            for media in response["content"].as_object().into_iter().flat_map(|content| content.values()) {
                collect(&name, &media["schema"], &mut seen, &mut all);
            }
        }
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

/// Returns the places that break a rule.
fn wrong(all: Vec<(String, &'static Value)>, is_wrong: impl Fn(&Value) -> bool) -> Vec<String> {
    all.into_iter().filter(|(_, value)| is_wrong(value)).map(|(place, _)| place).collect()
}

const NONE: [String; 0] = [];

#[test]
fn requests_and_parameters_have_no_default() {
    // Generated Python sends a default in every call. In TypeScript its field becomes required.
    assert_eq!(wrong(requests(), |schema| !schema["default"].is_null()), NONE);
    assert!(parameters().iter().all(|parameter| parameter["schema"]["default"].is_null()));
}

#[test]
fn forms_of_a_request_are_named_schemas() {
    // Beside `properties`, `oneOf` becomes an empty object or `any`.
    let unnamed = |schema: &Value| {
        let forms = schema["oneOf"].as_array().or(schema["anyOf"].as_array()).or(schema["allOf"].as_array());
        forms.is_some_and(|forms| schema["properties"].is_object() || forms.iter().any(|form| form["$ref"].is_null()))
    };
    assert_eq!(wrong(requests(), unnamed), NONE);
    assert_eq!(wrong(requests(), |schema| !schema["dependentRequired"].is_null() || !schema["not"].is_null()), NONE);
}

#[test]
fn each_form_of_a_request_refuses_the_fields_of_the_others() {
    for (place, schema) in requests() {
        for form in schema["oneOf"].as_array().into_iter().flatten().map(resolve) {
            let closed = form["additionalProperties"] == false || form["type"] != "object";
            assert!(closed, "{place}: a form is open, so two forms could fit");
        }
    }
}

#[test]
fn a_list_that_a_request_can_leave_out_may_be_empty() {
    // Generated Java sends an empty list for each list that isn't set.
    let refused = |schema: &Value| {
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let optional = properties.filter(|(name, _)| !required.contains(&&json!(name)));
        optional.map(|(_, property)| target(property)).any(|property| !property["minItems"].is_null())
    };
    assert_eq!(wrong(requests(), refused), NONE);
}

/// Returns the schema that a reference leads to, or the schema itself if it isn't a reference.
fn target(schema: &Value) -> &Value {
    match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        Some(pointer) => DOCUMENT.pointer(pointer).unwrap(),
        None => schema,
    }
}

#[test]
fn response_schemas_have_a_single_form() {
    // Some generators take the first form that parses, others the first by the alphabet.
    let several = |schema: &Value| ["oneOf", "anyOf", "allOf"].iter().any(|word| schema[word].is_array());
    assert_eq!(wrong(answers(), several), NONE);
}

#[test]
fn response_schemas_are_open() {
    // A new member, code, message or status must not break a client that was generated before.
    let closed = |schema: &Value| {
        schema["additionalProperties"] == false || schema["enum"].is_array() || !schema["const"].is_null()
    };
    assert_eq!(wrong(answers(), closed), NONE);
}

#[test]
fn integers_have_a_format() {
    // Without a format, Java, Kotlin and C# use 32 bits.
    let all = || requests().into_iter().chain(answers()).collect();
    assert_eq!(wrong(all(), |schema| schema["type"] == "integer" && !schema["format"].is_string()), NONE);
    let short = |schema: &Value| {
        let version = &schema["properties"]["layout_version"];
        version.is_object() && target(version)["format"] != "int64"
    };
    assert_eq!(wrong(all(), short), NONE);
    let without =
        |parameter: &&Value| parameter["schema"]["type"] == "integer" && parameter["schema"]["format"].is_null();
    assert!(!parameters().iter().any(without));
}

#[test]
fn list_schemas_do_not_require_unique_items() {
    // `uniqueItems` becomes a set, in some languages without an order.
    let all = requests().into_iter().chain(answers()).collect();
    assert_eq!(wrong(all, |schema| !schema["uniqueItems"].is_null()), NONE);
}

#[test]
fn header_parameters_are_plain_text() {
    // `const` and formats make openapi-python-client drop the whole operation.
    let headers: Vec<_> = parameters().into_iter().filter(|parameter| parameter["in"] == "header").collect();
    assert!(headers.len() >= 5, "{}", headers.len());
    for header in headers {
        assert_eq!(header["schema"]["type"], "string", "{header}");
        assert!(["const", "format", "enum"].iter().all(|word| header["schema"][word].is_null()), "{header}");
    }
}

#[test]
fn no_schema_has_a_property_of_its_own_name() {
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        for property in schema["properties"].as_object().into_iter().flatten().map(|(property, _)| property) {
            assert_ne!(property.replace('_', "").to_lowercase(), name.to_lowercase(), "mypy refuses such a class");
        }
    }
}

#[test]
fn objects_within_bodies_are_named_schemas() {
    let all: Vec<_> = requests().into_iter().chain(answers()).collect();
    let is_named =
        |place: &str| place.strip_prefix("#/components/schemas/").is_some_and(|name| !name.contains(['.', '[']));
    let inline = |(place, schema): &&(String, &'static Value)| {
        schema["type"] == "object" && schema["properties"].is_object() && !is_named(place)
    };
    let inline: Vec<_> = all.iter().filter(inline).map(|(place, _)| place).collect();
    assert_eq!(inline, Vec::<&String>::new(), "a generator would invent a name");
}

#[test]
fn errors_are_problems_or_messages_of_the_gateway() {
    for (name, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            for (media, content) in resolve(response)["content"].as_object().into_iter().flatten() {
                let schema =
                    content["schema"]["$ref"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
                match media.as_str() {
                    "application/problem+json" => assert_eq!(schema, "Problem", "{name} {status}"),
                    "application/json" if status.as_str() >= "400" => {
                        assert_eq!(schema, "GatewayMessage", "{name} {status}");
                    }
                    _ => {}
                }
            }
        }
    }
}

/// Returns `get_seats` for `getSeats`.
fn snake_case(name: &str) -> String {
    let pieces = name.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() });
    pieces.collect()
}

/// The examples of problems have the title and the status of the real responses.
#[test]
fn problem_examples_match_the_real_responses() {
    let mut examples = 0;
    for (name, operation) in operations() {
        for response in operation["responses"].as_object().unwrap().values().map(resolve) {
            let problems = response["content"]["application/problem+json"]["examples"].as_object();
            for example in problems.into_iter().flat_map(|problems| problems.values()) {
                let problem = &resolve(example)["value"];
                let code = Code::ALL.into_iter().find(|code| code.as_str() == problem["code"]).unwrap();
                assert_eq!(problem["title"], code.title(), "{name}: {problem}");
                assert_eq!(problem["status"], code.status(), "{name}: {problem}");
                examples += 1;
            }
        }
    }
    assert!(examples > 60, "{examples}");
}

#[test]
fn each_generated_client_makes_every_call() {
    let root = boxoffice_local::checkout::root().unwrap().join("tests/clients");
    let source = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (typescript, python, java) =
        (source("typescript/calls.ts"), source("python/calls.py"), source("java/Calls.java"));
    for (name, operation) in operations() {
        let (method, path) = name.split_once(' ').unwrap();
        let call = format!("client.{}(\"{path}\"", method.to_uppercase());
        assert!(typescript.contains(&call), "TypeScript: {call}");
        let id = operation["operationId"].as_str().unwrap();
        let module = snake_case(id);
        assert!(python.contains(&format!("{module}.sync")), "Python: {module}");
        assert!(
            [format!(".{id}("), format!(".{id}WithHttpInfo(")].iter().any(|call| java.contains(call)),
            "Java: {id}"
        );
    }
    for (place, schema) in requests() {
        for form in schema["oneOf"].as_array().into_iter().flatten().filter(|form| target(form)["type"] == "object") {
            let name = form["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
            assert!(python.contains(&format!("{name}(")), "Python: {name} of {place}");
            assert!(java.contains(&format!("new {name}(")), "Java: {name} of {place}");
        }
    }
}

/// Returns the names of an operation's parameters in one place: `query`, `header` or `path`.
fn parameter_names(path: &str, operation: &'static Value, place: &str) -> BTreeSet<&'static str> {
    let lists = [&DOCUMENT["paths"][path]["parameters"], &operation["parameters"]];
    let parameters = lists.into_iter().filter_map(|list| list.as_array()).flatten().map(resolve);
    parameters
        .filter(|parameter| parameter["in"] == place)
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect()
}

/// Returns the names of the fields in all forms of a request.
fn field_names(operation: &'static Value) -> BTreeSet<&'static str> {
    let schema = resolve(&resolve(&operation["requestBody"])["content"]["application/json"]["schema"]);
    let forms = schema["oneOf"].as_array().into_iter().flatten().map(resolve).chain([schema]);
    forms
        .filter_map(|form| form["properties"].as_object())
        .flat_map(|properties| properties.keys().map(String::as_str))
        .collect()
}

#[test]
fn the_document_names_exactly_what_each_route_reads() {
    for (route, key) in ROUTES.iter().flat_map(|route| route.keys().map(move |key| (route, key))) {
        let path = key.split_once(' ').unwrap().1;
        let operation = &DOCUMENT["paths"][path][route.method().to_lowercase()];
        let names = |place| parameter_names(path, operation, place);
        assert_eq!(names("path"), path_parameters(path).collect(), "{key}");
        assert_eq!(names("query"), route.query.iter().copied().collect(), "{key}");
        assert_eq!(names("header"), route.headers.iter().copied().collect(), "{key}");
        match route.body {
            Body::Nothing => assert!(operation["requestBody"].is_null(), "{key}"),
            Body::Document(_) => assert!(field_names(operation).contains("sections"), "{key}"),
            Body::Fields(fields, _) | Body::OptionalFields(fields, _) => {
                assert_eq!(field_names(operation), fields.iter().copied().collect(), "{key}");
            }
        }
    }
}
