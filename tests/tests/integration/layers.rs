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
    // `config` for the name of the release.
    ("http", &["app", "domain", "json", "layout_json", "context", "config", "observability"]),
    // These compose the others.
    ("startup", &["config", "domain", "app", "store", "cache", "aws", "clock", "observability"]),
    ("sync_cache", &["domain", "app", "store", "context", "lambda_batch", "observability"]),
];

fn graph(of: &str) -> ModuleGraph {
    ModuleGraph::read(&checkout::root().unwrap().join(of).join("src"))
}

fn layer(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

#[test]
fn layers_import_only_the_layers_below_them() {
    let graph = graph("shared");
    let mut wrong = BTreeSet::new();
    for (module, imported) in
        graph.layers().filter(|(module, imported)| !module.is_empty() && layer(module) != *imported)
    {
        let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == layer(module)).unwrap_or_else(|| panic!("{module}"));
        if !allowed.contains(&imported) {
            wrong.insert(format!("{module} imports {imported}"));
        }
    }
    assert_eq!(wrong, BTreeSet::new(), "move the import, or the code, to another layer");
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
    for name in ["shared", "publish", "local", "bench", "model", "tests", "admin"] {
        assert_eq!(graph(name).rings(), BTreeSet::new(), "{name}");
    }
}
