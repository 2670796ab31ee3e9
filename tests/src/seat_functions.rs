//! The binaries of `get-seats`, `reserve` and `book`, run in the same way as Lambda runs them.

use boxoffice_local::lambda_host::{Function, Lambda, Outcome};

use crate::call::Call;
use crate::reply::Reply;

/// One running instance of each function.
pub struct SeatFunctions {
    pub get_seats: Lambda,
    pub reserve: Lambda,
    pub book: Lambda,
}

impl SeatFunctions {
    /// Starts all three functions with this environment.
    pub async fn start(environment: &[(String, String)]) -> Self {
        let (get_seats, reserve, book) = tokio::join!(
            start("get-seats", environment), //
            start("reserve", environment),
            start("book", environment)
        );
        Self { get_seats, reserve, book }
    }

    /// Sends a call to its function and returns the answer. Panics if there is none.
    pub async fn send(&self, call: &Call) -> Reply {
        match self.try_send(call).await {
            Outcome::Answered(answer) => Reply::of_function(&answer),
            other => panic!("{call:?}: {other:?}\n{}", self.of(call).log_tail()),
        }
    }

    /// Sends a call to its function and returns the outcome.
    pub async fn try_send(&self, call: &Call) -> Outcome {
        self.of(call).invoke(&call.event()).await.expect("the function starts").outcome
    }

    /// Returns the function that serves a call.
    pub fn of(&self, call: &Call) -> &Lambda {
        match call.function() {
            "get-seats" => &self.get_seats,
            "reserve" => &self.reserve,
            "book" => &self.book,
            other => panic!("{other} isn't one of them"),
        }
    }

    /// Returns all three functions.
    pub fn all(&self) -> [&Lambda; 3] {
        [&self.get_seats, &self.reserve, &self.book]
    }
}

async fn start(name: &str, environment: &[(String, String)]) -> Lambda {
    let function = Function::from_checkout(name, environment.to_vec()).expect("the functions are built");
    Lambda::start(&function).await.expect("the function starts")
}
