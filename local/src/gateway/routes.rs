//! The routes of the API, read from the workspace's Cargo.toml.

use std::collections::BTreeMap;

use anyhow::Result;
use hyper::Method;
use percent_encoding::percent_decode_str;

use crate::workspace::{RouteTarget, Workspace};

/// The stage. Every path begins with it.
pub(crate) const STAGE: &str = "/v1";

/// Routes that need no token: reading theaters, shows and their seats, and the descriptions of errors.
const PUBLIC: [&str; 9] = [
    "GET /theaters",
    "GET /theaters/{theaterId}",
    "GET /theaters/{theaterId}/seats",
    "GET /theaters/{theaterId}/map",
    "GET /shows",
    "GET /shows/{showId}",
    "GET /shows/{showId}/seats",
    "GET /shows/{showId}/map",
    "GET /errors/{code}",
];

/// Returns `true` if a route (`GET /theaters`) needs a token. `HEAD` is like `GET`.
pub fn needs_token(route: &str) -> bool {
    match route.strip_prefix("HEAD ") {
        Some(path) => !PUBLIC.contains(&format!("GET {path}").as_str()),
        None => !PUBLIC.contains(&route),
    }
}

pub struct Routes(Vec<Route>);

struct Route {
    method: String,
    /// The path without the stage.
    path: String,
    function: String,
}

/// The route of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RouteMatch {
    /// `GET /theaters/{theaterId}`
    pub(super) key: String,
    pub(super) function: String,
    /// The decoded values of the path's parameters.
    pub(super) parameters: BTreeMap<String, String>,
}

impl RouteMatch {
    pub(super) fn is_get(&self) -> bool {
        self.key.starts_with("GET ")
    }

    /// Returns the route's path with a theater and placeholders for the other parameters.
    pub(super) fn path_with(&self, theater: &str) -> String {
        let path = self.key.split_once(' ').map_or("", |(_, path)| path);
        let segments = path.split('/').map(|segment| match segment {
            "{theaterId}" => theater,
            segment if segment.starts_with('{') => "none",
            segment => segment,
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

impl Routes {
    /// Reads the routes of the checkout.
    pub fn from_checkout() -> Result<Self> {
        Self::of(&Workspace::from_checkout()?)
    }

    /// Returns the routes of a workspace. Every `GET` also has a `HEAD`.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let routes = workspace.routes()?.into_iter().flat_map(|(path, targets)| {
            let path = path.strip_prefix(STAGE).unwrap_or(&path).to_owned();
            targets.into_iter().map(move |RouteTarget { method, function }| Route {
                method,
                path: path.clone(),
                function,
            })
        });
        let mut routes: Vec<_> = routes.collect();
        let heads = routes.iter().filter(|route| route.method == "GET");
        let heads: Vec<_> = heads
            .filter(|get| !routes.iter().any(|route| route.method == "HEAD" && route.path == get.path))
            .map(|get| Route { method: "HEAD".to_owned(), path: get.path.clone(), function: get.function.clone() })
            .collect();
        routes.extend(heads);
        Ok(Self(routes))
    }

    pub(super) fn find(&self, method: &Method, path: &str) -> Option<RouteMatch> {
        let path = path.strip_prefix(STAGE)?;
        let mut routes = self.0.iter().filter(|route| route.method == method.as_str());
        routes.find_map(|route| Some(route.found(route.parameters(path)?)))
    }

    /// Returns a harmless route to each function: `GET` if there is one, otherwise a route that changes nothing when it
    /// gets an empty object. Each function has a route of theaters, so those of shows aren't needed.
    pub(super) fn harmless_routes(&self) -> Vec<RouteMatch> {
        let mut routes: BTreeMap<&str, &Route> = BTreeMap::new();
        for method in ["GET", "POST"] {
            let of_theaters = self.0.iter().filter(|route| !route.path.starts_with("/shows"));
            for route in of_theaters.filter(|route| route.method == method) {
                routes.entry(&route.function).or_insert(route);
            }
        }
        routes.into_values().map(|route| route.found(BTreeMap::new())).collect()
    }
}

impl Route {
    fn found(&self, parameters: BTreeMap<String, String>) -> RouteMatch {
        let key = format!("{} {}", self.method, self.path);
        RouteMatch { key, function: self.function.clone(), parameters }
    }

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

