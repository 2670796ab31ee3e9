//! Processes that are killed between any two of their steps, or frozen while their connections break.

use boxoffice_local::lambda_host::Outcome;
use boxoffice_tests::gate::HoldPoint;
use boxoffice_tests::{Call, Reply};
use uuid::Uuid;

use crate::deployment::{Deployment, book, reserve, seat_map, seats};

/// Half of this deadline is spent on waiting for a broken connection.
const CACHE_DEADLINE: (&str, &str) = ("CACHE_DEADLINE_MS", "1000");

/// The fate of the call to DynamoDB or Redis that was under way when the process was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// The call never arrives.
    Lost,
    /// The call arrives after the request was repeated and answered.
    Late,
    /// The call was carried out, and the process didn't receive the reply.
    Done,
}

/// A request that is repeated, and the resulting owner of its seats.
struct Request {
    call: Call,
    seats: Vec<String>,
    owner: Uuid,
    bookings: usize,
}

/// Returns a write of this kind, on two seats from `first` on. In the last kind the second seat is reserved first, and
/// the booking names that reservation.
async fn requests(deployment: &Deployment, first: usize, kind: usize) -> Request {
    let (one, two, owner, reservation) = (seats(first, first), seats(first, first + 1), Uuid::now_v7(), Uuid::now_v7());
    let (call, seats, bookings) = match kind {
        0 => (reserve(&one, owner), one, 0),
        1 => (reserve(&two, owner), two, 0),
        2 => (book(&two, owner, None), two, 1),
        _ => {
            assert_eq!(deployment.send(&reserve(&seats(first + 1, first + 1), reservation)).await.status, 201);
            (book(&two, owner, Some(reservation)), two, 1)
        }
    };
    Request { call, seats, owner, bookings }
}

impl Request {
    /// Returns `true` if the request is fully in the table. Panics if it is there partly.
    async fn is_done(&self, deployment: &Deployment) -> bool {
        let owner = self.owner.to_string();
        let owned: Vec<_> = deployment.taken().await.into_iter().filter(|(_, other)| *other == owner).collect();
        let bookings = deployment.bookings().await.into_iter().filter(|id| *id == owner).count();
        let seats: Vec<_> = owned.into_iter().map(|(seat, _)| seat).collect();
        let done = seats == self.seats && bookings == self.bookings;
        assert!(done || (seats.is_empty() && bookings == 0), "{seats:?} and {bookings} bookings of {:?}", self.seats);
        done
    }
}

/// Kills the process at each point of one kind of request, and repeats the request each time. Ends when the request has
/// no further point.
async fn kill_at_each_call(kind: usize, fate: Fate) {
    let deployment = Deployment::new().await;
    deployment.send(&seat_map()).await;
    for number in 1.. {
        let request = requests(&deployment, 2 * number, kind).await;
        let function = deployment.functions.of(&request.call);
        // A cold instance reads the layout during the request. It is already connected, so that only the request's
        // calls count.
        function.restart().await.unwrap();
        deployment.gate.hold(number, if fate == Fate::Done { HoldPoint::After } else { HoldPoint::Before });
        let outcome = tokio::select! {
            outcome = deployment.functions.try_send(&request.call) => outcome,
            () = async {
                deployment.gate.holds().await;
                function.kill().unwrap();
                std::future::pending().await
            } => unreachable!(),
        };
        if let Outcome::Answered(answer) = outcome {
            deployment.gate.open();
            assert_eq!(Reply::of_function(&answer).status, 201);
            // The three calls read the layout, write, and update the cache.
            assert_eq!(number, 1 + 3, "points of {:?}", request.call);
            return;
        }
        assert_eq!(outcome, Outcome::Ended);
        repeat_resolves_the_outcome(&deployment, &request, fate).await;
    }
}

