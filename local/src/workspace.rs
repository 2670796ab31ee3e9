//! The workspace as cargo describes it, with its functions and their routes.

use std::collections::BTreeMap;
use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::checkout;

/// The output of `cargo metadata`.
#[derive(Debug, Clone)]
pub(crate) struct Workspace(Value);

/// A method below a path, and the function that serves it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RouteTarget {
    pub(crate) method: String,
    pub(crate) function: String,
}

impl Workspace {
    /// Reads the workspace of the checkout from cargo.
    pub(crate) fn from_checkout() -> Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(checkout::root()?);
        let output = command.output().context("cargo not found: install Rust, see https://rustup.rs")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(Self(serde_json::from_slice(&output.stdout).context("`cargo metadata` printed no JSON")?))
    }

    /// Returns the routes of the API by path.
    pub(crate) fn routes(&self) -> Result<BTreeMap<String, Vec<RouteTarget>>> {
        let router = self.0["metadata"]["lambda"]["watch"]["router"].clone();
        serde_json::from_value(router).context("Cargo.toml has no routes")
    }

    /// Returns the names of all binaries below `functions/`, including those on the table's stream.
    pub(crate) fn functions(&self) -> Vec<String> {
        let packages = self.0["packages"].as_array().into_iter().flatten();
        let functions = packages
            .filter(|package| package["manifest_path"].as_str().is_some_and(|path| path.contains("/functions/")));
        functions.flat_map(binaries).filter_map(|target| Some(target["name"].as_str()?.to_owned())).collect()
    }

    /// Returns the description for `cargo lambda watch`. Every function's name gets the suffix, and the routes are
    /// removed.
    pub(crate) fn for_cargo_lambda(mut self, suffix: &str) -> Value {
        self.0["metadata"]["lambda"]["watch"]["router"] = Value::Null;
        if let Some(watch) = self.0["metadata"]["lambda"]["watch"].as_object_mut() {
            watch.remove("router");
        }
        for package in self.0["packages"].as_array_mut().into_iter().flatten() {
            for target in package["targets"].as_array_mut().into_iter().flatten().filter(|target| is_binary(target)) {
                let name = format!("{}{suffix}", target["name"].as_str().unwrap_or_default());
                target["name"] = name.into();
            }
        }
        self.0
    }
}

fn binaries(package: &Value) -> impl Iterator<Item = &Value> {
    package["targets"].as_array().into_iter().flatten().filter(|target| is_binary(target))
}

fn is_binary(target: &Value) -> bool {
    target["kind"].as_array().into_iter().flatten().any(|kind| kind == "bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_the_binaries_of_their_folder() {
        let functions = Workspace::from_checkout().unwrap().functions();
        for name in ["get-seats", "book", "sync-cache"] {
            assert!(functions.iter().any(|function| function == name), "{name} in {functions:?}");
        }
        assert!(!functions.iter().any(|function| function == "boxoffice-local"));
    }

    #[test]
    fn cargo_lambda_watch_gets_no_routes_and_secret_names() {
        let for_cargo_lambda = Workspace::from_checkout().unwrap().for_cargo_lambda("-0f0f");
        assert!(for_cargo_lambda["metadata"]["lambda"]["watch"].get("router").is_none());
        let text = for_cargo_lambda.to_string();
        assert!(text.contains("\"get-seats-0f0f\""), "{text}");
    }
}
