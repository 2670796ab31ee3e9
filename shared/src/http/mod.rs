//! The HTTP layer: events become requests, and replies become responses.
//!
//! [`router`] lists what each route reads and costs. [`routes`] has the handlers. Errors become HTTP in [`problem`].

mod access_log;
mod address;
pub mod api_gateway;
pub mod api_gateway_event;
mod codes;
mod compress;
mod conditional;
mod etag;
mod handler;
mod input;
mod links;
mod place;
pub mod problem;
mod rate_limit;
mod reply;
pub mod response_body;
mod route;
mod routed_request;
pub mod router;
pub mod routes;
mod seat_map;
pub mod show_json;

use std::convert::Infallible;

use lambda_http::Request;
use lambda_http::http::Method;
use tokio::time::Instant;
use tracing::Instrument;

use crate::app::BoxOffice;
use crate::context::RequestContext;
use access_log::{Completed, RequestIds};
use address::Address;
pub use handler::Function;
use problem::{Code, Problem};
use reply::Reply;
pub use reply::{IDEMPOTENT_REPLAYED, X_CACHE};
use response_body::{Answer, ResponseBody};
use route::Route;
use routed_request::RoutedRequest;

/// Serves a request to a function: runs its handler, and writes its access log. Always returns a response.
///
/// `HEAD` gets the response of `GET` without the body.
pub async fn serve(office: &BoxOffice, function: &Function, request: &Request) -> Result<Answer, Infallible> {
    let ids = &RequestIds::of(request);
    let span = tracing::info_span!("request", request_id = ids.request_id, trace = ids.trace());
    async {
        let started = Instant::now();
        let route = Route::find(function.name, request);
        let ctx = RequestContext::with_rate_limit(rate_limit::budget(office, route, request));
        let routed = RoutedRequest {
            office,
            request,
            route,
            address: Address::of(request, route, office.base_path()),
            ctx: &ctx,
        };
        let (mut reply, code) = match function.handle(&routed).await {
            Ok(reply) => (reply, None),
            Err(problem) => reject(problem, &routed, ids.request_id),
        };
        if let Some(status) = ctx.rate_limit_status() {
            rate_limit::put(reply.headers_mut(), status);
        }
        access_log::log_request(&routed, ids, &Completed { reply: &reply, code, started });
        crate::observability::trace::send(ids.trace_header, &ctx.traced_calls());
        let mut response = compress::for_client(route, request, reply.response);
        if request.method() == Method::HEAD {
            *response.body_mut() = ResponseBody::Nothing;
        }
        Ok(response)
    }
    .instrument(span)
    .await
}

fn reject(problem: Problem, routed: &RoutedRequest<'_>, request_id: &str) -> (Reply, Option<Code>) {
    let problem = if routed.route.is_safe() { problem.worded_for_read() } else { problem };
    let is_show = !input::path_parameter(routed.request, input::SHOW_ID).is_empty();
    let problem = if is_show { problem.worded_for_show() } else { problem };
    problem.log();
    let code = problem.code;
    (problem.into_response(&routed.address, request_id).into(), Some(code))
}
