//! Free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The first port. The range is below the ports that systems use for outgoing connections, so a restarted server finds
/// its port free again. It is low enough that the same holds for a cluster's bus, which uses the port 10,000 higher.
const FIRST: u16 = 10_000;
const COUNT: u16 = 10_000;

/// Time limit for a server of ours to release its port after it was ended.
const PORT_RELEASE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Returns the address of a port on this machine.
pub fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Returns a port that no program listens on, and that no other call in this process got.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = first_of(process::id());
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| is_free(*port))
        .context("no free port between 10000 and 19999")
}

/// Returns the offset of the first port that a process tries.
///
/// Processes that run at the same time try different ports: a test and the programs that it starts, several test
/// binaries, several checkouts. Their ids often follow each other, so neighboring ids get ports far apart. Otherwise two
/// processes may find the same port free before one of them listens on it.
fn first_of(process: u32) -> u16 {
    let scattered = u64::from(process) * 7_919 % u64::from(COUNT);
    u16::try_from(scattered).expect("less than COUNT")
}

/// Returns `true` if a server could listen on the port now.
pub fn is_free(port: u16) -> bool {
    // On some systems a listener on all addresses doesn't prevent a bind to ours. So this also tries to connect.
    TcpListener::bind(loopback(port)).is_ok()
        && TcpStream::connect_timeout(&loopback(port), Duration::from_millis(200)).is_err()
}

/// Waits a moment for the port to become free, because a server that was just ended may still hold it. Returns `true`
/// if it is free.
pub async fn becomes_free(port: u16) -> bool {
    let deadline = Instant::now() + PORT_RELEASE_TIMEOUT;
    while !is_free(port) {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    true
}

/// Raises the limit of open files and connections to the system's maximum, for this process and those that it starts.
/// The usual limit is 1,024, which a thousand clients exceed.
pub fn allow_many_connections() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    // macOS reports no maximum and rejects values above its own. If the limit can't be raised, it stays as it is.
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
    fn free_ports_are_free_and_unique() {
        let (one, other) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(one, other);
        assert!(is_free(one));
    }

    #[test]
    fn neighboring_processes_begin_far_apart() {
        let firsts: Vec<_> = (1_000..1_050).map(first_of).collect();
        for (index, one) in firsts.iter().enumerate() {
            let apart = firsts[..index].iter().all(|other| one.abs_diff(*other) > 50);
            assert!(apart, "{firsts:?}");
        }
    }

    #[test]
    fn port_with_listener_is_not_free() {
        let everywhere = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(everywhere.local_addr().unwrap().port()));
    }
}
