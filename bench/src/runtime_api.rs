//! As much of the Lambda Runtime API as it takes to see a function ask for its first event
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

const NEXT: &[u8] = b"GET /2018-06-01/runtime/invocation/next ";

/// A listener to which a function can be pointed.
pub(crate) struct RuntimeApi(TcpListener);

impl RuntimeApi {
    pub(crate) fn listen() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self(listener))
    }

    /// What `AWS_LAMBDA_RUNTIME_API` has to say.
    pub(crate) fn address(&self) -> Result<String> {
        Ok(self.0.local_addr()?.to_string())
    }

    /// Waits until the first event is asked for, and says when that was. It is never sent.
    pub(crate) fn first_next(&self, patience: Duration) -> Result<(Instant, TcpStream)> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            match self.0.accept() {
                Ok((mut stream, _)) => {
                    let mut request = [0; NEXT.len()];
                    stream.set_nonblocking(false)?;
                    stream.set_read_timeout(Some(patience))?;
                    stream.read_exact(&mut request)?;
                    let asked = Instant::now();
                    if request != *NEXT {
                        bail!("the function reported an error in place of asking for an event");
                    }
                    return Ok((asked, stream));
                }
                // Spinning would take the core that the function runs on.
                Err(_) => std::thread::sleep(Duration::from_micros(50)),
            }
        }
        bail!("the function didn't ask for an event within {patience:?}")
    }
}
