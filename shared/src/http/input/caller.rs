//! The caller of a request, and the rights that the caller has.

use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizerJwtDescription;
use lambda_http::http::HeaderValue;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};

use super::Input;
use crate::app::{Administrators, BoxOffice};
use crate::domain::caller::{Buyer, Caller, Role, Staff};
use crate::http::problem::{Code, Problem};

/// The header in which staff name the buyer whom they act for.
pub(in crate::http) const ON_BEHALF_OF: &str = "On-Behalf-Of";

/// Returns the caller, as API Gateway's JWT authorizer has verified. Ignores everything else that the client sends, and
/// the scopes of the token.
pub(in crate::http) fn caller(request: &Request) -> Caller {
    subject(request).map_or(Caller::Anonymous, |subject| Caller::Subject(subject.to_owned()))
}

impl Input<'_> {
    /// Returns the caller for whom an operation runs. For staff this includes the buyer of the `On-Behalf-Of` header.
    ///
    /// Rejects the header at once if the caller isn't staff.
    pub(in crate::http) fn caller(&self, office: &BoxOffice) -> Result<Caller, Problem> {
        debug_assert!(self.route.headers.contains(&ON_BEHALF_OF), "{ON_BEHALF_OF} isn't in the table of routes");
        let header = self.request.headers().get(ON_BEHALF_OF);
        match subject(self.request).filter(|_| is_staff(office, self.request)) {
            Some(subject) => {
                let buyer = |value: &HeaderValue| {
                    let buyer = value.to_str().ok().and_then(Buyer::parse);
                    buyer.or_else(|| self.fault(ON_BEHALF_OF, Buyer::EXPECTED))
                };
                Ok(Caller::Staff(Staff { subject: subject.to_owned(), acts_for: header.and_then(buyer) }))
            }
            None if header.is_some() => {
                let expected =
                    format_args!("this header only with a token that has a sub and the scope {}", office.staff_scope());
                Err(Problem::of_field(Code::Forbidden, ON_BEHALF_OF, expected))
            }
            None => Ok(caller(self.request)),
        }
    }
}

/// Returns the subject of the verified token.
fn subject(request: &Request) -> Option<&str> {
    let subject = token(request).and_then(|token| token.claims.get("sub"));
    subject.map(String::as_str).filter(|subject| !subject.is_empty())
}

/// Returns the role in which something was changed, as a response names it. Only staff see it.
pub(in crate::http) fn shown_role(caller: &Caller, by: Option<Role>) -> Option<&'static str> {
    by.filter(|_| caller.is_staff()).map(Role::as_str)
}

/// Rejects callers who aren't administrators, because their verified token lacks the scope. If everyone may administer,
/// rejects no caller.
pub(in crate::http) fn require_administrator(office: &BoxOffice, request: &Request) -> Result<(), Problem> {
    let Administrators::WithScope(wanted) = office.administrators() else { return Ok(()) };
    if has_scope(request, wanted) {
        return Ok(());
    }
    Err(Problem::of_field(Code::Forbidden, "Authorization", format_args!("a token with the scope {wanted}")))
}

/// Returns `true` if the caller's verified token has the scope of staff.
pub(in crate::http) fn is_staff(office: &BoxOffice, request: &Request) -> bool {
    has_scope(request, office.staff_scope())
}

/// Returns `true` if the caller's verified token has a scope.
fn has_scope(request: &Request, wanted: &str) -> bool {
    token(request).is_some_and(|token| scopes(token).any(|scope| scope == wanted))
}

/// Rejects an expensive read without a verified token, if the API has an authorizer.
///
/// On a route that is open to all, API Gateway doesn't verify tokens. So with an authorizer, such reads only work in
/// deployments in which all reads need a token.
pub(in crate::http) fn require_token(office: &BoxOffice, request: &Request, reading: &str) -> Result<(), Problem> {
    if !office.has_authorizer() || caller(request) != Caller::Anonymous {
        return Ok(());
    }
    let expected = format_args!("a verified token for {reading}; a route that is open to all verifies none");
    Err(Problem::of_field(Code::Unauthorized, "Authorization", expected).with_header("www-authenticate", "Bearer"))
}

/// Returns the scopes of a token, each a whole word.
///
/// API Gateway converts every claim to text. `scope` is a text with words separated by spaces (RFC 8693). `scp` is a
/// text with some issuers and a list with others, and API Gateway writes a list as `[a b]`.
///
/// A `scope` in brackets is read as plain words, because it may be a list or a text that looks like one. The scopes
/// that API Gateway selected for a route count too.
fn scopes(token: &ApiGatewayRequestAuthorizerJwtDescription) -> impl Iterator<Item = &str> {
    let text = token.claims.get("scope").map(String::as_str).unwrap_or_default();
    let scp = token.claims.get("scp").map(String::as_str).unwrap_or_default();
    let scp = scp.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(scp);
    let claimed = text.split(' ').chain(scp.split(' ')).filter(|scope| !scope.is_empty());
    claimed.chain(token.scopes.iter().flatten().map(String::as_str))
}

fn token(request: &Request) -> Option<&ApiGatewayRequestAuthorizerJwtDescription> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref()?.jwt.as_ref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_words_of_scope_and_scp() {
        let scopes_of = |token: serde_json::Value| -> Vec<String> {
            let token = serde_json::from_value(token).unwrap();
            scopes(&token).map(str::to_owned).collect()
        };
        let claims = serde_json::json!({ "claims": { "scope": "a b/c", "scp": "[d e]" }, "scopes": ["f"] });
        assert_eq!(scopes_of(claims), ["a", "b/c", "d", "e", "f"]);
        for (claims, scopes) in [
            (serde_json::json!({ "scope": "[boxoffice/admin]" }), vec!["[boxoffice/admin]"]),
            (serde_json::json!({ "scope": "[a boxoffice/admin]" }), vec!["[a", "boxoffice/admin]"]),
            (serde_json::json!({ "scp": "[d" }), vec!["[d"]),
            (serde_json::json!({ "scp": "[]" }), vec![]),
            (serde_json::json!({ "scope": " a  b " }), vec!["a", "b"]),
            (serde_json::json!({ "scope": "a,b\tc" }), vec!["a,b\tc"]),
        ] {
            assert_eq!(scopes_of(serde_json::json!({ "claims": claims, "scopes": null })), scopes, "{claims}");
        }
    }
}
