//! The directions of imports: between the layers of `shared`, and between the files of each crate.

use std::collections::BTreeSet;

use boxoffice_local::checkout;
use boxoffice_tests::module_graph::ModuleGraph;

/// The layers of `shared/src`, each with the layers that it may import. These are above it in the table.
const LAYERS: [(&str, &[&str]); 17] = [
    ("domain", &[]),
    ("json", &[]),
    ("aws", &[]),
    ("clock", &["domain"]),
    ("random", &["domain"]),
    ("observability", &["domain", "clock", "random"]),
    ("context", &["domain", "observability"]),
    ("layout_json", &["domain", "json"]),
    ("lambda_batch", &["domain"]),
    ("events", &["domain"]),
    ("store", &["domain", "clock", "random", "context", "observability"]),
    // `aws` has the trusted authorities and the tokens.
    ("cache", &["domain", "clock", "random", "context", "observability", "aws"]),
    ("app", &["domain", "store", "cache", "clock", "random", "context"]),
    ("config", &["domain", "app", "cache", "aws", "observability"]),
    // `config` for the policy only.
    ("http", &["app", "domain", "json", "layout_json", "context", "config", "observability"]),
    // These compose the others.
    ("startup", &["config", "domain", "app", "store", "cache", "aws", "clock", "observability"]),
    ("sync_cache", &["domain", "app", "store", "context", "lambda_batch", "observability"]),
];

/// Imports against the table: a file, and the layer that it imports. The list only gets shorter.
const EXCEPTIONS: [(&str, &str); 5] = [
    // The new layout of a theater is defined beside its JSON.
    ("app::theaters", "layout_json"),
    // The domain events are defined beside the stream's records.
    ("events", "store"),
    // A revision is an ETag.
    ("http::etag", "cache"),
    // Errors and refusals of the store that an operation passes on.
    ("http::problem", "store"),
    ("http::routes::reservations", "store"),
];

/// Files of `shared` that still import each other in a ring. The list only gets shorter.
const IN_A_RING: [&str; 28] = [
    "app::get_seats",
    "app::get_seats::revalidate",
    "cache",
    "cache::client",
    "cache::client::circuit_breaker",
    "cache::client::connection",
    "cache::client::endpoint",
    "domain::best_available",
    "domain::best_available::lines",
    "domain::best_available::neighbors",
    "domain::details",
    "domain::layout",
    "http",
    "http::access_log",
    "http::compress",
    "http::conditional",
    "http::input",
    "http::links",
    "http::problem",
    "http::rate_limit",
    "http::router",
    "http::routes::book",
    "http::routes::reservations",
    "http::routes::reserve",
    "store::layouts",
    "store::schema::layout",
    "store::write::rejection",
    "store::write::retry",
];

fn graph(of: &str) -> ModuleGraph {
    ModuleGraph::read(&checkout::root().unwrap().join(of).join("src"))
}

fn layer(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

#[test]
fn layers_import_only_the_layers_below_them() {
    let (mut wrong, mut exceptions) = (BTreeSet::new(), BTreeSet::new());
    let graph = graph("shared");
    let between_layers = graph.imports().filter(|(from, to)| !from.is_empty() && layer(from) != layer(to));
    for (from, to) in between_layers {
        let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer(from)).unwrap_or_else(|| panic!("{from}"));
        if allowed.contains(&layer(to)) {
            continue;
        }
        if EXCEPTIONS.contains(&(from, layer(to))) {
            exceptions.insert((from, layer(to)));
        } else {
            wrong.insert(format!("{from} imports {to}"));
        }
    }
    assert_eq!(wrong, BTreeSet::new(), "move the import, or the code, to another layer");
    assert_eq!(exceptions, BTreeSet::from(EXCEPTIONS), "remove the exceptions that are over");
}

#[test]
fn layers_form_no_ring() {
    let mut above = BTreeSet::new();
    for (name, allowed) in LAYERS {
        assert!(allowed.iter().all(|layer| above.contains(layer)), "{name} may import a layer that isn't above it");
        above.insert(name);
    }
}

#[test]
fn no_files_import_each_other_in_a_ring() {
    for name in ["publish", "local", "bench", "model", "tests", "admin"] {
        assert_eq!(graph(name).rings(), BTreeSet::new(), "{name}");
    }
    let shared = graph("shared");
    let found: BTreeSet<&str> = shared.rings().into_iter().flatten().collect();
    let listed = BTreeSet::from(IN_A_RING);
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(new.is_empty(), "new in a ring: {new:?} of {:?}", shared.rings());
    let over: Vec<_> = listed.difference(&found).collect();
    assert!(over.is_empty(), "remove from the list: {over:?}");
}
