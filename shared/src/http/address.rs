//! The address of a request, as far as its response refers to it.

use lambda_http::http::HeaderValue;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use super::codes::Code;
use super::route::Route;
use crate::app::BasePath;

/// The address of a request, as far as its response refers to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address<'r> {
    request: &'r Request,
    /// The path in front of the route's path. It is a setting, because events under a custom domain may omit it.
    base: &'r BasePath,
    /// The part of the event's path that the route describes. `None` if the path has another shape.
    own: Option<&'r str>,
}

impl<'r> Address<'r> {
    /// Returns the address of a request for a route.
    ///
    /// API Gateway may put the stage or the mapping in front of the route's path, so the parts are counted from the
    /// end.
    pub(super) fn of(request: &'r Request, route: &Route, base: &'r BasePath) -> Self {
        let path = request.raw_http_path();
        let parts = route.path().matches('/').count();
        let begin = path.rmatch_indices('/').nth(parts.saturating_sub(1)).map(|(begin, _)| begin);
        let fits = |begin: &usize| {
            let first = path[begin + 1..].split('/').next();
            route.paths().any(|own| own.split('/').nth(1) == first)
        };
        Self { request, base, own: begin.filter(fits).map(|begin| &path[begin..]) }
    }

    /// Returns the path in front of the route's path.
    pub(super) fn base(&self) -> &'r str {
        self.base.as_str()
    }

    /// Returns the path as the client sent it, which is a valid URI reference.
    pub(super) fn path(&self) -> String {
        match self.own {
            Some(own) => format!("{}{own}", self.base.as_str()),
            None => self.request.raw_http_path().to_owned(),
        }
    }

    /// Returns the address of the page that explains an error.
    ///
    /// The host is the one that API Gateway reports, and never a header that the caller chooses. Without it the address
    /// is relative to the request.
    pub(super) fn of_error(&self, code: Code) -> String {
        let path = format!("{}/errors/{}", self.base.as_str(), code.as_str());
        match self.host() {
            Some(host) => format!("{}://{host}{path}", self.scheme()),
            None => path,
        }
    }

    fn host(&self) -> Option<&'r str> {
        let host = match self.request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.as_deref()?,
            _ => return None,
        };
        let may = |c: u8| c.is_ascii_alphanumeric() || b"-._:[]".contains(&c);
        (!host.is_empty() && host.len() <= 255 && host.bytes().all(may)).then_some(host)
    }

    /// Returns the scheme of the request. API Gateway sets this header itself.
    fn scheme(&self) -> &'static str {
        match self.request.headers().get("x-forwarded-proto").map(HeaderValue::as_bytes) {
            Some(b"http") => "http",
            _ => "https",
        }
    }
}