async fn repeat_resolves_the_outcome(deployment: &Deployment, request: &Request, fate: Fate) {
    match fate {
        Fate::Lost => deployment.gate.discard(),
        Fate::Done => deployment.gate.open(),
        Fate::Late => {}
    }
    let done = request.is_done(deployment).await;
    let repeat = deployment.send(&request.call).await;
    assert_eq!(repeat.status, if done { 200 } else { 201 }, "{fate:?}: {}", repeat.text);
    if fate == Fate::Late {
        deployment.gate.open();
        deployment.dynamodb.wait_until_idle().await;
    }
    assert!(request.is_done(deployment).await, "{fate:?}");
    assert_eq!(deployment.send(&request.call).await.status, 200, "{fate:?}");
    deployment.check_consistent_read().await;
    // The repeat has updated the cache too, in case the killed process hadn't.
    deployment.is_right(&deployment.send(&seat_map()).await).await;
}

#[tokio::test]
async fn reservation_killed_anywhere_is_resolved_by_a_repeat() {
    for fate in [Fate::Lost, Fate::Late, Fate::Done] {
        tokio::join!(kill_at_each_call(0, fate), kill_at_each_call(1, fate));
    }
}

#[tokio::test]
async fn booking_killed_anywhere_is_resolved_by_a_repeat() {
    for fate in [Fate::Lost, Fate::Late, Fate::Done] {
        tokio::join!(kill_at_each_call(2, fate), kill_at_each_call(3, fate));
    }
}

/// Freezes all three functions, changes their connections, and thaws them. Each function must answer its next request.
async fn freeze_and_thaw(meanwhile: impl Fn(&Deployment)) {
    let deployment = Deployment::with(&[CACHE_DEADLINE]).await;
    let processes = deployment.functions.all().map(|function| function.pid());
    for first in [1, 11] {
        let (one, two, reservation) = (seats(first, first), seats(first, first + 1), Uuid::now_v7());
        for function in deployment.functions.all() {
            function.freeze().unwrap();
        }
        meanwhile(&deployment);
        for function in deployment.functions.all() {
            function.thaw().unwrap();
        }
        let reserved = deployment.send(&reserve(&one, reservation)).await;
        assert_eq!((reserved.status, reserved.header("idempotent-replayed")), (201, ""), "{}", reserved.text);
        let booked = deployment.send(&book(&two, Uuid::now_v7(), Some(reservation))).await;
        assert_eq!((booked.status, booked.header("idempotent-replayed")), (201, ""), "{}", booked.text);
        let seat_map = deployment.send(&seat_map()).await;
        deployment.is_right(&seat_map).await;
        assert_ne!(seat_map.header("x-cache"), "bypass", "Redis answered too, on another connection");
        deployment.check_consistent_read().await;
    }
    assert_eq!(deployment.functions.all().map(|function| function.pid()), processes);
}

#[tokio::test]
async fn thawed_instance_answers_despite_dead_connections() {
    freeze_and_thaw(|deployment| {
        deployment.dynamodb.freeze_connections();
        deployment.redis.freeze_connections();
    })
    .await;
}

#[tokio::test]
async fn thawed_instance_answers_despite_reset_connections() {
    freeze_and_thaw(|deployment| {
        deployment.dynamodb.reset_connections();
        deployment.redis.reset_connections();
    })
    .await;
}

#[tokio::test]
async fn instance_frozen_during_a_write_recognizes_its_own_write() {
    let deployment = Deployment::with(&[CACHE_DEADLINE]).await;
    let (one, two) = (seats(1, 1), seats(2, 3));
    for call in [reserve(&one, Uuid::now_v7()), reserve(&two, Uuid::now_v7()), book(&seats(4, 5), Uuid::now_v7(), None)]
    {
        let function = deployment.functions.of(&call);
        function.restart().await.unwrap();
        // The first call reads the layout. The second one is the write.
        deployment.gate.hold(2, HoldPoint::After);
        let (reply, ()) = tokio::join!(deployment.send(&call), async {
            deployment.gate.holds().await;
            function.freeze().unwrap();
            deployment.dynamodb.reset_connections();
            deployment.redis.freeze_connections();
            deployment.gate.open();
            function.thaw().unwrap();
        });
        assert_eq!((reply.status, reply.header("idempotent-replayed")), (201, ""), "{}", reply.text);
        assert_eq!(deployment.send(&call).await.status, 200);
        deployment.check_consistent_read().await;
    }
}
