//! `boxoffice-local run` as a child process, with its own ports and data.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use boxoffice_local::{checkout, ports};

/// The time limit for a start on a slow machine. Normally it takes seconds.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A running box office. Dropping it kills the process, and all its child processes end with it.
pub struct Run {
    child: Child,
    /// The output until the box office was ready.
    pub output: Vec<String>,
    /// The ports of the API, DynamoDB and Valkey.
    pub ports: [u16; 3],
    errors: PathBuf,
}

/// A failed start.
#[derive(Debug)]
pub struct FailedStart {
    pub code: Option<i32>,
    /// The complete standard error.
    pub errors: String,
}

impl Run {
    /// Starts a box office and waits until it is ready.
    pub fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// Starts a box office with more options and waits until it is ready.
    pub fn start_with(data: &Path, options: &[&str]) -> Self {
        match Self::try_start(data, options) {
            Ok(run) => run,
            Err(failed) => panic!("boxoffice-local ended: {failed:?}"),
        }
    }

    /// Starts a box office with more options, which may override its ports. Waits until it is ready or has failed.
    pub fn try_start(data: &Path, options: &[&str]) -> Result<Self, FailedStart> {
        Self::try_start_by(Command::new(binary()), data, options)
    }

    /// Starts a box office like [`Run::try_start`], but appends the arguments to this command.
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
        let mut output = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            output.push(line.unwrap());
            if output.last().unwrap().starts_with("Ctrl-C ends everything") {
                return Ok(Self { child, output, ports, errors });
            }
        }
        let code = child.wait().unwrap().code();
        Err(FailedStart { code, errors: std::fs::read_to_string(errors).unwrap() })
    }

    /// Returns the URL of a path below the stage.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/v1{path}", self.ports[0])
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.errors).unwrap()
    }

    /// Waits until the standard error contains a text.
    pub fn wait_for_stderr(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.stderr().contains(text) {
            assert!(Instant::now() < end, "{text:?} isn't in the standard error: {}", self.stderr());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the descendant processes that run this binary.
    pub fn processes_of(&self, name: &str) -> Vec<u32> {
        let binary = checkout::binaries().unwrap().join(name);
        let runs_it = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == binary);
        descendants(self.pid()).into_iter().filter(runs_it).collect()
    }

    /// Returns all descendant processes.
    pub fn processes(&self) -> Vec<u32> {
        descendants(self.pid())
    }

    /// Ends the box office in the same way as Ctrl-C does, and waits until its ports are free. Returns the exit code.
    pub fn end(mut self) -> Option<i32> {
        signal("-INT", &[self.pid()]);
        let code = self.child.wait().unwrap().code();
        let end = Instant::now() + PATIENCE;
        for port in self.ports {
            while TcpStream::connect(("127.0.0.1", port)).is_ok() {
                assert!(Instant::now() < end, "a process still listens on port {port}");
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

/// Returns the path of the binary that `make run` starts.
pub fn binary() -> PathBuf {
    checkout::binaries().unwrap().join("boxoffice-local")
}

/// Sends a signal to processes. Ignores processes that have already ended.
pub fn signal(signal: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    let _ = Command::new("kill").arg(signal).args(pids).stderr(Stdio::null()).status().unwrap();
}

/// Returns `true` if a process with this id exists, including zombies.
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

/// Reads the id and the parent id of a process.
fn parent(folder: &Path) -> Option<(u32, u32)> {
    let pid = folder.file_name()?.to_str()?.parse().ok()?;
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    Some((pid, after_name.split(' ').nth(1)?.parse().ok()?))
}