    fn find(method: &str, path: &str) -> Option<RouteMatch> {
        Routes::from_checkout().unwrap().find(&method.parse().unwrap(), path)
    }

    #[test]
    fn path_selects_function_and_decodes_parameters() {
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
    fn each_route_of_a_shows_seats_reaches_the_function_of_its_theater_route() {
        let mut twins = 0;
        for route in Routes::from_checkout().unwrap().0 {
            let Some(rest) = route.path.strip_prefix("/theaters/{theaterId}/") else { continue };
            let twin = find(&route.method, &format!("/v1/shows/evening-1/{rest}")).unwrap();
            assert_eq!(twin.function, route.function, "{} {}", route.method, route.path);
            assert_eq!(twin.parameters["showId"], "evening-1");
            assert!(!twin.parameters.contains_key("theaterId"));
            twins += 1;
        }
        assert_eq!(twins, 14);
    }

    #[test]
    fn shows_are_read_by_get_seats_and_changed_by_theaters() {
        for (method, path, function) in [
            ("GET", "/v1/shows", "get-seats"),
            ("GET", "/v1/shows/1", "get-seats"),
            ("HEAD", "/v1/shows/1", "get-seats"),
            ("PUT", "/v1/shows/1", "theaters"),
            ("DELETE", "/v1/shows/1", "theaters"),
            ("PUT", "/v1/shows/1/sale", "theaters"),
            ("PUT", "/v1/theaters/1/sale", "theaters"),
        ] {
            assert_eq!(find(method, path).unwrap().function, function, "{method} {path}");
        }
        assert_eq!(find("GET", "/v1/shows/1/sale"), None);
        assert_eq!(find("PUT", "/v1/shows"), None);
    }

    #[test]
    fn unknown_routes_are_not_found() {
        for (method, path) in [
            ("GET", "/theaters"),
            ("GET", "/v1/theaters/"),
            ("GET", "/v1/theaters//seats"),
            ("POST", "/v1/theaters/1/seats"),
            ("get", "/v1/theaters"),
            ("PATCH", "/v1/theaters"),
            ("OPTIONS", "/v1/theaters"),
            ("HEAD", "/v1/theaters/1/book"),
            ("GET", "/v1theaters"),
            ("GET", "/v2/theaters"),
            ("POST", "/2015-03-31/functions/book/invocations"),
        ] {
            assert_eq!(find(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn a_parameter_is_decoded_once() {
        let found = find("GET", "/v1/theaters/%2531/seats").unwrap();
        assert_eq!(found.parameters["theaterId"], "%31");
    }

    #[test]
    fn every_get_route_has_head() {
        let found = find("HEAD", "/v1/theaters/1/seats").unwrap();
        assert_eq!((found.key.as_str(), found.function.as_str()), ("HEAD /theaters/{theaterId}/seats", "get-seats"));
    }

    #[test]
    fn each_function_has_a_harmless_route() {
        let routes = Routes::from_checkout().unwrap().harmless_routes();
        let functions: Vec<_> = routes.iter().map(|found| found.function.as_str()).collect();
        assert_eq!(functions, ["book", "bookings", "get-seats", "reservations", "reserve", "theaters"]);
        assert!(routes.iter().all(|found| found.is_get() || found.key.starts_with("POST ")));
        assert_eq!(routes[1].path_with("hall"), "/theaters/hall/bookings/none");
    }

    #[test]
    fn routes_need_a_token_unless_public() {
        assert!(!needs_token("GET /theaters") && needs_token("PUT /theaters/{theaterId}"));
        assert!(!needs_token("GET /shows") && !needs_token("HEAD /shows/{showId}/seats"));
        assert!(needs_token("PUT /shows/{showId}") && needs_token("PUT /shows/{showId}/sale"));
        assert!(needs_token("POST /shows/{showId}/reserve") && needs_token("PUT /theaters/{theaterId}/sale"));
        assert!(needs_token("GET /something/new"));
        assert!(!needs_token("HEAD /theaters") && needs_token("HEAD /theaters/{theaterId}/bookings/{bookingId}"));
    }
}
