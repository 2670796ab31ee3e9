//! The store by itself, on every DynamoDB engine: the embedded one, and Amazon's own if `BOXOFFICE_DYNAMODB_LOCAL` has
//! its address.

use std::time::Duration;

use boxoffice::context::RequestContext;
use boxoffice::domain::availability::{SeatState, SlotUpdate};
use boxoffice::domain::ids::{BookingId, ReservationId, SeatLabel, TheaterId};
use boxoffice::domain::inventory::Inventory;
use boxoffice::domain::layout::Layout;
use boxoffice::domain::layout_version::LayoutVersion;
use boxoffice::domain::seat_index::SeatIndex;
use boxoffice::domain::selection::Selection;
use boxoffice::store::{
    BookOutcome, BookRequest, BookableFrom, Decision, PutLayoutError, ReserveOutcome, ReserveRequest, Store,
};
use boxoffice_tests::dynamodb_proxy::{DynamoDbProxy, Fault};
use boxoffice_tests::world::START;
use boxoffice_tests::{Setup, World, engines};
use uuid::Uuid;

/// A store on one engine, with the layout of theater 1.
struct Bench {
    engine: &'static str,
    store: Store,
    world: World,
    inventory: Inventory,
    ctx: RequestContext,
    proxy: DynamoDbProxy,
}

/// Makes a request to book seats without money, of an anonymous caller.
fn book_request<'a>(inventory: &'a Inventory, seats: &'a Selection, booking: BookingId) -> BookRequest<'a> {
    BookRequest {
        inventory: &inventory.id,
        seats,
        booking,
        owner: None,
        by: None,
        limit: None,
        known: inventory,
        offers: None,
        expect: None,
        reference: None,
    }
}

impl Bench {
    async fn each() -> Vec<Self> {
        let mut benches = Vec::new();
        for (engine, endpoint) in engines::every_dynamodb() {
            let proxy = DynamoDbProxy::before(&endpoint).await;
            let setup = Setup { dynamodb: proxy.endpoint.clone(), ..Setup::without_cache() };
            let world = World::on_engine(setup, &endpoint).await;
            let store = world.store(world.clock.clone()).await;
            let ctx = RequestContext::default();
            let theater = TheaterId::parse("1").unwrap();
            let inventory = Inventory::of_theater(store.layout(&ctx, &theater).await.unwrap().unwrap());
            proxy.take();
            benches.push(Self { engine, store, world, inventory, ctx, proxy });
        }
        benches
    }

    fn seats(&self, labels: &[&str]) -> Selection {
        let labels: Vec<_> = labels.iter().map(|label| SeatLabel::parse(label).unwrap()).collect();
        Selection::of(&labels, &self.inventory.layout).unwrap()
    }

    async fn reserve(&self, labels: &[&str], reservation: u128, expires_in: u32) -> Decision<ReserveOutcome> {
        let seats = self.seats(labels);
        let reservation = ReservationId::new(Uuid::from_u128(reservation));
        let request = ReserveRequest {
            inventory: &self.inventory.id,
            seats: &seats,
            reservation,
            must_exist: false,
            owner: None,
            by: None,
            expires_in,
            reservation_quota: None,
            offers: None,
        };
        self.store.reserve(&self.ctx, &request).await.unwrap()
    }

    async fn book(&self, labels: &[&str], booking: u128, reservation: Option<u128>) -> Decision<BookOutcome> {
        let seats = self.seats(labels);
        let booking = BookingId::new(Uuid::from_u128(booking));
        let reservation = reservation.map(|number| ReservationId::new(Uuid::from_u128(number)));
        let request = book_request(&self.inventory, &seats, booking);
        self.store.book(&self.ctx, &request, BookableFrom::Anywhere(reservation)).await.unwrap()
    }

    async fn states(&self) -> Vec<SeatState> {
        let slots = self.store.slots(&self.ctx, &self.inventory).await.unwrap();
        slots.into_iter().map(|slot| slot.state).collect()
    }
}

const AVAILABLE: SeatState = SeatState::Available;
const BOOKED: SeatState = SeatState::Booked;

