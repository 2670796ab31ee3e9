//! Starts under bad conditions. Each one works, or fails with one clear line.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use boxoffice_local::checkout;
use boxoffice_tests::local_run::{Run, binary, signal};
use serde_json::json;

use crate::site::send;

/// Starts the stack, expects it to fail, and returns the single line that it prints.
fn line_of_failure(data: &Path, options: &[&str]) -> String {
    let failed = Run::try_start(data, options).err().expect("a start that fails");
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let lines: Vec<_> = failed.errors.lines().collect();
    assert_eq!(lines.len(), 1, "{failed:?}");
    lines[0].strip_prefix("boxoffice-local: ").expect("its name").to_owned()
}

#[tokio::test]
async fn theaters_option_loads_another_file() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("opera.json");
    let opera = json!({ "theaters": [{ "theater_id": "opera", "name": "Opera", "seats": ["P1", "P2"] }] });
    fs::write(&file, opera.to_string()).unwrap();
    let run = Run::start_with(&data.path().join("data"), &["--theaters", file.to_str().unwrap()]);
    let output = run.output.join("\n");
    assert!(output.contains("/v1/theaters/opera/seats'") && output.contains("\"seat\": \"P1\""), "{output}");
    assert_eq!(send("GET", &run.url("/theaters/opera/seats"), &[], "").await.body["seats"], json!(["P1", "P2"]));
    assert_eq!(send("GET", &run.url("/theaters/1"), &[], "").await.status, 404);
}

#[test]
fn invalid_theaters_file_is_named_with_the_fault() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("theaters.json");
    let named = file.display().to_string();
    for (text, wrong) in [("", "EOF while parsing a value"), ("{", "EOF while parsing an object"), ("[]", "")] {
        fs::write(&file, text).unwrap();
        let line = line_of_failure(&data.path().join("data"), &["--theaters", &named]);
        assert!(line.starts_with(&format!("{named} can't be loaded: ")) && line.contains(wrong), "{line}");
    }
    let line = line_of_failure(&data.path().join("data"), &["--theaters", "/no/such/file"]);
    assert_eq!(line, "/no/such/file can't be loaded: No such file or directory (os error 2)");
}

#[tokio::test]
async fn a_file_without_theaters_starts_an_empty_box_office() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("theaters.json");
    fs::write(&file, r#"{"theaters": []}"#).unwrap();
    let run = Run::start_with(&data.path().join("data"), &["--theaters", file.to_str().unwrap()]);
    assert!(run.output.iter().any(|line| line == "There is no theater yet."), "{:?}", run.output);
    assert_eq!(send("GET", &run.url("/theaters"), &[], "").await.body["theaters"], json!([]));
}

#[test]
fn port_in_use_is_named_with_the_option_to_change_it() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let other = if port < u16::MAX { port + 1 } else { port - 1 };
    let number = port.to_string();
    for (options, way) in [
        (vec!["--port", &number], "make run PORT="),
        (vec!["--auth", "--issuer-port", &number], "make run AUTH=1 ISSUER_PORT="),
        (vec!["--dynamodb-port", &number], "--dynamodb-port "),
        (vec!["--cache-port", &number], "--cache-port "),
    ] {
        let expected =
            format!("port {port} is in use by another program: end that, or choose another port: {way}{other}");
        assert_eq!(line_of_failure(data.path(), &options), expected);
    }
}

#[test]
fn a_broken_database_is_named_with_the_command_that_removes_it() {
    let data = tempfile::tempdir().unwrap();
    let database = data.path().join("dynamodb.sqlite");
    fs::write(&database, "no database ".repeat(1_000)).unwrap();
    let line = line_of_failure(data.path(), &[]);
    let folder = data.path().display();
    let advice = format!("the database in {folder} can't be used (`make clean-data DATA={folder}` forgets its data): ");
    assert!(line.starts_with(&advice), "{line}");
    let cleaned = clean(&folder.to_string());
    assert!(cleaned.status.success(), "{cleaned:?}");
    assert!(!database.exists());
    assert_eq!(Run::start(data.path()).end(), Some(0));
}

