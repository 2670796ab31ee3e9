//! The engines, started once per test process. They end with the process.

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use boxoffice_local::LocalStack;
use boxoffice_local::checkout;
use boxoffice_local::supervised_process::{Program, SupervisedProcess};

/// The environment variable for the folder of Amazon's DynamoDB Local. If it is set, the store tests also run there.
const DYNAMODB_LOCAL: &str = "BOXOFFICE_DYNAMODB_LOCAL";

/// Returns the embedded DynamoDB and the Valkey that all tests share. Each test has its own table and keys.
pub fn shared() -> &'static LocalStack {
    static SHARED: OnceLock<LocalStack> = OnceLock::new();
    SHARED.get_or_init(|| LocalStack::start().expect("the engines start; `make setup` installs them"))
}

/// Returns every engine that has to keep the store's promises: the embedded one, and Amazon's own if it is configured.
pub fn every_dynamodb() -> Vec<(&'static str, String)> {
    let mut engines = vec![("embedded", shared().endpoint().to_owned())];
    if let Some(folder) = std::env::var_os(DYNAMODB_LOCAL) {
        engines.push(("DynamoDB Local", dynamodb_local(PathBuf::from(folder))));
    }
    engines
}

fn dynamodb_local(folder: PathBuf) -> String {
    static RUNNING: OnceLock<(String, Mutex<SupervisedProcess>)> = OnceLock::new();
    let (endpoint, _) = RUNNING.get_or_init(|| {
        let jar = folder.join("DynamoDBLocal.jar");
        assert!(jar.is_file(), "{DYNAMODB_LOCAL} is set, but {} doesn't exist", jar.display());
        let port = boxoffice_local::ports::free_port().expect("a free port");
        let log = checkout::root().expect("the checkout").join("target/tmp/dynamodb-local.log");
        boxoffice_local::supervised_process::create_log(&log).expect("a log");
        let args = ["-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory", "-port"];
        let mut args: Vec<_> = args.iter().map(Into::into).collect();
        args.push(port.to_string().into());
        let program = Program {
            name: "DynamoDB Local".to_owned(),
            path: "java".into(),
            args,
            env: vec![("NO_PROXY".into(), "127.0.0.1".into())],
            without_env: vec![],
            folder: folder.clone(),
            log,
        };
        let mut child = SupervisedProcess::start(&program).expect("java starts");
        let end = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            child.check().expect("DynamoDB Local runs");
            assert!(Instant::now() < end, "DynamoDB Local doesn't answer\n{}", child.log_tail());
            std::thread::sleep(Duration::from_millis(50));
        }
        (format!("http://127.0.0.1:{port}"), Mutex::new(child))
    });
    endpoint.clone()
}
