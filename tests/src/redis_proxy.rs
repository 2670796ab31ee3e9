//! A proxy before Redis: counts the commands that pass.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// A running proxy; ends with the test's runtime.
pub struct RedisProxy {
    /// Where it listens.
    pub url: String,
    commands: Arc<Mutex<Vec<String>>>,
    /// Connections of a lower number than this are dead: open, and silent.
    alive_from: Arc<AtomicUsize>,
    accepted: Arc<AtomicUsize>,
}

impl RedisProxy {
    /// Starts one before a server on a port of this machine.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let commands = Arc::new(Mutex::new(Vec::new()));
        let (alive_from, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (seen, alive, counter) = (commands.clone(), alive_from.clone(), accepted.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let alive = Alive(counter.fetch_add(1, Ordering::SeqCst), alive.clone());
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(count(from_client, to_server, seen.clone(), alive));
                tokio::spawn(copy(from_server, to_client));
            }
        });
        Self { url, commands, alive_from, accepted }
    }

    /// Lets the connections that there are die as those of a frozen instance do: they stay open, and nothing that is
    /// sent on them arrives. New ones work.
    pub fn let_connections_die(&self) {
        self.alive_from.store(self.accepted.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// How many commands of this name have passed since [`RedisProxy::take`].
    pub fn count(&self, name: &str) -> usize {
        self.commands.lock().unwrap().iter().filter(|command| *command == name).count()
    }

    /// The commands since the last time this was asked, by name.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.commands.lock().unwrap())
    }
}

struct Alive(usize, Arc<AtomicUsize>);

impl Alive {
    fn is_dead(&self) -> bool {
        self.0 < self.1.load(Ordering::SeqCst)
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let _ = tokio::io::copy(&mut from, &mut to).await;
}

async fn count(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, seen: Arc<Mutex<Vec<String>>>, alive: Alive) {
    let mut pending = Vec::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut chunk).await else { return };
        pending.extend_from_slice(&chunk[..read]);
        while let Some((name, length)) = command(&pending) {
            seen.lock().unwrap().push(name);
            pending.drain(..length);
        }
        if alive.is_dead() {
            continue;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

/// The first whole command of a stream, an array of bulk strings, and its length.
/// <https://redis.io/docs/latest/develop/reference/protocol-spec/>
fn command(bytes: &[u8]) -> Option<(String, usize)> {
    let mut at = 0;
    let words = number(bytes, &mut at, b'*')?;
    let mut name = String::new();
    for word in 0..words {
        let length = number(bytes, &mut at, b'$')?;
        let text = bytes.get(at..at + length)?;
        if word == 0 {
            name = String::from_utf8_lossy(text).to_uppercase();
        }
        at += length + 2;
    }
    (at <= bytes.len()).then_some((name, at))
}

fn number(bytes: &[u8], at: &mut usize, mark: u8) -> Option<usize> {
    let rest = bytes.get(*at..)?;
    assert!(rest.first().is_none_or(|first| *first == mark), "not a command: {rest:?}");
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    *at += end + 2;
    std::str::from_utf8(&rest[1..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn commands_are_counted_whole_and_only_whole() {
        let bytes = b"*2\r\n$3\r\nget\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n";
        assert_eq!(command(bytes), Some(("GET".to_owned(), 20)));
        assert_eq!(command(&bytes[20..]), Some(("PING".to_owned(), 14)));
        for cut in 0..20 {
            assert_eq!(command(&bytes[..cut]), None, "{cut}");
        }
    }
}
