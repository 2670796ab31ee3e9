//! Staff: calls for a buyer, the limits that don't apply to staff, and the mark of their changes.

mod acting;
mod limits;
mod mark;
mod repeats;

use boxoffice::domain::caller::Caller;
use boxoffice_tests::Call;

/// Returns the owner of a subject's things, as lists show it to staff.
fn owner(subject: &str) -> String {
    Caller::Subject(subject.to_owned()).owner().expect("a subject is an owner").0.to_string()
}

/// Makes a call of staff for a buyer: a subject, or `anonymous`.
fn for_buyer(call: Call, buyer: &str) -> Call {
    let buyer = if buyer == "anonymous" { buyer.to_owned() } else { owner(buyer) };
    call.staff().header("On-Behalf-Of", &buyer)
}