#[test]
fn a_file_of_events_that_cannot_be_written_is_named() {
    let data = tempfile::tempdir().unwrap();
    fs::create_dir(data.path().join("events.jsonl")).unwrap();
    let line = line_of_failure(data.path(), &[]);
    let file = data.path().join("events.jsonl");
    assert_eq!(line, format!("can't write the file of events {}: Is a directory (os error 21)", file.display()));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    for folder in ["/proc/boxoffice", "/dev/null/data"] {
        let line = line_of_failure(Path::new(folder), &[]);
        assert!(line.starts_with(&format!("can't make the data folder {folder}: ")), "{line}");
    }
}

#[test]
fn a_full_disk_is_named() {
    let Some(disk) = SmallDisk::mount(16) else {
        eprintln!("not tried: this user may not mount a small disk");
        return;
    };
    let line = line_of_failure(disk.0.path(), &[]);
    let folder = disk.0.path().display();
    assert!(line.starts_with(&format!("the disk with {folder} is full: make room there")), "{line}");
    assert!(!line.contains("clean-data"), "{line}");
}

#[test]
fn a_disk_that_becomes_full_is_reported() {
    let Some(disk) = SmallDisk::mount(8_192) else {
        eprintln!("not tried: this user may not mount a small disk");
        return;
    };
    let run = Run::start(disk.0.path());
    // This fills the disk.
    let _ = fs::write(disk.0.path().join("big"), vec![0; 8 << 20]);
    run.wait_for_stderr(&format!("the disk with {} is full: make room there", disk.0.path().display()));
}

#[test]
fn invalid_origin_is_named() {
    let data = tempfile::tempdir().unwrap();
    let line = line_of_failure(data.path(), &["--cors", "localhost:5173"]);
    assert!(line.starts_with("--cors: \"localhost:5173\" is no origin: expected one such as http://"), "{line}");
}

/// A disk in memory. Only root may mount it.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kib: usize) -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
            .arg(disk.0.path())
            .output();
        mount.is_ok_and(|mount| mount.status.success()).then_some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).output();
    }
}

fn clean(folder: &str) -> Output {
    let script = checkout::root().unwrap().join("local/clean_data.py");
    Command::new("python3").arg(script).arg(folder).output().unwrap()
}

#[test]
fn clean_data_removes_data_of_the_box_office_and_nothing_else() {
    let outer = tempfile::tempdir().unwrap();
    let data = outer.path().join("data");
    let named = data.display().to_string();
    let run = Run::start(&data);
    let refused = |folder: &str, reason: &str| {
        let output = clean(folder);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(reason) && errors.lines().count() == 1, "{errors}");
    };
    refused(&named, "the box office runs on it (process ");
    assert_eq!(run.end(), Some(0));
    refused(&outer.path().display().to_string(), "it holds data, which isn't data of the box office");
    fs::write(data.join("holiday.jpg"), "").unwrap();
    refused(&named, "it holds holiday.jpg");
    fs::remove_file(data.join("holiday.jpg")).unwrap();
    let link = outer.path().join("link");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    refused(&link.display().to_string(), "it is a link");
    refused("", "make clean-data");
    assert!(clean(&named).status.success());
    assert!(!data.exists());
    assert!(clean(&named).status.success(), "repeating it does nothing");
}

