//! The handlers of a function, and the steps that all of them share: reading the request, checking the rate limit,
//! answering.

use std::pin::Pin;

use super::problem::Problem;
use super::reply::Reply;
use super::route::{Admission, FunctionName, Operation, Route};
use super::routed_request::RoutedRequest;

/// A function of the API with the handlers of its routes.
///
/// Each function has a list of its own, so its binary contains no other function's handlers.
#[derive(Debug)]
pub struct Function {
    /// The name of the function.
    pub name: FunctionName,
    pub(super) handlers: &'static [Handler],
}

/// The handler of one operation.
#[derive(Debug)]
pub(super) struct Handler {
    operation: Operation,
    run: Run,
}

/// A function that starts a handler.
type Run = for<'r> fn(&'r RoutedRequest<'r>) -> FutureReply<'r>;

/// The reply of a handler that runs. It is boxed, because each handler has a future of another type.
pub(super) type FutureReply<'r> = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send + 'r>>;

impl Function {
    /// Runs the handler of a request's route.
    pub(super) fn handle<'r>(&self, routed: &'r RoutedRequest<'r>) -> FutureReply<'r> {
        let handler = self.handlers.iter().find(|handler| handler.operation == routed.route.operation);
        // Checked by the compiler in routes/mod.rs.
        (handler.expect("each route has a handler in its function").run)(routed)
    }

    /// Returns `true` if each route has exactly one handler, in the function of the route.
    pub(super) const fn serve_all(functions: &[&Self], routes: &[Route]) -> bool {
        let (mut handlers, mut at) = (0, 0);
        while at < functions.len() {
            handlers += functions[at].handlers.len();
            at += 1;
        }
        at = 0;
        while at < routes.len() {
            if Self::handlers_of(functions, &routes[at]) != 1 {
                return false;
            }
            at += 1;
        }
        handlers == routes.len()
    }

    /// Counts the handlers of a route in the functions of its name.
    const fn handlers_of(functions: &[&Self], route: &Route) -> usize {
        let (mut count, mut at) = (0, 0);
        while at < functions.len() {
            let (own, mut handler) = (functions[at].name as u8 == route.function as u8, 0);
            while handler < functions[at].handlers.len() {
                let serves = functions[at].handlers[handler].operation as u8 == route.operation as u8;
                count += (own && serves) as usize;
                handler += 1;
            }
            at += 1;
        }
        count
    }
}

impl Handler {
    /// Creates the handler of an operation. Its function calls [`read_and_reply`].
    pub(super) const fn new(operation: Operation, run: Run) -> Self {
        Self { operation, run }
    }
}

/// Reads a request, checks the rate limit, and replies.
///
/// `read` parses the request and calls no other service. A request with faults draws on no budget. The route decides
/// where the rate limit is checked.
pub(super) fn read_and_reply<'r, T, F>(
    routed: &'r RoutedRequest<'r>,
    read: impl FnOnce(&'r RoutedRequest<'r>) -> Result<T, Problem> + Send + 'r,
    reply: impl FnOnce(&'r RoutedRequest<'r>, T) -> F + Send + 'r,
) -> FutureReply<'r>
where
    T: Send + 'r,
    F: Future<Output = Result<Reply, Problem>> + Send + 'r,
{
    Box::pin(async move {
        let request = read(routed)?;
        if routed.route.admission == Admission::Before {
            routed.office.admit(routed.ctx).await?;
        }
        let reply = reply(routed, request).await;
        debug_assert!(
            reply.is_err() || !routed.ctx.has_unchecked_rate_limit(),
            "{} drew on no budget",
            routed.route.key
        );
        reply
    })
}
