//! A proxy before Redis: counts the commands that pass, and does to them what networks and servers do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boxoffice_local::ports;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};

use crate::connections::{Connection, Connections};
use crate::gate::{Gate, Place};

mod resp;

/// What happens to connections and to what goes over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisFault {
    /// Nobody listens, as when the server has ended: connections are refused, and those that there were are cut.
    Refused,
    /// Nobody answers, as when the host is gone: who connects waits, and so does who is connected.
    Unreachable,
    /// Connections are accepted, and nothing is ever answered.
    Silent,
    /// Connections are reset after so many bytes of answers.
    ResetAfter(usize),
    /// Answers come so late.
    Slow(Duration),
}

/// A running proxy; ends when it is dropped, its connections with the test's runtime.
pub struct RedisProxy {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
    changes: mpsc::UnboundedSender<Change>,
}

/// Another fault or none, and who waits until it is in force.
type Change = (Option<RedisFault>, oneshot::Sender<()>);

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
    /// Starts one before a server on a port of this machine.
    pub async fn before(port: u16) -> Self {
        Self::behind(Gate::default(), port).await
    }

    /// Starts one whose calls pass a gate.
    pub async fn behind(gate: Gate, upstream: u16) -> Self {
        // Not a port from the range of outgoing connections, which takes what nobody listens on.
        let port = ports::free_port().expect("a port");
        let (commands, trips, answered, connections, met, fault) = Default::default();
        let shared = Arc::new(Shared { upstream, gate, commands, trips, answered, connections, met, fault });
        let (changes, to_make) = mpsc::unbounded_channel();
        tokio::spawn(listen(port, shared.clone(), to_make));
        let proxy = Self { url: format!("redis://127.0.0.1:{port}"), shared, changes };
        proxy.set(None).await;
        proxy
    }

    /// From now on connections meet a fault, or with `None` no longer. What was in their way before stays lost.
    pub async fn set(&self, fault: Option<RedisFault>) {
        let (made, in_force) = oneshot::channel();
        self.changes.send((fault, made)).expect("the proxy runs");
        in_force.await.expect("the proxy runs");
    }

    /// Lets the connections that there are die as those of a frozen instance do: they stay open, and nothing that is
    /// sent on them arrives. New ones work.
    pub fn let_connections_die(&self) {
        self.shared.connections.let_die();
    }

    /// Resets the connections that there are. New ones work.
    pub fn reset_connections(&self) {
        self.shared.connections.cut();
    }

    /// How often something met a fault since the last time this was asked: what was sent where nobody hears it, and
    /// every connection that was cut.
    pub fn take_met(&self) -> usize {
        self.shared.met.swap(0, Ordering::SeqCst)
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.accepted()
    }

    /// How many commands of this name have passed since [`RedisProxy::take`].
    pub fn count(&self, name: &str) -> usize {
        self.shared.commands.lock().unwrap().iter().filter(|command| *command == name).count()
    }

    /// The round trips since the last time this was asked: a pipeline is one, however many commands it has.
    pub fn take_trips(&self) -> usize {
        self.shared.trips.swap(0, Ordering::SeqCst)
    }

    /// The bytes of answers since the last time this was asked.
    pub fn take_answered(&self) -> usize {
        self.shared.answered.swap(0, Ordering::SeqCst)
    }

    /// The commands since the last time this was asked, by name.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.commands.lock().unwrap())
    }
}

/// Where connections come in.
enum Door {
    Open(TcpListener),
    Shut,
    /// A listener whose queue is full, by connections that nobody accepts: the system drops whoever knocks.
    Full(#[allow(dead_code, reason = "kept open")] (TcpListener, TcpStream)),
}

impl Door {
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

/// Keeps a port from being given to anybody else while nothing listens on it: who doesn't share it as we do can't have it,
/// and who connects to it is refused.
fn reserve(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(ports::loopback(port)).expect("a free port");
    socket
}

async fn listen(port: u16, shared: Arc<Shared>, mut changes: mpsc::UnboundedReceiver<Change>) {
    let _reserved = reserve(port);
    let mut door = Door::Shut;
    loop {
        tokio::select! {
            change = changes.recv() => {
                let Some((fault, made)) = change else { return };
                if shared.fault.borrow().is_some_and(|fault| fault == RedisFault::Silent) {
                    // What was swallowed leaves a gap, and no connection goes on after one.
                    shared.connections.let_die();
                }
                shared.fault.send_replace(fault);
                match fault {
                    Some(RedisFault::Refused) => shared.connections.cut(),
                    Some(RedisFault::Unreachable) => shared.connections.let_die(),
                    _ => {}
                }
                drop(std::mem::replace(&mut door, Door::Shut));
                door = Door::of(port, fault).await;
                let _ = made.send(());
            }
            client = door.accept() => drop(tokio::spawn(serve(client, shared.clone()))),
        }
    }
}

async fn serve(mut client: TcpStream, shared: Arc<Shared>) {
    let wire = Wire { connection: shared.connections.accept(), last: Mutex::default(), shared };
    let Ok(mut server) = TcpStream::connect(ports::loopback(wire.shared.upstream)).await else { return };
    let reset = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            () = wire.commands(from_client, to_server) => false,
            reset = wire.replies(from_server, to_client) => reset,
            () = wire.connection.cut() => true,
        }
    };
    if reset {
        wire.shared.met.fetch_add(1, Ordering::SeqCst);
        let _ = client.set_zero_linger();
    }
}

/// One connection.
struct Wire {
    shared: Arc<Shared>,
    connection: Connection,
    /// The last command's place.
    last: Mutex<Option<Place>>,
}

impl Wire {
    fn fault(&self) -> Option<RedisFault> {
        *self.shared.fault.borrow()
    }

    fn is_silent(&self) -> bool {
        self.connection.is_dead() || self.fault() == Some(RedisFault::Silent)
    }

    /// Ends with the client, or when a command is lost.
    async fn commands(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let mut pending = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            // What is sent together, in a pipeline, waits for one answer.
            if pending.is_empty() {
                self.shared.trips.fetch_add(1, Ordering::SeqCst);
            }
            pending.extend_from_slice(&chunk[..read]);
            while let Some((name, length)) = resp::command(&pending) {
                self.shared.commands.lock().unwrap().push(name);
                pending.drain(..length);
                let Some(place) = self.shared.gate.enter().await else { return };
                *self.last.lock().unwrap() = Some(place);
            }
            if self.is_silent() {
                self.shared.met.fetch_add(1, Ordering::SeqCst);
            } else if to.write_all(&chunk[..read]).await.is_err() {
                return;
            }
        }
    }

    /// Ends with the server; whether it was by a reset.
    async fn replies(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> bool {
        let mut chunk = vec![0; 64 * 1024];
        let mut passed = 0;
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            self.shared.answered.fetch_add(read, Ordering::SeqCst);
            let place = self.last.lock().unwrap().take();
            if let Some(place) = place {
                self.shared.gate.leave(place).await;
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
