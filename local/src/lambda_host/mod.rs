//! A host for functions: the Lambda Runtime API, and processes that use it. Tests, the bench and `make run` share it.
//!
//! | module | content |
//! | --- | --- |
//! | `runtime_api` | the API that one process asks for events, with the times of events and answers |
//! | `process` | a process with its own Runtime API |
//! | `lambda` | a function for tests and for the table's stream, whose process can be frozen, killed and replaced |
//! | `watch_instance` | the program that `cargo lambda watch` starts for each instance of a function |

mod lambda;
mod process;
mod runtime_api;
mod watch_instance;

pub use self::lambda::{Invocation, Lambda, Outcome};
pub use self::process::{EndedAtStart, Function, FunctionProcess, Supervision, TIMEOUT};
pub use self::runtime_api::{Report, RuntimeApi, TimedReport, TraceIds};
pub use self::watch_instance::{BINARY, TOKEN, TOKEN_HEADER, serve_watch};
