//! Free ports, and whether a port is free.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Below the range that systems take for outgoing connections, so a server that is stopped finds its port free again;
/// and low enough that the same goes for a cluster's bus, which takes the port 10,000 higher.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// How long a port that a server of ours is just leaving may stay taken.
const LEAVING: Duration = Duration::from_millis(1_500);

/// The address of a port on this machine.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// A port that nobody listens on, and that no other call in this process was given.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes side by side begin at different places: cargo runs several test binaries, people several checkouts.
    let start = u16::try_from(process::id() % u32::from(COUNT)).unwrap_or_default();
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| is_free(*port))
        .context("no free port between 10000 and 19999")
}

/// Whether a server could listen there now.
pub fn is_free(port: u16) -> bool {
    // A listener on all addresses doesn't stop us from binding ours on every system, so ask for an answer too.
    TcpListener::bind(loopback(port)).is_ok()
        && TcpStream::connect_timeout(&loopback(port), Duration::from_millis(200)).is_err()
}

/// Waits a moment for the port to become free: a server that was just ended may still be leaving it.
pub async fn becomes_free(port: u16) -> bool {
    let deadline = Instant::now() + LEAVING;
    while !is_free(port) {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

/// Lets this process and those that it starts have as many files and connections open as the system permits them. The usual limit
/// is 1,024, which a thousand clients exceed.
pub fn allow_many_connections() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // macOS names no maximum and refuses what is above its own. Where the limit can't be raised, it stays as it is.
    for current in [maximum, Some(10_240)] {
        if setrlimit(Resource::Nofile, Rlimit { current, maximum }).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_free() {
        let (one, other) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(one, other);
        assert!(is_free(one));
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_free() {
        let everywhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(everywhere.local_addr().unwrap().port()));
    }
}
