//! The operations that need an open sale, and who carries them out.

use crate::domain::caller::{Caller, Role};
use crate::domain::sale::{NotOnSale, NotOnSaleReason, Selling};

/// An operation that sells, and the role of its caller.
#[derive(Clone, Copy)]
pub(super) struct SellingTo {
    pub(super) operation: Selling,
    pub(super) role: Option<Role>,
}

impl SellingTo {
    /// Returns a reservation by this caller.
    pub(super) fn reserve(caller: &Caller) -> Self {
        Self { operation: Selling::Reserve, role: caller.role() }
    }

    /// Returns a booking by this caller.
    pub(super) fn book(caller: &Caller) -> Self {
        Self { operation: Selling::Book, role: caller.role() }
    }

    /// Returns `true` if the caller may do it although the sale refuses buyers. Staff sell before the opening and after
    /// the end. A sale that is paused is paused for everyone.
    pub(super) fn may_pass(self, refusal: &NotOnSale) -> bool {
        match (self.role, refusal.reason) {
            (None, _) | (Some(Role::Staff), NotOnSaleReason::Paused) => false,
            (Some(Role::Staff), NotOnSaleReason::NotYet | NotOnSaleReason::Closed) => true,
        }
    }
}
