//! Which function serves what, as the workspace's Cargo.toml tells `cargo lambda watch`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hyper::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use crate::watch;

/// The stage, with which every path begins.
const STAGE: &str = "/v1";

/// Routes that everybody may call: reading theaters and their seats, and what errors mean.
const PUBLIC: [&str; 5] = [
    "GET /theaters",
    "GET /theaters/{theaterId}",
    "GET /theaters/{theaterId}/seats",
    "GET /theaters/{theaterId}/map",
    "GET /errors/{code}",
];

/// Whether a route (`GET /theaters`) is only for those who have a token.
pub fn needs_token(route: &str) -> bool {
    !PUBLIC.contains(&route)
}

/// All routes.
pub struct Routes(Vec<Route>);

struct Route {
    method: String,
    /// Below the stage.
    path: String,
    function: String,
}

/// A route that a request takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// `GET /theaters/{theaterId}`
    pub(super) key: String,
    pub(super) function: String,
    /// What stands in the path for each name in braces, decoded.
    pub(super) parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Target {
    method: String,
    function: String,
}

impl Routes {
    /// Those of the checkout.
    pub fn of_checkout() -> Result<Self> {
        let metadata: Value = serde_json::from_slice(&watch::cargo_metadata()?)?;
        let router = metadata["metadata"]["lambda"]["watch"]["router"].clone();
        let router: BTreeMap<String, Vec<Target>> =
            serde_json::from_value(router).context("Cargo.toml has no routes")?;
        let routes = router.into_iter().flat_map(|(path, targets)| {
            let path = path.strip_prefix(STAGE).unwrap_or(&path).to_owned();
            targets.into_iter().map(move |Target { method, function }| Route { method, path: path.clone(), function })
        });
        Ok(Self(routes.collect()))
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<Found> {
        let path = path.strip_prefix(STAGE)?;
        let mut routes = self.0.iter().filter(|route| route.method == method.as_str());
        routes.find_map(|route| {
            let parameters = route.parameters(path)?;
            let key = format!("{} {}", route.method, route.path);
            Some(Found { key, function: route.function.clone(), parameters })
        })
    }
}

impl Route {
    fn parameters(&self, path: &str) -> Option<BTreeMap<String, String>> {
        let (wanted, given): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), path.split('/').collect());
        if wanted.len() != given.len() {
            return None;
        }
        let mut parameters = BTreeMap::new();
        for (wanted, given) in wanted.into_iter().zip(given) {
            match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(_) if given.is_empty() => return None,
                Some(name) => {
                    let decoded = percent_decode_str(given).decode_utf8_lossy().into_owned();
                    drop(parameters.insert(name.to_owned(), decoded));
                }
                None if wanted == given => {}
                None => return None,
            }
        }
        Some(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(method: &str, path: &str) -> Option<Found> {
        Routes::of_checkout().unwrap().find(&method.parse().unwrap(), path)
    }

    #[test]
    fn a_path_leads_to_its_function_with_its_parameters_decoded() {
        let found = find("DELETE", "/v1/theaters/grand%2Dhall/bookings/7").unwrap();
        assert_eq!(
            (found.key.as_str(), found.function.as_str()),
            ("DELETE /theaters/{theaterId}/bookings/{bookingId}", "bookings")
        );
        assert_eq!(
            found.parameters,
            BTreeMap::from(
                [("theaterId", "grand-hall"), ("bookingId", "7")]
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
            )
        );
    }

    #[test]
    fn what_is_no_route_leads_nowhere() {
        for (method, path) in [
            ("GET", "/theaters"),
            ("GET", "/v1/theaters/"),
            ("GET", "/v1/theaters//seats"),
            ("POST", "/v1/theaters/1/seats"),
            ("get", "/v1/theaters"),
            ("POST", "/2015-03-31/functions/book/invocations"),
        ] {
            assert_eq!(find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn whatever_is_not_named_public_needs_a_token() {
        assert!(!needs_token("GET /theaters") && needs_token("PUT /theaters/{theaterId}"));
        assert!(needs_token("GET /something/new"));
    }
}