#[tokio::test]
async fn seat_goes_from_available_to_reserved_to_booked() {
    for bench in Bench::each().await {
        assert_eq!(bench.states().await, [AVAILABLE; 6], "{}", bench.engine);
        let Decision { outcome: ReserveOutcome::Reserved(held), observed: learned } =
            bench.reserve(&["A2"], 1, 60).await
        else {
            panic!()
        };
        let end = START.seconds() + Duration::from_secs(60);
        assert_eq!((held.seats[0].expires_at, held.expires_at), (end, end));
        assert_eq!((learned[0].seat_index, learned[0].slot.changed_at), (SeatIndex::new(1), START));
        let reserved = SeatState::Reserved { expires_at: end };
        assert_eq!(bench.states().await, [AVAILABLE, reserved, AVAILABLE, AVAILABLE, AVAILABLE, AVAILABLE]);
        assert!(matches!(bench.book(&["A2"], 5, None).await.outcome, BookOutcome::Refused(conflicts)
            if conflicts.len() == 1 && conflicts[0].state == reserved));
        let Decision { outcome: BookOutcome::Booked(booking), observed: learned } =
            bench.book(&["A2"], 6, Some(1)).await
        else {
            panic!()
        };
        assert_eq!((booking.booked_at, booking.seats.len()), (START, 1));
        assert_eq!(learned[0].slot.changed_at, START.next(), "the stamp rises even in the same millisecond");
        assert_eq!(bench.states().await, [AVAILABLE, BOOKED, AVAILABLE, AVAILABLE, AVAILABLE, AVAILABLE]);
    }
}

#[tokio::test]
async fn one_call_distinguishes_replay_mismatch_and_conflict() {
    for bench in Bench::each().await {
        assert!(matches!(bench.book(&["A1", "A2"], 1, None).await.outcome, BookOutcome::Booked(..)));
        bench.proxy.take();
        assert!(matches!(bench.book(&["A2", "A1"], 1, None).await,
            Decision { outcome: BookOutcome::Replayed(booking), observed: learned }
            if booking.seats.len() == 2 && learned.len() == 2));
        assert!(matches!(bench.book(&["A1"], 1, None).await.outcome, BookOutcome::IdReused));
        assert!(matches!(bench.book(&["A3"], 1, None).await.outcome, BookOutcome::IdReused));
        let Decision { outcome: BookOutcome::Refused(conflicts), observed: learned } =
            bench.book(&["A1", "A2", "A3"], 2, None).await
        else {
            panic!()
        };
        assert_eq!(conflicts.iter().map(|conflict| conflict.seat.as_str()).collect::<Vec<_>>(), ["A1", "A2"]);
        assert_eq!(learned.len(), 2);
        let names: Vec<_> = bench.proxy.take().into_iter().map(|call| call.operation).collect();
        assert_eq!(names, ["TransactWriteItems"; 4], "{}", bench.engine);
    }
}

#[tokio::test]
async fn expiry_is_a_condition_exact_to_the_second_with_the_ttl_off() {
    for bench in Bench::each().await {
        bench.reserve(&["A1"], 1, 10).await;
        bench.reserve(&["A2", "A3"], 1, 10).await;
        for (millis, free) in [(9_000, false), (9_999, false), (10_000, true)] {
            bench.world.at(millis);
            let one = matches!(bench.reserve(&["A1"], 2, 10).await.outcome, ReserveOutcome::Reserved(..));
            let two = matches!(bench.reserve(&["A2", "A3"], 2, 10).await.outcome, ReserveOutcome::Reserved(..));
            assert_eq!((one, two), (free, free), "{} at {millis} ms", bench.engine);
        }
        bench.world.at(20_000);
        assert!(
            matches!(bench.book(&["A1", "A2"], 3, None).await.outcome, BookOutcome::Booked(..)),
            "{}",
            bench.engine
        );
        // This holds also for a caller with another reservation.
        assert!(matches!(bench.book(&["A3"], 4, Some(7)).await.outcome, BookOutcome::Booked(..)), "{}", bench.engine);
    }
}

#[tokio::test]
async fn cart_keeps_its_seats_and_grows_all_or_nothing() {
    for bench in Bench::each().await {
        bench.reserve(&["A1"], 1, 100).await;
        bench.world.at(50_000);
        let Decision { outcome: ReserveOutcome::Reserved(held), .. } = bench.reserve(&["A1", "A2"], 1, 100).await
        else {
            panic!()
        };
        assert_eq!(held.seats[1].expires_at.as_secs() - held.seats[0].expires_at.as_secs(), 50, "{}", bench.engine);
        assert_eq!(held.expires_at, held.seats[0].expires_at, "the reservation ends with its first seat");
        assert!(matches!(bench.reserve(&["A1", "A2"], 1, 100).await.outcome, ReserveOutcome::AlreadyReserved(..)));
        bench.reserve(&["B1"], 2, 100).await;
        assert!(matches!(bench.reserve(&["A1", "A3", "B1"], 1, 100).await.outcome, ReserveOutcome::Refused(conflicts)
            if conflicts.len() == 1));
        assert_eq!(bench.states().await[2], AVAILABLE);
        // A1 expires. The cart reserves it again, and A2 keeps its expiry.
        bench.world.at(100_000);
        let Decision { outcome: ReserveOutcome::Reserved(held), .. } = bench.reserve(&["A1", "A2"], 1, 100).await
        else {
            panic!()
        };
        assert_eq!(held.seats[0].expires_at.as_secs() - held.seats[1].expires_at.as_secs(), 50);
    }
}

