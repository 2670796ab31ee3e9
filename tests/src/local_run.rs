//! `boxoffice-local run` as a child process, with ports and data of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use boxoffice_local::{checkout, ports};

/// The time that a start may take on a slow machine. It takes seconds.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running box office. Dropping it kills it, and what it started ends with it.
pub struct Run {
    child: Child,
    /// Its output until it was ready.
    pub said: Vec<String>,
    /// The ports of the API, of DynamoDB and of Valkey.
    pub ports: [u16; 3],
    errors: PathBuf,
}

/// A start that failed.
#[derive(Debug)]
pub struct FailedStart {
    /// The exit code.
    pub code: Option<i32>,
    /// Everything on standard error.
    pub errors: String,
}

impl Run {
    /// Starts one and waits until it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts one with further options and waits until it is ready.
    pub fn start_with(data: &Path, options: &[&str]) -> Self {
        match Self::try_start(data, options) {
            Ok(run) => run,
            Err(failed) => panic!("it ended: {failed:?}"),
        }
    }

    /// Starts one with further options, which may take the place of its ports, and waits until it is ready or has failed.
    pub fn try_start(data: &Path, options: &[&str]) -> Result<Self, FailedStart> {
        Self::try_start_by(Command::new(binary()), data, options)
    }

    /// The same by a command that is given the arguments.
    pub fn try_start_by(mut command: Command, data: &Path, options: &[&str]) -> Result<Self, FailedStart> {
        let errors = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
        let ports = [(); 3].map(|()| ports::free_port().unwrap());
        command.arg("run").arg("--data").arg(data);
        for (option, port) in ["--port", "--dynamodb-port", "--cache-port"].iter().zip(ports) {
            command.arg(option).arg(port.to_string());
        }
        let mut child = command
            .args(options)
            .current_dir(checkout::root().unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).unwrap())
            .spawn()
            .expect("boxoffice-local is built: cargo build --workspace --bins");
        let mut said = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            said.push(line.unwrap());
            if said.last().unwrap().starts_with("Ctrl-C ends everything") {
                return Ok(Self { child, said, ports, errors });
            }
        }
        let code = child.wait().unwrap().code();
        Err(FailedStart { code, errors: std::fs::read_to_string(errors).unwrap() })
    }

    /// The address of a path below the stage.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v1{path}", self.ports[0])
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns its complaints so far.
    pub fn complaints(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits until it has complained of something.
    pub fn wait_for_complaint(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.complaints().contains(text) {
            assert!(Instant::now() < end, "{text:?} is not in {}", self.complaints());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes below it that run this binary.
    pub fn processes_of(&self, name: &str) -> Vec<u32> {
        let binary = checkout::binaries().unwrap().join(name);
        let runs_it = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == binary);
        descendants(self.pid()).into_iter().filter(runs_it).collect()
    }

    /// All processes below it.
    pub fn processes(&self) -> Vec<u32> {
        descendants(self.pid())
    }

    /// Ends it as Ctrl-C does, and waits until its ports are free.
    pub fn end(mut self) -> Option<i32> {
        signal("-INT", &[self.pid()]);
        let code = self.child.wait().unwrap().code();
        let end = Instant::now() + PATIENCE;
        for port in self.ports {
            while TcpStream::connect(("127.0.0.1", port)).is_ok() {
                assert!(Instant::now() < end, "something still listens on port {port}");
                thread::sleep(Duration::from_millis(20));
            }
        }
        code
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.errors);
    }
}

/// The binary of `make run`.
pub fn binary() -> PathBuf {
    checkout::binaries().unwrap().join("boxoffice-local")
}

/// Sends processes a signal. One that has ended meanwhile is none to worry about.
pub fn signal(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let _ = Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status().unwrap();
}

/// Returns whether there is a process of this id, zombies included.
pub fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

fn descendants(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    let processes: Vec<(u32, u32)> =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| parent(&entry.ok()?.path())).collect();
    while let Some(&parent) = found.get(next) {
        found.extend(processes.iter().filter(|(_, of)| *of == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    found.remove(0);
    found
}

/// A process and its parent.
fn parent(folder: &Path) -> Option<(u32, u32)> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    Some((pid, after_name.split(' ').nth(1)?.parse().ok()?))
}
