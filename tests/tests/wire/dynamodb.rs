//! DynamoDB failing a single time, and permanently. No write happens twice, no response is wrong, and no request hangs.

use std::time::Duration;

use boxoffice_tests::dynamodb_proxy::Fault;
use boxoffice_tests::{Call, Reply};
use futures_util::future::join_all;
use uuid::Uuid;

use crate::deployment::{Deployment, LONG_CACHE_DEADLINE, book, reserve, seat_map, seats};

/// Above the attempt timeout of the functions in all settings of this file.
const BEYOND_ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The DynamoDB operation of every write.
const WRITE: &str = "TransactWriteItems";

/// A write, and the state that it must leave in the table.
struct Write {
    call: Call,
    seats: Vec<String>,
    owner: Uuid,
    is_booking: bool,
}

impl Write {
    /// Returns one write of each kind, on five seats from this one on.
    fn each(first: usize) -> [Self; 3] {
        let (one, two, book_two) = (seats(first, first), seats(first + 1, first + 2), seats(first + 3, first + 4));
        let ids = [(); 3].map(|()| Uuid::now_v7());
        let reserve =
            |seats: Vec<String>, owner| Self { call: reserve(&seats, owner), seats, owner, is_booking: false };
        [
            reserve(one, ids[0]),
            reserve(two, ids[1]),
            Self { call: book(&book_two, ids[2], None), seats: book_two, owner: ids[2], is_booking: true },
        ]
    }

    /// Returns `true` if the write is in the table. Panics if it is there partly or twice.
    async fn is_done(&self, deployment: &Deployment) -> bool {
        let (taken, bookings) = (deployment.taken().await, deployment.bookings().await);
        let owner = self.owner.to_string();
        let seats = self.seats.iter().filter(|seat| taken.get(*seat) == Some(&owner)).count();
        let owned = taken.values().filter(|other| **other == owner).count();
        let bookings = bookings.iter().filter(|booking| **booking == owner).count();
        assert!(seats == owned && (seats == 0 || seats == self.seats.len()), "{seats} of {:?}", self.seats);
        assert_eq!(bookings, usize::from(self.is_booking && seats > 0));
        seats > 0
    }

    /// Repeats the write after the fault. The response shows whether the first attempt wrote.
    async fn repeat_returns_the_outcome(&self, deployment: &Deployment, fault: &Fault) {
        let done = self.is_done(deployment).await;
        let again = deployment.insist(&self.call).await;
        assert_eq!(again.status, if done { 200 } else { 201 }, "{fault:?}: {}", again.text);
        assert_eq!(again.header("idempotent-replayed"), if done { "true" } else { "" });
        assert_eq!(again.body["seats"], serde_json::json!(self.seats));
        assert!(self.is_done(deployment).await, "{fault:?}");
    }
}

/// Returns transient errors by which DynamoDB rejects a call.
fn transient_errors() -> Vec<Fault> {
    let mut faults: Vec<_> = [
        "ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "TransactionConflictException",
        "TransactionInProgressException",
    ]
    .map(|name| Fault::error(400, name))
    .into();
    faults.push(Fault::error(500, "InternalServerError"));
    faults.push(Fault::error(503, "ServiceUnavailable"));
    faults
}

/// Returns failures of the network.
fn network_faults() -> [Fault; 4] {
    [Fault::CutBefore, Fault::CutAfter, Fault::Silence, Fault::Late(BEYOND_ATTEMPT_TIMEOUT)]
}

/// Returns transactions cancelled because of a concurrent transaction on an item, or because of throttling.
fn cancellations(conditions: usize) -> Vec<Fault> {
    let codes = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    let cancelled = codes.iter().map(|code| {
        let mut reasons = vec!["None"; conditions];
        reasons[conditions - 1] = code;
        Fault::cancelled(&reasons)
    });
    cancelled.collect()
}

#[tokio::test]
async fn single_dynamodb_fault_does_not_change_a_writes_response() {
    let sites = [Deployment::new().await, Deployment::new().await, Deployment::new().await];
    join_all(sites.iter().enumerate().map(|(kind, deployment)| each_fault_once(deployment, kind))).await;
}

/// Runs every fault with one kind of write.
async fn each_fault_once(deployment: &Deployment, kind: usize) {
    let mut faults = transient_errors();
    faults.extend(network_faults());
    faults.push(Fault::Late(Duration::from_millis(50)));
    // The items are the reservation record or the booking, then one or two seats.
    faults.extend(cancellations([2, 3, 3][kind]));
    let every = faults.len();
    for (number, fault) in faults.into_iter().enumerate() {
        single_fault(deployment, kind, number, fault).await;
    }
    // Now only the table shows that a transaction was carried out before.
    deployment.dynamodb.forget_tokens();
    for (number, fault) in network_faults().into_iter().enumerate() {
        single_fault(deployment, kind, every + number, fault).await;
    }
    deployment.check_consistent_read().await;
}