/// Runs a copy of the script that installs tools, in a checkout of its own, with these variables. Returns the exit code
/// and the lines on standard error.
fn install_tools(checkout_of_its_own: &Path, variables: &[(&str, &str)]) -> (Option<i32>, Vec<String>) {
    let script = copy_of_the_installer(checkout_of_its_own);
    let mut command = Command::new(python());
    command.arg(script).arg("run").env_remove("CARGO_TARGET_DIR").envs(variables.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn interrupted_setup_reports_it_and_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    // A package index that accepts connections and never answers.
    let index = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/simple", index.local_addr().unwrap());
    let script = copy_of_the_installer(folder.path());
    let mut command = Command::new(python());
    command.arg(script).arg("run").env_remove("CARGO_TARGET_DIR").env("PIP_INDEX_URL", url);
    let mut setup = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    index.set_nonblocking(true).unwrap();
    let connection = loop {
        match index.accept() {
            Ok(connection) => break connection,
            Err(_) => assert!(setup.try_wait().unwrap().is_none(), "it ended before it asked the index"),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    signal("-TERM", &[setup.id()]);
    let output = setup.wait_with_output().unwrap();
    let lines = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{lines}");
    assert_eq!(lines, "setup: interrupted; the next start begins again with what is missing\n");
    drop(connection);
    let named = folder.path().display().to_string();
    let left = fs::read_dir("/proc").unwrap().filter(|process| {
        let command = fs::read_to_string(process.as_ref().unwrap().path().join("cmdline")).unwrap_or_default();
        command.contains(&named)
    });
    assert_eq!(left.count(), 0);
}

/// Returns the path of the Python executable, not of a script that finds it on the PATH.
fn python() -> String {
    let output = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn copy_of_the_installer(checkout_of_its_own: &Path) -> PathBuf {
    let folder = checkout_of_its_own.join("local");
    fs::create_dir_all(&folder).unwrap();
    let script = folder.join("install_tools.py");
    fs::copy(checkout::root().unwrap().join("local/install_tools.py"), &script).unwrap();
    script
}

#[test]
fn setup_names_a_missing_tool_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let only = |names: &[&str]| {
        let path = folder.path().join(names.join("-") + "-only");
        fs::create_dir_all(&path).unwrap();
        for name in names {
            fs::write(path.join(name), "#!/bin/sh\n").unwrap();
            let _ = Command::new("chmod").arg("+x").arg(path.join(name)).status();
        }
        path.display().to_string()
    };
    for (path, line) in [
        (only(&[]), "setup: cargo is missing: install Rust"),
        (only(&["cargo"]), "setup: a C compiler (cc) is missing: install one"),
    ] {
        let (code, lines) = install_tools(folder.path(), &[("PATH", &path)]);
        assert_eq!(code, Some(1));
        assert!(lines.len() == 1 && lines[0].starts_with(line), "{lines:?}");
    }
    // A Python without ensurepip and pip.
    for module in ["ensurepip", "pip"] {
        fs::write(folder.path().join(module).with_extension("py"), "raise ImportError\n").unwrap();
    }
    let python_path = folder.path().display().to_string();
    let (code, lines) =
        install_tools(folder.path(), &[("PATH", &only(&["cargo", "cc"])), ("PYTHONPATH", &python_path)]);
    assert_eq!(code, Some(1));
    assert!(lines.len() == 1 && lines[0].contains("has neither venv nor pip: install them"), "{lines:?}");
}

#[test]
fn setup_names_a_folder_that_cannot_be_written_and_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let (code, lines) = install_tools(folder.path(), &[("CARGO_TARGET_DIR", "/proc/boxoffice")]);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    assert!(lines[0].starts_with("setup: /proc/boxoffice: "), "{lines:?}");
    let Some(disk) = SmallDisk::mount(2_048) else {
        eprintln!("not tried: this user may not mount a small disk");
        return;
    };
    let (code, lines) = install_tools(disk.0.path(), &[]);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    assert!(lines[0].starts_with("setup: the disk is full: "), "{lines:?}");
}

#[test]
fn setup_reports_a_missing_package_index_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = [("PIP_INDEX_URL", "http://127.0.0.1:9/simple"), ("PIP_EXTRA_INDEX_URL", ""), ("PIP_NO_INDEX", "")];
    let (code, lines) = install_tools(folder.path(), &nowhere);
    assert_eq!((code, lines.len()), (Some(1), 1), "{lines:?}");
    assert!(
        lines[0].starts_with("setup: can't fetch cargo-lambda==") && lines[0].contains("no package index answers"),
        "{lines:?}"
    );
}

#[test]
fn help_lists_every_option() {
    let output = Command::new(binary()).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for option in
        ["--port", "--data", "--theaters", "--dynamodb-port", "--cache-port", "--auth", "--issuer-port", "--cors"]
    {
        assert!(help.contains(option), "{option}");
    }
}