#[tokio::test]
async fn every_write_raises_the_stamp_with_any_clock() {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    for bench in Bench::each().await {
        // The reservation has expired. Its writer's clock was five seconds ahead.
        let ahead = START.as_millis() + 5_000;
        for label in ["A1", "A2", "A3", "B1", "B2", "B3"] {
            let put = bench.world.client.put_item().table_name(&bench.world.table);
            let put = put.item("pk", S("THEATER#1".into())).item("sk", S(format!("SEAT#{label}")));
            let put =
                put.item("status", S("reserved".into())).item("reservation_id", S(Uuid::from_u128(9).to_string()));
            let put = put.item("expires_at", N((START.seconds().as_secs() - 10).to_string()));
            put.item("changed_at", N(ahead.to_string())).send().await.unwrap();
        }
        let Decision { outcome: ReserveOutcome::Reserved(_), observed: one } = bench.reserve(&["A1"], 1, 60).await
        else {
            panic!()
        };
        let Decision { outcome: ReserveOutcome::Reserved(_), observed: several } =
            bench.reserve(&["A2", "A3"], 2, 60).await
        else {
            panic!()
        };
        let Decision { outcome: BookOutcome::Booked(_), observed: free } = bench.book(&["B1"], 3, None).await else {
            panic!()
        };
        let Decision { outcome: BookOutcome::Booked(_), observed: reserved } =
            bench.book(&["A2", "A3"], 4, Some(2)).await
        else {
            panic!()
        };
        // By now the seats' stamp is the current millisecond. An equal stamp doesn't count as higher.
        bench.world.at(5_000);
        let Decision { outcome: ReserveOutcome::Reserved(_), observed: equal } = bench.reserve(&["B2"], 5, 60).await
        else {
            panic!()
        };
        let Decision { outcome: BookOutcome::Booked(_), observed: booked } = bench.book(&["B3"], 6, None).await else {
            panic!()
        };
        let stamps = |learned: &[SlotUpdate]| {
            learned.iter().map(|seat| seat.slot.changed_at.as_millis() - ahead).collect::<Vec<_>>()
        };
        assert_eq!((stamps(&equal), stamps(&booked)), (vec![1], vec![1]), "{}", bench.engine);
        assert_eq!((stamps(&one), stamps(&several)), (vec![1], vec![1, 1]), "{}", bench.engine);
        assert_eq!((stamps(&free), stamps(&reserved)), (vec![1], vec![2, 2]), "{}", bench.engine);
        let slots = bench.store.slots(&bench.ctx, &bench.inventory).await.unwrap();
        let stored: Vec<_> = slots.iter().map(|slot| slot.changed_at.as_millis() - ahead).collect();
        assert_eq!(stored, [1, 2, 2, 1, 1, 1], "as the table has it, {}", bench.engine);
    }
}

#[tokio::test]
async fn write_with_a_lost_reply_is_recognized_as_own() {
    for bench in Bench::each().await {
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        assert!(
            matches!(bench.reserve(&["A1"], 1, 60).await.outcome, ReserveOutcome::Reserved(..)),
            "{}",
            bench.engine
        );
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        assert!(
            matches!(bench.reserve(&["A2", "A3"], 1, 60).await.outcome, ReserveOutcome::Reserved(..)),
            "{}",
            bench.engine
        );
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        assert!(matches!(bench.book(&["B1"], 1, None).await.outcome, BookOutcome::Booked(..)), "{}", bench.engine);
        // A state from before the request isn't taken for the request's own write.
        bench.proxy.next("TransactWriteItems", Fault::CutBefore);
        bench.world.at(1_000);
        assert!(matches!(bench.reserve(&["A1"], 1, 60).await.outcome, ReserveOutcome::AlreadyReserved(..)));
        bench.proxy.next("TransactWriteItems", Fault::CutBefore);
        assert!(matches!(bench.book(&["B1"], 1, None).await.outcome, BookOutcome::Replayed(..)));
    }
}

