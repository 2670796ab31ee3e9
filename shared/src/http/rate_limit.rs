//! The rate limit in HTTP: the budget that a request uses, and the headers that show its rest.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-10.

use lambda_http::http::{HeaderMap, HeaderValue};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::input;
use super::route::Route;
use crate::app::BoxOffice;
use crate::domain::rate_limit::{RateLimitBudget, RateLimitStatus};

/// Returns the rate-limit budget of a request, if its activity is limited.
pub(super) fn budget(office: &BoxOffice, route: &Route, request: &Request) -> Option<RateLimitBudget> {
    let (activity, cost) = (route.activity, route.weight.base);
    let limit = office.limits().of(activity).filter(|_| cost > 0)?;
    let key = input::caller(request).budget(address(request, office.trusted_proxies()));
    Some(RateLimitBudget { key, activity, limit, cost })
}

/// The caller as log lines name it.
pub(super) struct LoggedCaller {
    /// A keyed hash of the subject or the address.
    pub(super) pseudonym: String,
    /// The network of the address, if networks are logged.
    pub(super) network: Option<String>,
}

/// Returns the caller as log lines name it.
pub(super) fn logged_caller(office: &BoxOffice, request: &Request) -> LoggedCaller {
    let address = address(request, office.trusted_proxies());
    let pseudonym = input::caller(request).pseudonym(address, office.log_key(), office.clock().now());
    let network = office.logs_networks().then(|| network(address));
    LoggedCaller { pseudonym, network }
}

/// Returns the network of an address: the first 24 bits of an IPv4 address, 48 of an IPv6 address.
///
/// This is a part of a provider or a company, and not a single household. It is enough to find and block a source of
/// abuse.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{}/24", Ipv4Addr::new(a, b, c, 0))
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// Adds the headers that show the rest of a budget.
pub(super) fn put(headers: &mut HeaderMap, standing: RateLimitStatus) {
    let RateLimitStatus { activity, limit, remaining, reset, .. } = standing;
    let (name, quota) = (activity.as_str(), limit.per_minute());
    let texts = [
        ("ratelimit-policy", format!("\"{name}\";q={quota};w=60")),
        ("ratelimit", format!("\"{name}\";r={remaining};t={reset}")),
    ];
    for (header, text) in texts {
        headers.insert(header, HeaderValue::try_from(text).expect("names and numbers are visible ASCII"));
    }
}

/// Returns the address of the client, as far as it can be trusted.
///
/// API Gateway knows the peer that connected to it (`sourceIp`). If the peer is a trusted proxy, the last entry of
/// `X-Forwarded-For` is the address that connected to that proxy, and so on from right to left.
///
/// Entries further left come from the client and are ignored. If the expected entry is missing or invalid, the peer's
/// address is used.
fn address(request: &Request, trusted: usize) -> IpAddr {
    let source = source(request);
    let connected = source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let Some(nearest) = trusted.checked_sub(1) else { return connected };
    let values = request.headers().get_all("x-forwarded-for");
    let values: Vec<_> = values.iter().map(HeaderValue::as_bytes).collect();
    let mut hops = values.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).map(parse).peekable();
    // API Gateway itself appends its peer.
    if source.is_some() && hops.peek() == Some(&source) {
        hops.next();
    }
    hops.nth(nearest).flatten().unwrap_or(connected)
}

fn source(request: &Request) -> Option<IpAddr> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => parse(context.http.source_ip.as_deref()?.as_bytes()),
        _ => None,
    }
}

/// Parses an address as proxies write it: alone, in brackets, or with a port.
fn parse(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

    use super::*;

    /// Returns the client's address with 0, 1 and 2 trusted proxies, for a request from `source` with these
    /// `X-Forwarded-For`.
    fn addresses(source: &str, forwarded: &[&[u8]]) -> [String; 3] {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some(source.to_owned());
        let mut request = Request::new(Body::Empty).with_request_context(RequestContext::ApiGatewayV2(context));
        for value in forwarded {
            request.headers_mut().append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
        }
        [0, 1, 2].map(|trusted| address(&request, trusted).to_string())
    }

    #[test]
    fn each_trusted_proxy_adds_one_trusted_address() {
        let own = "192.0.2.1";
        for (forwarded, expected) in [
            (vec![], [own, own, own]),
            // The entry that API Gateway appends, without a proxy in between.
            (vec!["192.0.2.1"], [own, own, own]),
            (vec!["198.51.100.7"], [own, "198.51.100.7", own]),
            (vec!["198.51.100.7, 192.0.2.1"], [own, "198.51.100.7", own]),
            (vec!["forged, 198.51.100.7,192.0.2.1"], [own, "198.51.100.7", own]),
            (vec!["203.0.113.9, 198.51.100.7, 192.0.2.1"], [own, "198.51.100.7", "203.0.113.9"]),
            (vec!["1.1.1.1", "203.0.113.9", " 198.51.100.7 "], [own, "198.51.100.7", "203.0.113.9"]),
            (vec!["203.0.113.9:4711, [2001:db8::1]:443"], [own, "2001:db8::1", "203.0.113.9"]),
            (vec!["2001:db8::2,[2001:db8::1]"], [own, "2001:db8::1", "2001:db8::2"]),
        ] {
            let bytes: Vec<_> = forwarded.iter().map(|value| value.as_bytes()).collect();
            assert_eq!(addresses(own, &bytes), expected.map(str::to_owned), "{forwarded:?}");
        }
    }

    #[test]
    fn network_has_24_bits_of_ipv4_or_48_of_ipv6() {
        for (address, expected) in [
            ("203.0.113.77", "203.0.113.0/24"),
            ("::ffff:203.0.113.77", "203.0.113.0/24"),
            ("2001:db8:aa:bb:cc:dd:ee:ff", "2001:db8:aa::/48"),
            ("0.0.0.0", "0.0.0.0/24"),
        ] {
            assert_eq!(network(address.parse().unwrap()), expected);
        }
    }

    #[test]
    fn missing_forwarded_address_falls_back_to_peer() {
        for odd in
            ["", ",", ",,,", "unknown", "198.51.100.7, nonsense", "198.51.100.7,", "256.0.0.1", "1.2.3.4 5.6.7.8"]
        {
            assert_eq!(addresses("192.0.2.1", &[odd.as_bytes()])[1], "192.0.2.1", "{odd}");
        }
        let bytes = [b"\xff\xfe".as_slice(), b"198.51.100.7"];
        assert_eq!(addresses("192.0.2.1", &bytes), ["192.0.2.1", "198.51.100.7", "192.0.2.1"]);
        assert_eq!(addresses("", &[b"198.51.100.7"]), ["0.0.0.0", "198.51.100.7", "0.0.0.0"]);
    }
}
