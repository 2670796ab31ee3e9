//! A proxy in front of Redis. It counts commands and injects faults of networks and servers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxoffice_local::ports;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use crate::connections::{Connection, Connections};
use crate::gate::{Gate, Ticket};

mod resp;

/// A fault of connections and their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisFault {
    /// Connections are refused and current ones are cut, as if the server had ended.
    Refused,
    /// New connections wait and current ones are silent, as if the host had disappeared.
    Unreachable,
    /// Connections are accepted, but never answered.
    Silent,
    /// Connections are reset after this number of answered bytes.
    ResetAfter(usize),
    /// Answers are delayed by this time.
    Slow(Duration),
}

/// A running proxy. It ends when it is dropped, and its connections end with the test's runtime.
pub struct RedisProxy {
    /// The URL that the proxy listens on.
    pub url: String,
    shared: Arc<Shared>,
    changes: mpsc::UnboundedSender<FaultChange>,
}

/// A new fault or none, and the sender that confirms when it is in force.
type FaultChange = (Option<RedisFault>, oneshot::Sender<()>);

struct Shared {
    upstream: u16,
    gate: Gate,
    commands: Mutex<Vec<String>>,
    trips: AtomicUsize,
    answered: AtomicUsize,
    connections: Connections,
    met: AtomicUsize,
    fault: watch::Sender<Option<RedisFault>>,
}

impl RedisProxy {
    /// Starts a proxy in front of a server on a local port.
    pub async fn before(port: u16) -> Self {
        Self::behind(Gate::default(), port).await
    }

    /// Starts a proxy whose calls pass a gate.
    pub async fn behind(gate: Gate, upstream: u16) -> Self {
        // Outside the range of ports for outgoing connections, which could take an unused port.
        let (port, reserved) = reserve();
        let (commands, trips, answered, connections, met, fault) = Default::default();
        let shared = Arc::new(Shared { upstream, gate, commands, trips, answered, connections, met, fault });
        let (changes, to_make) = mpsc::unbounded_channel();
        tokio::spawn(listen(port, reserved, shared.clone(), to_make));
        let proxy = Self { url: format!("redis://127.0.0.1:{port}"), shared, changes };
        proxy.set(None).await;
        proxy
    }

    /// Applies a fault to connections from now on, or stops doing so with `None`. Data lost before stays lost.
    pub async fn set(&self, fault: Option<RedisFault>) {
        let (made, in_force) = oneshot::channel();
        self.changes.send((fault, made)).expect("the proxy runs");
        in_force.await.expect("the proxy runs");
    }

    /// Freezes all current connections, as if their instance were frozen. They stay open, and nothing sent on them
    /// arrives. New connections work.
    pub fn freeze_connections(&self) {
        self.shared.connections.freeze();
    }

    /// Resets all current connections. New connections work.
    pub fn reset_connections(&self) {
        self.shared.connections.cut();
    }

    /// Returns and resets the number of faults that were met: commands that were swallowed, and connections that were
    /// cut.
    pub fn take_faults_met(&self) -> usize {
        self.shared.met.swap(0, Ordering::SeqCst)
    }

    /// Returns the number of accepted connections.
    pub fn connections(&self) -> usize {
        self.shared.connections.accepted()
    }

    /// Returns the number of commands with this name since [`RedisProxy::take`].
    pub fn count(&self, name: &str) -> usize {
        self.shared.commands.lock().unwrap().iter().filter(|command| *command == name).count()
    }

    /// Returns and resets the number of round trips. A pipeline counts once, for any number of commands.
    pub fn take_trips(&self) -> usize {
        self.shared.trips.swap(0, Ordering::SeqCst)
    }

    /// Returns and resets the number of answered bytes.
    pub fn take_answered(&self) -> usize {
        self.shared.answered.swap(0, Ordering::SeqCst)
    }

    /// Removes and returns the names of the recorded commands.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.commands.lock().unwrap())
    }
}

/// The state of the listening port.
enum ListenerState {
    Open(TcpListener),
    Shut,
    /// A listener with a full queue of connections that aren't accepted. The system drops further connections.
    Full(#[allow(dead_code, reason = "kept open")] (TcpListener, TcpStream)),
}

impl ListenerState {
    async fn of(port: u16, fault: Option<RedisFault>) -> Self {
        match fault {
            Some(RedisFault::Refused) => Self::Shut,
            Some(RedisFault::Unreachable) => {
                let listener = socket(port).listen(0).expect("its own port");
                Self::Full((listener, TcpStream::connect(ports::loopback(port)).await.expect("the first has room")))
            }
            _ => Self::Open(socket(port).listen(1_024).expect("its own port")),
        }
    }

