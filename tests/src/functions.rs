//! The three functions' own binaries, run as Lambda runs them.

use boxoffice_local::lambda::{Function, Lambda, Outcome};

use crate::event::{Call, Reply};

/// An instance of each.
pub struct Functions {
    /// Looks.
    pub get_seats: Lambda,
    /// Reserves.
    pub reserve: Lambda,
    /// Books.
    pub book: Lambda,
}

impl Functions {
    /// Starts all three in this environment.
    pub async fn start(environment: &[(String, String)]) -> Self {
        let (get_seats, reserve, book) = tokio::join!(
            start("get-seats", environment), //
            start("reserve", environment),
            start("book", environment)
        );
        Self { get_seats, reserve, book }
    }

    /// Sends a call to its function and waits for the answer, which has to come.
    pub async fn send(&self, call: &Call) -> Reply {
        match self.try_send(call).await {
            Outcome::Answered(answer) => Reply::of_function(&answer),
            other => panic!("{call:?}: {other:?}\n{}", self.of(call).last_words()),
        }
    }

    /// Sends a call to its function and waits for what becomes of it.
    pub async fn try_send(&self, call: &Call) -> Outcome {
        self.of(call).invoke(&call.event()).await.expect("the function starts").outcome
    }

    /// The function that a call goes to.
    pub fn of(&self, call: &Call) -> &Lambda {
        match call.function() {
            "get-seats" => &self.get_seats,
            "reserve" => &self.reserve,
            _ => &self.book,
        }
    }

    /// All of them.
    pub fn all(&self) -> [&Lambda; 3] {
        [&self.get_seats, &self.reserve, &self.book]
    }
}

async fn start(name: &str, environment: &[(String, String)]) -> Lambda {
    let function = Function::of_checkout(name, environment.to_vec()).expect("the functions are built");
    Lambda::start(&function).await.expect("the function starts")
}
