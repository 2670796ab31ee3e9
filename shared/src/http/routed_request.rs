//! The first argument of every handler.

use lambda_http::Request;

use super::address::Address;
use super::input::Input;
use super::route::Route;
use crate::app::BoxOffice;
use crate::context::RequestContext;

/// A request with its route, while its handler runs.
pub(super) struct RoutedRequest<'r> {
    pub(super) office: &'r BoxOffice,
    pub(super) request: &'r Request,
    pub(super) route: &'static Route,
    pub(super) address: Address<'r>,
    pub(super) ctx: &'r RequestContext,
}

impl<'r> RoutedRequest<'r> {
    /// Starts to read the request.
    pub(super) fn input(&self) -> Input<'r> {
        Input::of(self.request, self.route)
    }

    /// Sets the units that the request takes of its budget, if it isn't an ordinary call.
    pub(super) fn charge(&self, units: u32) {
        self.ctx.set_rate_limit_cost(units);
    }
}
