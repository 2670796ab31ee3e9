//! Files beside the code that must agree with it: the template, the manifest, OpenAPI, and pages of documentation.

use std::collections::{BTreeMap, BTreeSet};

use boxoffice::http::problem::Code;
use boxoffice::http::router::ROUTES;
use boxoffice::http::routes::errors::PAGES;
use boxoffice_local::template::TableDefinition;
use serde::Deserialize;
use serde_json::Value;

fn read(path: &str) -> String {
    let path = boxoffice_local::checkout::root().unwrap().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The compared parts of the template. A tag such as `!Ref` is dropped and its value stays.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Template {
    resources: std::collections::BTreeMap<String, Value>,
    globals: Value,
}

fn functions() -> Vec<(String, Value)> {
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    let functions = template.resources.into_iter();
    functions.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function").collect()
}

/// Each route as (method, path without stage, binary).
type Routes = BTreeSet<(String, String, String)>;

fn template_routes() -> Routes {
    let mut routes = Routes::new();
    for (_, function) in functions() {
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let events = function["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values());
        for event in events.filter(|event| event["Type"] == "HttpApi") {
            let text = |name: &str| event["Properties"][name].as_str().unwrap().to_owned();
            routes.insert((text("Method").to_uppercase(), text("Path"), binary.to_owned()));
        }
    }
    routes
}

fn watch_routes() -> Routes {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let mut routes = Routes::new();
    for (path, targets) in router.as_table().unwrap() {
        let path = path.strip_prefix("/v1").unwrap_or_else(|| panic!("{path} lacks the stage"));
        for target in targets.as_array().unwrap() {
            let text = |name: &str| target[name].as_str().unwrap().to_owned();
            routes.insert((text("method"), path.to_owned(), text("function")));
        }
    }
    routes
}

#[test]
fn template_and_cargo_lambda_routes_match_the_code() {
    let code = ROUTES.iter().flat_map(|route| {
        let methods = [Some(route.method()), route.is_safe().then_some("HEAD")];
        let of = |method: &'static str| {
            route.paths().map(move |path| (method.to_owned(), path.to_owned(), route.function.as_str().to_owned()))
        };
        methods.into_iter().flatten().flat_map(of).collect::<Vec<_>>()
    });
    let code: Routes = code.collect();
    assert_eq!(template_routes(), code);
    assert_eq!(watch_routes(), code);
}

#[test]
fn openapi_document_has_every_route_and_code() {
    let document = &*boxoffice_tests::contract::DOCUMENT;
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods
            .as_object()
            .unwrap()
            .keys()
            .filter(|method| ["get", "put", "post", "delete"].contains(&method.as_str()))
        {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    // OpenAPI doesn't list HEAD, because every GET has it.
    let template = template_routes().into_iter().filter(|(method, _, _)| method != "HEAD");
    let template: BTreeSet<_> = template.map(|(method, path, _)| (method, path)).collect();
    assert_eq!(routes, template);
    for route in ROUTES {
        let id = |path: &str| document["paths"][path][route.method().to_lowercase()]["operationId"].as_str();
        let documented: Vec<_> = route.paths().filter_map(id).collect();
        let named: Vec<_> = [Some(route.operation.as_str()), route.operation.show_id()].into_iter().flatten().collect();
        assert_eq!(documented, named, "{}", route.key);
    }
    let codes: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    let code = &document["components"]["schemas"]["Problem"]["properties"]["code"];
    let documented: BTreeSet<_> =
        code["x-extensible-enum"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    assert_eq!(codes, documented);
}

/// Each code has a page, and docs/errors has no other files.
#[test]
fn each_problem_code_has_a_page_and_an_openapi_example() {
    let folder = boxoffice_local::checkout::root().unwrap().join("docs/errors");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: BTreeSet<_> = names.map(|name| name.trim_end_matches(".md").to_owned()).collect();
    assert_eq!(names, Code::ALL.iter().map(|code| code.as_str().to_owned()).collect());
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Problem" });
    for (code, page) in PAGES {
        let example = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let example: Value = serde_json::from_str(example).unwrap();
        boxoffice_tests::contract::valid(&schema, &example).unwrap_or_else(|why| panic!("{}: {why}", code.as_str()));
    }
}

#[test]
fn template_table_is_retained_encrypted_and_backed_up() {
    let table = TableDefinition::from_checkout().unwrap();
    assert_eq!(table.ttl_attribute(), Some("expires_at"));
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    let table = &template.resources["SeatsTable"];
    assert_eq!((&table["DeletionPolicy"], &table["UpdateReplacePolicy"]), (&"Retain".into(), &"Retain".into()));
    let properties = &table["Properties"];
    assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
}

/// Returns the actions on the table and its stream that each function's role allows, by the function's name.
pub(crate) fn table_actions() -> BTreeMap<String, BTreeSet<String>> {
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    let of = |(name, function): (String, Value)| {
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
        let role = &template.resources[&name.replace("Function", "Role")];
        let actions = statements(role).flat_map(|statement| statement["Action"].as_array().unwrap());
        let on_table = actions.filter_map(|action| action.as_str().unwrap().strip_prefix("dynamodb:"));
        (binary, on_table.map(str::to_owned).collect())
    };
    functions().into_iter().map(of).collect()
}

fn statements(role: &Value) -> impl Iterator<Item = &Value> {
    let policies = role["Properties"]["Policies"].as_array().unwrap().iter();
    policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap())
}

#[test]
fn no_role_has_wildcard_actions() {
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    for (name, _) in functions() {
        for statement in statements(&template.resources[&name.replace("Function", "Role")]) {
            assert_ne!(statement["Resource"], "*", "{name}");
            let actions = statement["Action"].as_array().unwrap();
            assert!(actions.iter().all(|action| !action.as_str().unwrap().contains('*')), "{name}: {statement}");
        }
    }
}

#[test]
fn stream_mapping_settings_fit_the_repair() {
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    let table = &template.resources["SeatsTable"]["Properties"];
    assert_eq!(table["StreamSpecification"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    let mapping = &template.resources["SeatChanges"]["Properties"];
    assert_eq!(mapping["FunctionName"], "SyncCacheFunction.Alias");
    // Without it, a failure of one theater would repeat the whole batch, and the function's answer would be ignored.
    assert_eq!(mapping["FunctionResponseTypes"], serde_json::json!(["ReportBatchItemFailures"]));
    assert_eq!(
        (&mapping["BisectBatchOnFunctionError"], &mapping["StartingPosition"]),
        (&true.into(), &"LATEST".into())
    );
    // A cached copy that was read before the record was written may live this long.
    let longest_age = mapping["MaximumRecordAgeInSeconds"].as_u64().unwrap();
    assert!(longest_age >= boxoffice::cache::LIFETIME.as_secs());
    assert_eq!(mapping["DestinationConfig"]["OnFailure"]["Destination"], "UndeliveredChanges.Arn");
    assert_eq!(template.resources["UndeliveredChanges"]["Type"], "AWS::SQS::Queue");
}

#[test]
fn local_lambda_timeouts_equal_the_templates() {
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    assert_eq!(template.globals["Function"]["Timeout"], boxoffice_local::lambda_host::TIMEOUT.as_secs());
    assert!(functions().iter().all(|(_, function)| function["Properties"]["Timeout"].is_null()));
}

#[test]
fn a_panic_fails_one_request_and_not_the_instance() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    // Without this setting `cargo lambda build` uses "abort".
    assert_eq!(manifest["profile"]["release"]["panic"].as_str(), Some("unwind"));
}

#[test]
fn each_log_group_has_a_retention() {
    let template: Template = serde_saphyr::from_str(&read("infra/template.yaml")).unwrap();
    let groups: Vec<_> =
        template.resources.values().filter(|resource| resource["Type"] == "AWS::Logs::LogGroup").collect();
    // Four more: the API's access log, archived events, refused network traffic, and the check of releases.
    assert_eq!(groups.len(), functions().len() + 4);
    assert!(groups.iter().all(|group| !group["Properties"]["RetentionInDays"].is_null()));
}

#[test]
fn the_configuration_page_explains_every_setting() {
    let page = read("docs/configuration.md");
    let source =
        ["config.rs", "config/aws.rs", "config/events.rs"].map(|file| read(&format!("shared/src/{file}"))).concat();
    let names = source.split('"').filter(|text| {
        text.len() > 5 && text.contains('_') && text.bytes().all(|c| c.is_ascii_uppercase() || c == b'_')
    });
    let names: BTreeSet<_> = names.collect();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        assert!(page.contains(&format!("| `{name}` |")), "{name} is not in a table of docs/configuration.md");
    }
}

#[test]
fn the_api_page_has_every_route_and_every_code() {
    let page = read("docs/api.md");
    for route in ROUTES {
        assert!(page.contains(&format!("`{}`", route.key)), "{} is not in docs/api.md", route.key);
    }
    for code in Code::ALL {
        assert!(page.contains(&format!("`{}`", code.as_str())), "{} is not in docs/api.md", code.as_str());
    }
}

/// The lists of CONTRIBUTING.md name files to change, and tests that find a forgotten step.
#[test]
fn contributing_names_files_and_tests_that_exist() {
    let root = boxoffice_local::checkout::root().unwrap();
    let mut tests = BTreeSet::new();
    for folder in ["tests/tests", "model/tests", "shared/src", "local/src", "publish/src", "bench/src"] {
        tests_below(&root.join(folder), &mut tests);
    }
    for entry in std::fs::read_dir(root.join("infra/tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let source = std::fs::read_to_string(&path).unwrap();
            let names = source.split("def ").skip(1).filter_map(|after| after.split('(').next());
            tests.extend(names.map(str::to_owned));
        }
    }
    let folders = ["bench/", "docs/", "infra/", "local/", "model/", "publish/", "shared/", "tests/"];
    // A function that is added, and a copy of a script, are examples.
    let examples = ["shared/src/http/routes/cancel.rs", "tests/releases/availability-N.lua"];
    let (mut files, mut named) = (0, 0);
    for line in read("CONTRIBUTING.md").lines().filter(|line| !line.starts_with("```")) {
        for word in line.split('`').skip(1).step_by(2) {
            if folders.iter().any(|folder| word.starts_with(folder)) && !word.contains(' ') && !examples.contains(&word)
            {
                assert!(root.join(word).exists(), "there is no {word}: {line}");
                files += 1;
            }
            let is_name = word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
            if is_name && word.matches('_').count() >= 3 {
                assert!(tests.contains(word), "there is no test {word}: {line}");
                named += 1;
            }
        }
    }
    assert!(files >= 60 && named >= 25, "{files} {named}");
}

/// Adds the names of all tests below a folder.
fn tests_below(folder: &std::path::Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(tests_of(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Returns the names of the tests in a file.
fn tests_of(source: &str) -> Vec<String> {
    // The name is after `#[test]` or `#[tokio::test(...)]` and further attributes.
    let tests = source.split("#[test]").skip(1).chain(source.split("#[tokio::test").skip(1));
    let name =
        |after: &str| after.split("fn ").nth(1).unwrap_or_default().split('(').next().unwrap_or_default().to_owned();
    tests.map(name).collect()
}

/// Each invariant of docs/ARCHITECTURE.md names a test in the file that it links to.
#[test]
fn each_invariant_names_existing_tests() {
    let root = boxoffice_local::checkout::root().unwrap();
    let document = read("docs/ARCHITECTURE.md");
    let section = document.split("\n## Invariants\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut number = 0;
    for invariant in section.split("\n### ").skip(1) {
        number += 1;
        assert!(invariant.starts_with(&format!("I{number}. ")), "I{number} is missing before {invariant:.40}");
        assert!(!test_links(invariant).is_empty(), "no test: {invariant:.40}");
    }
    assert!(number >= 16, "{number}");
    for (path, name, target) in test_links(&document) {
        assert_eq!(path, target, "{name}");
        let source = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(tests_of(&source).iter().any(|test| test == name), "there is no test {name} in {path}");
    }
}

/// Returns the path, the test and the target of each link of the form [`PATH::NAME`](../TARGET).
fn test_links(text: &str) -> Vec<(&str, &str, &str)> {
    let links = text.split("[`").skip(1).filter_map(|rest| {
        let (label, rest) = rest.split_once("`](../")?;
        let (path, name) = label.split_once(".rs::").map(|(path, name)| (&label[..path.len() + 3], name))?;
        Some((path, name, rest.split(')').next()?))
    });
    links.collect()
}

#[test]
fn each_threat_names_existing_tests() {
    let root = boxoffice_local::checkout::root().unwrap();
    let mut tests = BTreeSet::new();
    for folder in ["tests/tests", "model/tests", "shared/src", "local/src", "publish/src", "admin/src"] {
        tests_below(&root.join(folder), &mut tests);
    }
    let document = read("docs/SECURITY.md");
    let table = document.split("\n## Threats\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let mut threats = 0;
    for row in rows {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [_, _, named] = cells.as_slice() else { panic!("three cells: {row}") };
        if *named == "tests" {
            continue;
        }
        let named: Vec<_> = named.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test: {row}");
        for name in named {
            assert!(tests.contains(name), "there is no test {name}");
        }
        threats += 1;
    }
    assert!(threats >= 15, "{threats}");
}

#[test]
fn functions_have_no_development_dependencies() {
    let manifests = std::fs::read_dir(boxoffice_local::checkout::root().unwrap().join("functions")).unwrap();
    let functions = manifests.map(|entry| format!("functions/{}/Cargo.toml", entry.unwrap().file_name().display()));
    for manifest in functions.chain(["shared", "publish"].map(|name| format!("{name}/Cargo.toml"))) {
        let table: toml::Table = read(&manifest).parse().unwrap();
        for name in ["boxoffice-local", "jsonwebtoken", "aws-lc-rs", "hyper", "dynoxide-rs"] {
            assert!(table["dependencies"].get(name).is_none(), "{manifest}: {name}");
        }
    }
}

/// No function sends a request to an address that a caller chooses. Functions call AWS and the cache only.
#[test]
fn functions_have_no_general_http_client() {
    for (name, manifest) in ["shared", "publish"].map(|name| (name, read(&format!("{name}/Cargo.toml")))) {
        let table: toml::Table = manifest.parse().unwrap();
        for client in ["reqwest", "ureq", "isahc", "curl", "attohttpc"] {
            assert!(table["dependencies"].get(client).is_none(), "{name}: {client}");
        }
        let has_hyper = table["dependencies"].get("hyper-util").is_some();
        assert_eq!(has_hyper, name == "shared", "{name}");
    }
    // The HTTPS client for AWS uses it, and only the SDK sends requests through that client.
    let mut users = BTreeSet::new();
    files_naming("hyper_util", &boxoffice_local::checkout::root().unwrap().join("shared/src"), &mut users);
    assert_eq!(users.into_iter().collect::<Vec<_>>(), ["https.rs"]);
}

/// Adds the names of all files below a folder that contain a word.
fn files_naming(word: &str, folder: &std::path::Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_naming(word, &path, names);
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(word) {
            names.insert(path.file_name().unwrap().to_string_lossy().into_owned());
        }
    }
}