    async fn accept(&self) -> TcpStream {
        if let Self::Open(listener) = self
            && let Ok((stream, _)) = listener.accept().await
        {
            return stream;
        }
        std::future::pending().await
    }
}

fn socket(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(ports::loopback(port)).expect("its own port");
    socket
}

/// Reserves a port while no listener uses it. Programs that don't share the port can't bind it, and connections to it
/// are refused.
///
/// A port on which another test has just closed its connections is free for a listener and can't be reserved. So this
/// tries the next one.
fn reserve() -> (u16, TcpSocket) {
    loop {
        let port = ports::free_port().expect("a port");
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseport(true).unwrap();
        if socket.bind(ports::loopback(port)).is_ok() {
            return (port, socket);
        }
    }
}

async fn listen(
    port: u16,
    _reserved: TcpSocket,
    shared: Arc<Shared>,
    mut changes: mpsc::UnboundedReceiver<FaultChange>,
) {
    let mut listener_state = ListenerState::Shut;
    loop {
        tokio::select! {
            change = changes.recv() => {
                let Some((fault, made)) = change else { return };
                if shared.fault.borrow().is_some_and(|fault| fault == RedisFault::Silent) {
                    // Swallowed commands leave a gap, so no connection can continue.
                    shared.connections.freeze();
                }
                shared.fault.send_replace(fault);
                match fault {
                    Some(RedisFault::Refused) => shared.connections.cut(),
                    Some(RedisFault::Unreachable) => shared.connections.freeze(),
                    _ => {}
                }
                drop(std::mem::replace(&mut listener_state, ListenerState::Shut));
                listener_state = ListenerState::of(port, fault).await;
                let _ = made.send(());
            }
            client = listener_state.accept() => drop(tokio::spawn(serve(client, shared.clone()))),
        }
    }
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    let proxied = ProxiedConnection { connection: shared.connections.accept(), last: Mutex::default(), shared };
    let Ok(mut server) = TcpStream::connect(ports::loopback(proxied.shared.upstream)).await else { return };
    let reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            () = proxied.commands(from_client, to_server) => false,
            reset = proxied.replies(from_server, to_client) => reset,
            () = proxied.connection.cut() => true,
        }
    };
    if reset {
        proxied.shared.met.fetch_add(1, Ordering::SeqCst);
        let _ = client.set_zero_linger();
    }
}

/// One connection to the proxy.
struct ProxiedConnection {
    shared: Arc<Shared>,
    connection: Connection,
    /// The gate's ticket of the last command.
    last: Mutex<Option<Ticket>>,
}

impl ProxiedConnection {
    fn fault(&self) -> Option<RedisFault> {
        *self.shared.fault.borrow()
    }

    fn is_silent(&self) -> bool {
        self.connection.is_frozen() || self.fault() == Some(RedisFault::Silent)
    }

    /// Forwards commands until the client disconnects or a command is dropped.
    async fn commands(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let mut pending = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            // Commands sent together in a pipeline wait for one answer.
            if pending.is_empty() {
                self.shared.trips.fetch_add(1, Ordering::SeqCst);
            }
            pending.extend_from_slice(&chunk[..read]);
            while let Some((name, length)) = resp::command(&pending) {
                self.shared.commands.lock().unwrap().push(name);
                pending.drain(..length);
                let Some(ticket) = self.shared.gate.enter().await else { return };
                *self.last.lock().unwrap() = Some(ticket);
            }
            if self.is_silent() {
                self.shared.met.fetch_add(1, Ordering::SeqCst);
            } else if to.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    }

    /// Forwards answers until the server disconnects. Returns `true` if the connection has to be reset.
    async fn replies(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> bool {
        let mut chunk = vec![0; 64 * 1024];
        let mut passed = 0;
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            self.shared.answered.fetch_add(read, Ordering::SeqCst);
            let ticket = self.last.lock().unwrap().take();
            if let Some(ticket) = ticket {
                self.shared.gate.leave(ticket).await;
            }
            if let Some(RedisFault::Slow(late)) = self.fault() {
                tokio::time::sleep(late).await;
            }
            if self.is_silent() {
                continue;
            }
            let whole = match self.fault() {
                Some(RedisFault::ResetAfter(bytes)) => read.min(bytes.saturating_sub(passed)),
                _ => read,
            };
            if to.write_all(&chunk[..whole]).await.is_err() || whole < read {
                return whole < read;
            }
            passed += whole;
        }
        false
    }
}
