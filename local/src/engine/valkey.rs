//! A real Valkey as a child process. ElastiCache Serverless runs the same engine.
//!
//! It stores nothing on disk, because the product's cache may be lost at any time. This build of Valkey has no TLS.

use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::supervised_process::{Program, SupervisedProcess, create_log};
use crate::{checkout, ports};

/// Time limit for the start. Valkey starts within milliseconds, except on a very busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Options of a Valkey. The default is any free port, with logs below `target/tmp`.
#[derive(Debug, Clone, Default)]
pub struct ValkeyOptions {
    /// The port. 0 means any free port.
    pub port: u16,
    /// The folder for its log and its working files. `None` means a new folder below `target/tmp`.
    pub folder: Option<PathBuf>,
    /// More arguments, such as `["--maxmemory", "1mb"]` or `["--cluster-enabled", "yes"]`.
    pub args: Vec<String>,
}

/// A running Valkey. Dropping it ends it. It also ends with this process.
#[derive(Debug)]
pub struct Valkey {
    port: u16,
    program: Program,
    /// `true` if the folder was created for this Valkey. It is then removed together with it.
    own_folder: bool,
    child: SupervisedProcess,
}

impl Valkey {
    /// Starts a Valkey with the default options.
    pub fn start() -> Result<Self> {
        Self::start_with(&ValkeyOptions::default())
    }

    /// Starts a Valkey and waits until it answers. Blocks for some milliseconds.
    pub fn start_with(options: &ValkeyOptions) -> Result<Self> {
        let port = if options.port == 0 { ports::free_port()? } else { options.port };
        let program = program(options, port)?;
        fs::create_dir_all(&program.folder).with_context(|| format!("can't make {}", program.folder.display()))?;
        create_log(&program.log)?;
        let child = start(&program, port)?;
        Ok(Self { port, program, own_folder: options.folder.is_none(), child })
    }

    /// Returns the port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the address: `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Asks Valkey to end, and waits until it has ended.
    pub fn stop(&mut self) -> Result<()> {
        self.child.stop()
    }

    /// Kills Valkey, as in a crash, and waits until it has ended.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()
    }

    /// Starts Valkey again on the same port, with no data. Ends a running Valkey first.
    pub fn restart(&mut self) -> Result<()> {
        self.child.stop()?;
        self.child = start(&self.program, self.port)?;
        Ok(())
    }

    /// Freezes Valkey. Connections stay open, but nothing is answered until [`Valkey::resume`].
    pub fn pause(&mut self) -> Result<()> {
        self.child.signal(Signal::STOP)
    }

    /// Continues after [`Valkey::pause`].
    pub fn resume(&mut self) -> Result<()> {
        self.child.signal(Signal::CONT)
    }

    /// Returns an error with the end of the log if Valkey has ended.
    pub fn check(&mut self) -> Result<()> {
        self.child.check()
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        if self.own_folder {
            drop(fs::remove_dir_all(&self.program.folder));
        }
    }
}

fn program(options: &ValkeyOptions, port: u16) -> Result<Program> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => checkout::scratch()?.join(format!("valkey-{port}")),
    };
    let mut args: Vec<OsString> =
        ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"].map(OsString::from).into();
    args.extend(["--dir".into(), folder.clone().into()]);
    args.extend(["--port".into(), port.to_string().into()]);
    args.extend(options.args.iter().map(OsString::from));
    Ok(Program {
        name: "Valkey".to_owned(),
        path: checkout::tool("valkey-server", "BOXOFFICE_VALKEY_SERVER")?,
        args,
        env: Vec::new(),
        without_env: Vec::new(),
        log: folder.join("valkey.log"),
        folder,
    })
}

fn start(program: &Program, port: u16) -> Result<SupervisedProcess> {
    let earlier = fs::metadata(&program.log).map_or(0, |log| log.len());
    let mut child = SupervisedProcess::start(program)?;
    let deadline = Instant::now() + START_TIMEOUT;
    while !(says_ready(program, earlier) && answers(port)) {
        child.check()?;
        if Instant::now() > deadline {
            bail!("Valkey does not answer on port {port}\n{}", child.log_tail());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}

/// Returns `true` if the log reports readiness since this start. This also rules out another server on the same port.
fn says_ready(program: &Program, earlier: u64) -> bool {
    let log = fs::read(&program.log).unwrap_or_default();
    let new = log.get(usize::try_from(earlier).unwrap_or(usize::MAX)..).unwrap_or_default();
    String::from_utf8_lossy(new).contains("Ready to accept connections")
}

/// Returns `true` if Valkey answers a PING, even with an error that asks for a password.
fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&ports::loopback(port), Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer)?;
        Ok(matches!(&answer, b"+PONG" | b"-NOAU"))
    };
    ping().unwrap_or(false)
}