#[tokio::test]
async fn the_most_seats_of_one_call_fit_one_transaction() {
    for bench in Bench::each().await {
        let labels: Vec<_> = (0..49).map(|n| format!("R{n}")).collect();
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        bench.world.put_theater("large", "Large", &labels).await;
        let theater = TheaterId::parse("large").unwrap();
        let large = Inventory::of_theater(bench.store.layout(&bench.ctx, &theater).await.unwrap().unwrap());
        let seats = Selection::of(large.layout.seats(), &large.layout).unwrap();
        let reservation = ReservationId::new(Uuid::from_u128(1));
        let reserve = ReserveRequest {
            inventory: &large.id,
            seats: &seats,
            reservation,
            must_exist: false,
            owner: None,
            by: None,
            expires_in: 60,
            reservation_quota: None,
            offers: None,
        };
        assert!(matches!(
            bench.store.reserve(&bench.ctx, &reserve).await.unwrap().outcome,
            ReserveOutcome::Reserved(..)
        ));
        let booking = BookingId::new(Uuid::from_u128(1));
        let book = book_request(&large, &seats, booking);
        let from = BookableFrom::Anywhere(Some(reservation));
        assert!(matches!(bench.store.book(&bench.ctx, &book, from).await.unwrap().outcome, BookOutcome::Booked(..)));
        assert!(
            matches!(bench.store.book(&bench.ctx, &book, from).await.unwrap().outcome, BookOutcome::Replayed(booking)
            if booking.seats.len() == 49),
            "{}",
            bench.engine
        );
    }
}

#[tokio::test]
async fn layout_replaces_only_the_known_version() {
    for bench in Bench::each().await {
        let seats: Vec<_> = ["X1", "X2"].iter().map(|label| SeatLabel::parse(label).unwrap()).collect();
        let layout =
            |version| Layout::new(TheaterId::parse("new").unwrap(), "New".into(), version, seats.clone()).unwrap();
        let new = TheaterId::parse("new").unwrap();
        let known =
            async || bench.store.layout_to_replace(&bench.ctx, &new).await.unwrap().map(|existing| existing.known);
        let put = async |version, replaces| bench.store.put_layout(&bench.ctx, &layout(version), replaces).await;
        put(LayoutVersion::new(1), None).await.unwrap();
        let first = known().await;
        assert!(matches!(put(LayoutVersion::new(2), None).await, Err(PutLayoutError::Changed)), "{}", bench.engine);
        put(LayoutVersion::new(2), first).await.unwrap();
        assert!(matches!(put(LayoutVersion::new(3), first).await, Err(PutLayoutError::Changed)));
        // A lost reply is recognized here too, even if DynamoDB forgot the transaction.
        bench.proxy.forget_tokens();
        bench.proxy.next("TransactWriteItems", Fault::CutAfter);
        put(LayoutVersion::new(3), known().await).await.unwrap();
        let there = bench.store.layout(&bench.ctx, &TheaterId::parse("new").unwrap()).await.unwrap();
        assert_eq!(there, Some(layout(LayoutVersion::new(3))));
    }
}

#[tokio::test]
async fn a_hall_larger_than_a_page_is_read_whole() {
    for bench in Bench::each().await {
        // The items are large, because a page has 1 MB.
        let labels: Vec<_> = (0..60).map(|n| format!("P{n}")).collect();
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        bench.world.put_theater("heavy", "Heavy", &labels).await;
        for label in &labels {
            use aws_sdk_dynamodb::types::AttributeValue::{N, S};
            let put = bench.world.client.put_item().table_name(&bench.world.table);
            let put = put.item("pk", S("THEATER#heavy".into())).item("sk", S(format!("SEAT#{label}")));
            let put = put.item("status", S("booked".into())).item("changed_at", N("1".into()));
            put.item("ballast", S("x".repeat(30_000))).send().await.unwrap();
        }
        let layout = bench.store.layout(&bench.ctx, &TheaterId::parse("heavy").unwrap()).await.unwrap().unwrap();
        bench.proxy.take();
        let slots = bench.store.slots(&bench.ctx, &Inventory::of_theater(layout)).await.unwrap();
        assert!(slots.iter().all(|slot| slot.state == BOOKED));
        let pages = bench.proxy.take().len();
        assert!(pages >= 2, "{} read {pages} pages", bench.engine);
    }
}