async fn single_fault(deployment: &Deployment, kind: usize, number: usize, fault: Fault) {
    let write = Write::each(5 * number + 1).into_iter().nth(kind).unwrap();
    deployment.dynamodb.next(WRITE, fault.clone());
    let first = deployment.send(&write.call).await;
    assert_eq!(first.status, 201, "{fault:?}: {}", first.text);
    assert_eq!(first.header("idempotent-replayed"), "", "{fault:?}: not a replay of itself");
    assert_eq!(deployment.dynamodb.queued_faults(), 0, "{fault:?} was met");
    assert!(write.is_done(deployment).await, "{fault:?}");
    write.repeat_returns_the_outcome(deployment, &fault).await;
}

#[tokio::test]
async fn single_dynamodb_fault_does_not_change_a_reads_response() {
    let deployment = Deployment::new().await;
    assert_eq!(deployment.send(&reserve(&seats(7, 8), Uuid::now_v7())).await.status, 201);
    for fault in transient_errors().into_iter().chain(network_faults()) {
        deployment.dynamodb.next("Query", fault);
        deployment.check_consistent_read().await;
        assert_eq!(deployment.dynamodb.queued_faults(), 0);
    }
}

#[tokio::test]
async fn permanent_faults_get_503_in_time_and_a_repeat_the_outcome() {
    // All faults run together, because they mostly wait.
    join_all(transient_errors().into_iter().chain(network_faults()).map(permanent_fault)).await;
}

/// Short timeouts, so that many faults can run into them. Another test covers the timeouts of service.
async fn permanent_fault(fault: Fault) {
    let limits = [("DYNAMODB_TOTAL_TIMEOUT_MS", "1500"), ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "300"), LONG_CACHE_DEADLINE];
    let deployment = Deployment::with(&limits).await;
    let writes = Write::each(1);
    learn_the_layout(&deployment).await;
    deployment.dynamodb.always(Some(fault.clone()));
    let seat_map = seat_map().query("consistent=true");
    let calls = writes.iter().map(|write| &write.call).chain([&seat_map]);
    for reply in join_all(calls.map(|call| deployment.send(call))).await {
        is_try_again(&reply, &fault);
    }
    logs_the_cause(&deployment);
    deployment.dynamodb.always(None);
    deployment.dynamodb.wait_until_idle().await;
    for write in &writes {
        assert_eq!(write.is_done(&deployment).await, matches!(fault, Fault::CutAfter | Fault::Late(_)), "{fault:?}");
        write.repeat_returns_the_outcome(&deployment, &fault).await;
    }
    deployment.check_consistent_read().await;
}

/// In addition to its access log line, a failed read logs a single error with our own message and the cause.
fn logs_the_cause(deployment: &Deployment) {
    let log = deployment.functions.get_seats.log().unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let errors: Vec<_> = lines.filter(|line| line["level"] == "ERROR" && line["op"].is_null()).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert_eq!(errors[0]["message"], "DynamoDB gave no answer in time; the caller is told to try again");
    assert!(errors[0]["cause"].as_str().is_some_and(|cause| !cause.is_empty()), "{log}");
    assert!(!log.contains("connection for closure"), "{log}");
}

/// Makes the functions read the layout, so that the fault hits the intended call.
async fn learn_the_layout(deployment: &Deployment) {
    let (nobodys, id) = (vec!["S120".to_owned()], Uuid::now_v7());
    assert_eq!(deployment.insist(&reserve(&nobodys, id)).await.status, 201);
    assert_eq!(deployment.insist(&book(&nobodys, id, Some(id))).await.status, 201);
    assert_eq!(deployment.insist(&seat_map().query("consistent=true")).await.status, 200);
}

fn is_try_again(reply: &Reply, fault: &Fault) {
    assert_eq!((reply.status, reply.code()), (503, "try_again"), "{fault:?}: {}", reply.text);
    assert_eq!(reply.header("retry-after"), "1");
}

#[tokio::test]
async fn default_timeouts_end_before_lambdas_timeout() {
    let (cold, warm) = (Deployment::new().await, Deployment::new().await);
    learn_the_layout(&warm).await;
    for deployment in [&cold, &warm] {
        deployment.dynamodb.always(Some(Fault::Silence));
    }
    // A function that doesn't answer before Lambda's timeout is killed, and its caller gets no reply.
    let [one, several, booking] = Write::each(1);
    let all = async |deployment: &Deployment| {
        let looks = [seat_map(), seat_map().query("consistent=true")];
        let calls = [&one.call, &booking.call, &looks[0], &several.call, &looks[1]];
        for reply in join_all(calls.map(|call| deployment.send(call))).await {
            is_try_again(&reply, &Fault::Silence);
        }
    };
    tokio::join!(all(&cold), all(&warm));
    for deployment in [&cold, &warm] {
        deployment.dynamodb.always(None);
        for write in [&one, &several, &booking] {
            write.repeat_returns_the_outcome(deployment, &Fault::Silence).await;
        }
    }
}
