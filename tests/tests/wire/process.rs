//! Processes that are killed between any two of their steps, or frozen while their connections break.

use boxoffice_local::lambda::Outcome;
use boxoffice_tests::gate::Side;
use boxoffice_tests::{Call, Reply};
use uuid::Uuid;

use crate::site::{Site, book, look, reserve, seats};

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
async fn requests(site: &Site, first: usize, kind: usize) -> Request {
    let (one, two, owner, reservation) = (seats(first, first), seats(first, first + 1), Uuid::now_v7(), Uuid::now_v7());
    let (call, seats, bookings) = match kind {
        0 => (reserve(&one, owner), one, 0),
        1 => (reserve(&two, owner), two, 0),
        2 => (book(&two, owner, None), two, 1),
        _ => {
            assert_eq!(site.send(&reserve(&seats(first + 1, first + 1), reservation)).await.status, 201);
            (book(&two, owner, Some(reservation)), two, 1)
        }
    };
    Request { call, seats, owner, bookings }
}

impl Request {
    /// Returns `true` if the request is fully in the table. Panics if it is there partly.
    async fn is_done(&self, site: &Site) -> bool {
        let owner = self.owner.to_string();
        let owned: Vec<_> = site.taken().await.into_iter().filter(|(_, other)| *other == owner).collect();
        let bookings = site.bookings().await.into_iter().filter(|id| *id == owner).count();
        let seats: Vec<_> = owned.into_iter().map(|(seat, _)| seat).collect();
        let done = seats == self.seats && bookings == self.bookings;
        assert!(done || (seats.is_empty() && bookings == 0), "{seats:?} and {bookings} bookings of {:?}", self.seats);
        done
    }
}

/// Kills the process at each point of one kind of request, and repeats the request each time. Ends when the request has
/// no further point.
async fn killed_everywhere(kind: usize, fate: Fate) {
    let site = Site::new().await;
    site.send(&look()).await;
    for number in 1.. {
        let request = requests(&site, 2 * number, kind).await;
        let function = site.functions.of(&request.call);
        // A cold instance reads the layout during the request. It is already connected, so that only the request's
        // calls count.
        function.restart().await.unwrap();
        site.gate.hold(number, if fate == Fate::Done { Side::After } else { Side::Before });
        let outcome = tokio::select! {
            outcome = site.functions.try_send(&request.call) => outcome,
            () = async {
                site.gate.holds().await;
                function.kill().unwrap();
                std::future::pending().await
            } => unreachable!(),
        };
        if let Outcome::Answered(answer) = outcome {
            site.gate.open();
            assert_eq!(Reply::of_function(&answer).status, 201);
            // The three calls read the layout, write, and update the cache.
            assert_eq!(number, 1 + 3, "points of {:?}", request.call);
            return;
        }
        assert_eq!(outcome, Outcome::Ended);
        the_repeat_tells_the_truth(&site, &request, fate).await;
    }
}

async fn the_repeat_tells_the_truth(site: &Site, request: &Request, fate: Fate) {
    match fate {
        Fate::Lost => site.gate.discard(),
        Fate::Done => site.gate.open(),
        Fate::Late => {}
    }
    let done = request.is_done(site).await;
    let repeat = site.send(&request.call).await;
    assert_eq!(repeat.status, if done { 200 } else { 201 }, "{fate:?}: {}", repeat.text);
    if fate == Fate::Late {
        site.gate.open();
        site.dynamodb.quiet().await;
    }
    assert!(request.is_done(site).await, "{fate:?}");
    assert_eq!(site.send(&request.call).await.status, 200, "{fate:?}");
    site.look_is_right().await;
    // The repeat has updated the cache too, in case the killed process hadn't.
    site.is_right(&site.send(&look()).await).await;
}

#[tokio::test]
async fn a_process_killed_anywhere_in_a_reservation_leaves_the_truth_to_its_repeat() {
    for fate in [Fate::Lost, Fate::Late, Fate::Done] {
        tokio::join!(killed_everywhere(0, fate), killed_everywhere(1, fate));
    }
}

#[tokio::test]
async fn a_process_killed_anywhere_in_a_booking_leaves_the_truth_to_its_repeat() {
    for fate in [Fate::Lost, Fate::Late, Fate::Done] {
        tokio::join!(killed_everywhere(2, fate), killed_everywhere(3, fate));
    }
}

/// Freezes all three functions, changes their connections, and thaws them. Each function must answer its next request.
async fn frozen_meanwhile(meanwhile: impl Fn(&Site)) {
    let site = Site::with(&[CACHE_DEADLINE]).await;
    let processes = site.functions.all().map(|function| function.pid());
    for first in [1, 11] {
        let (one, two, reservation) = (seats(first, first), seats(first, first + 1), Uuid::now_v7());
        for function in site.functions.all() {
            function.freeze().unwrap();
        }
        meanwhile(&site);
        for function in site.functions.all() {
            function.thaw().unwrap();
        }
        let reserved = site.send(&reserve(&one, reservation)).await;
        assert_eq!((reserved.status, reserved.header("idempotent-replayed")), (201, ""), "{}", reserved.text);
        let booked = site.send(&book(&two, Uuid::now_v7(), Some(reservation))).await;
        assert_eq!((booked.status, booked.header("idempotent-replayed")), (201, ""), "{}", booked.text);
        let look = site.send(&look()).await;
        site.is_right(&look).await;
        assert_ne!(look.header("x-cache"), "bypass", "Redis answered too, on another connection");
        site.look_is_right().await;
    }
    assert_eq!(site.functions.all().map(|function| function.pid()), processes);
}

#[tokio::test]
async fn an_instance_that_thaws_with_silently_dead_connections_answers() {
    frozen_meanwhile(|site| {
        site.dynamodb.let_connections_die();
        site.redis.let_connections_die();
    })
    .await;
}

#[tokio::test]
async fn an_instance_that_thaws_with_reset_connections_answers() {
    frozen_meanwhile(|site| {
        site.dynamodb.reset_connections();
        site.redis.reset_connections();
    })
    .await;
}

#[tokio::test]
async fn an_instance_frozen_in_the_midst_of_a_write_and_cut_off_knows_its_own_work() {
    let site = Site::with(&[CACHE_DEADLINE]).await;
    let (one, two) = (seats(1, 1), seats(2, 3));
    for call in [reserve(&one, Uuid::now_v7()), reserve(&two, Uuid::now_v7()), book(&seats(4, 5), Uuid::now_v7(), None)]
    {
        let function = site.functions.of(&call);
        function.restart().await.unwrap();
        // The first call reads the layout. The second one is the write.
        site.gate.hold(2, Side::After);
        let (reply, ()) = tokio::join!(site.send(&call), async {
            site.gate.holds().await;
            function.freeze().unwrap();
            site.dynamodb.reset_connections();
            site.redis.let_connections_die();
            site.gate.open();
            function.thaw().unwrap();
        });
        assert_eq!((reply.status, reply.header("idempotent-replayed")), (201, ""), "{}", reply.text);
        assert_eq!(site.send(&call).await.status, 200);
        site.look_is_right().await;
    }
}
