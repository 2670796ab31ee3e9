//! X-Ray traces: a subsegment for each call of a request to DynamoDB and Redis, inside the segment that Lambda
//! creates. The daemon beside each function takes one datagram per subsegment. See
//! <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>.
//!
//! Only sampled requests are traced, after their response is ready. Sending never waits: a datagram that the socket
//! doesn't take is lost.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::domain::time::EpochMillis;
use crate::random;

/// First bytes of a datagram.
const HEADER: &str = "{\"format\":\"json\",\"version\":1}\n";

static DAEMON: OnceLock<UdpSocket> = OnceLock::new();

/// One call to DynamoDB or Redis.
#[derive(Clone, Copy, Debug)]
pub struct TracedCall {
    pub engine: Engine,
    /// Operation of DynamoDB, for example `UpdateItem`. Not used for Redis.
    pub operation: &'static str,
    pub started: Instant,
    pub ended: Instant,
    /// `true` if the call returned no result.
    pub failed: bool,
}

/// The called service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    DynamoDb,
    Redis,
}

/// Position of a request in a trace, from the header `X-Amzn-Trace-Id`. See
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>.
#[derive(Debug, PartialEq, Eq)]
struct TraceContext<'a> {
    root: &'a str,
    parent: &'a str,
}

/// Starts sending traces to the daemon at this address. Without an address nothing is sent. Starting twice does
/// nothing.
pub fn start(daemon: Option<SocketAddr>) {
    let Some(daemon) = daemon else { return };
    let socket = || {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(daemon)?;
        Ok::<_, std::io::Error>(socket)
    };
    match socket() {
        Ok(socket) => drop(DAEMON.set(socket)),
        Err(error) => tracing::warn!(%error, "can't trace calls"),
    }
}

/// Sends the calls of a request to the daemon, if the request is sampled. Uses the system's time, like Lambda's own
/// segments.
pub(crate) fn send(trace: &str, calls: &[TracedCall]) {
    let (Some(daemon), Some(place)) = (DAEMON.get(), TraceContext::sampled(trace)) else { return };
    let (now, at) = (Clock::System.now(), Instant::now());
    for call in calls {
        let datagram = format!("{HEADER}{}", place.subsegment(call, (now, at)));
        if let Err(error) = daemon.send(datagram.as_bytes()) {
            tracing::debug!(%error, "lost a subsegment");
        }
    }
}

/// Returns the trace id of a request if X-Ray keeps the trace. A trace that isn't sampled can't be found there.
pub(crate) fn sampled_trace_id(header: &str) -> Option<&str> {
    TraceContext::sampled(header).map(|place| place.root)
}

impl<'a> TraceContext<'a> {
    fn sampled(header: &'a str) -> Option<Self> {
        let field = |name: &str| header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        if field("Sampled") != Some("1") {
            return None;
        }
        Some(Self { root: field("Root")?, parent: field("Parent")? })
    }

    fn subsegment(&self, call: &TracedCall, (now, at): (EpochMillis, Instant)) -> Value {
        #[allow(clippy::cast_precision_loss, reason = "milliseconds fit until long after")]
        let time =
            |instant: Instant| (now.as_millis() as f64) / 1e3 - at.saturating_duration_since(instant).as_secs_f64();
        let mut subsegment = json!({
            "id": format!("{:016x}", random::random_u64()),
            "trace_id": self.root,
            "parent_id": self.parent,
            "type": "subsegment",
            "name": call.engine.name(),
            "start_time": time(call.started),
            "end_time": time(call.ended),
            "fault": call.failed,
        });
        match call.engine {
            Engine::DynamoDb => {
                subsegment["namespace"] = json!("aws");
                subsegment["aws"] = json!({ "operation": call.operation });
            }
            Engine::Redis => subsegment["namespace"] = json!("remote"),
        }
        subsegment
    }
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::Redis => "Redis",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_sampled_requests_are_traced() {
        let place = TraceContext { root: "1-5f84c7a5-0e", parent: "53995c3f42cd8ad8" };
        assert_eq!(
            TraceContext::sampled("Root=1-5f84c7a5-0e;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"),
            Some(place)
        );
        for header in ["", "Root=1-5f84c7a5-0e;Parent=5;Sampled=0", "Root=1-5f84c7a5-0e;Sampled=1", "Sampled=1", ";;="]
        {
            assert_eq!((TraceContext::sampled(header), sampled_trace_id(header)), (None, None), "{header}");
        }
    }

    #[test]
    fn subsegment_has_the_times_of_its_call() {
        let at = Instant::now();
        let call = TracedCall {
            engine: Engine::DynamoDb,
            operation: "UpdateItem",
            started: at - Duration::from_millis(30),
            ended: at - Duration::from_millis(10),
            failed: true,
        };
        let place = TraceContext { root: "1-a", parent: "b" };
        let subsegment = place.subsegment(&call, (EpochMillis::new(1_000_000), at));
        let time = |name: &str| subsegment[name].as_f64().unwrap();
        assert!((time("start_time") - 999.97).abs() < 1e-6 && (time("end_time") - 999.99).abs() < 1e-6);
        assert_eq!((&subsegment["name"], &subsegment["aws"]["operation"]), (&json!("DynamoDB"), &json!("UpdateItem")));
        assert_eq!((&subsegment["fault"], &subsegment["parent_id"]), (&json!(true), &json!("b")));
        assert_eq!(subsegment["id"].as_str().map(str::len), Some(16));
    }
}
