//! Tests of windows and of the first opening.

use proptest::prelude::*;

use super::*;

fn at(second: u64) -> Option<EpochSeconds> {
    Some(EpochSeconds::new(second))
}

fn terms(
    state: SaleState,
    opens: Option<EpochSeconds>,
    closes: Option<EpochSeconds>,
    booking: Option<EpochSeconds>,
) -> SaleTerms {
    SaleTerms::new(state, opens, closes, booking).unwrap()
}

fn reason(
    terms: SaleTerms,
    selling: Selling,
    now: u64,
    default_end: Option<EpochSeconds>,
) -> Option<(NotOnSaleReason, Option<EpochSeconds>)> {
    let refusal = terms.check(selling, EpochMillis::new(now), default_end).err()?;
    Some((refusal.reason, refusal.opens_at))
}

#[test]
fn wrong_order_names_the_field() {
    let of = |opens, closes, booking| {
        SaleTerms::new(SaleState::Open, opens, closes, booking).err().map(|wrong| wrong.to_string())
    };
    assert_eq!(of(at(1), at(2), at(2)), None);
    assert_eq!(of(at(2), at(2), None).unwrap(), "closes_at: expected an instant after opens_at");
    assert_eq!(of(None, at(2), at(1)).unwrap(), "booking_closes_at: expected an instant not before closes_at");
    assert_eq!(of(at(2), None, at(2)).unwrap(), "booking_closes_at: expected an instant after opens_at");
    assert_eq!(of(None, None, at(0)), None);
}

#[test]
fn windows_are_half_open_to_the_millisecond() {
    let sale = terms(SaleState::Open, at(100), at(200), at(260));
    let not_yet = Some((NotOnSaleReason::NotYet, at(100)));
    let closed = Some((NotOnSaleReason::Closed, None));
    for (now, reserve, book) in [
        (99_999, not_yet, not_yet),
        (100_000, None, None),
        (199_999, None, None),
        (200_000, closed, None),
        (259_999, closed, None),
        (260_000, closed, closed),
    ] {
        assert_eq!(reason(sale, Selling::Reserve, now, None), reserve, "{now}");
        assert_eq!(reason(sale, Selling::Book, now, None), book, "{now}");
    }
}

#[test]
fn sale_without_end_closes_with_the_show_or_never() {
    let sale = terms(SaleState::Open, None, None, at(300));
    let closed = Some((NotOnSaleReason::Closed, None));
    assert_eq!(reason(sale, Selling::Reserve, u64::MAX, None), None);
    assert_eq!(reason(sale, Selling::Book, u64::MAX, None), None);
    assert_eq!(reason(sale, Selling::Reserve, 199_999, at(200)), None);
    assert_eq!(reason(sale, Selling::Reserve, 200_000, at(200)), closed);
    assert_eq!(reason(sale, Selling::Book, 299_999, at(200)), None);
    assert_eq!(reason(sale, Selling::Book, 300_000, at(200)), closed);
    // A show that was moved past the end of bookings.
    assert_eq!(reason(sale, Selling::Book, 399_999, at(400)), None);
    let own_end = terms(SaleState::Open, None, at(100), None);
    assert_eq!(reason(own_end, Selling::Reserve, 150_000, at(200)), closed);
}

#[test]
fn sale_that_opens_after_the_show_promises_no_opening() {
    let sale = terms(SaleState::Open, at(300), None, None);
    assert_eq!(reason(sale, Selling::Reserve, 0, at(200)), Some((NotOnSaleReason::Closed, None)));
    assert_eq!(reason(sale, Selling::Reserve, 0, at(301)), Some((NotOnSaleReason::NotYet, at(300))));
}

#[test]
fn paused_sale_sells_nothing_and_closed_sale_books_until_its_end() {
    let paused = terms(SaleState::Paused, None, None, at(200));
    let closed = terms(SaleState::Closed, None, None, at(200));
    let shut = terms(SaleState::Closed, None, at(200), None);
    for selling in [Selling::Reserve, Selling::Book] {
        assert_eq!(reason(paused, selling, 100_000, None), Some((NotOnSaleReason::Paused, None)));
        assert_eq!(reason(shut, selling, 100_000, None), Some((NotOnSaleReason::Closed, None)));
        assert_eq!(reason(closed, selling, 200_000, None), Some((NotOnSaleReason::Closed, None)));
    }
    assert_eq!(reason(closed, Selling::Book, 199_999, None), None);
    assert!(closed.check(Selling::Reserve, EpochMillis::new(199_999), None).is_err());
}

#[test]
fn default_sale_is_always_open() {
    let sale = Sale::default();
    assert!(sale.terms.on_sale(EpochMillis::new(0), None) && sale.terms.on_sale(EpochMillis::new(u64::MAX), None));
    assert!(!sale.nothing_sold_before(EpochMillis::new(0)));
}

#[test]
fn first_opening_moves_only_while_it_is_far() {
    let opening = |second| terms(SaleState::Open, at(second), None, None);
    let margin = REPLACED_SALE_LASTS.as_secs();
    let sale = Sale::first(opening(1_000));
    assert!(sale.nothing_sold_before(EpochMillis::new(999_999)));
    assert!(!sale.nothing_sold_before(EpochMillis::new(1_000_000)));
    let far = EpochMillis::new((1_000 - margin) * 1_000 - 1);
    let first = |sale: &Sale, opens, now| sale.replaced_by(opening(opens), now).unwrap().first_opens_at().as_secs();
    assert_eq!(first(&sale, 2_000, far), 2_000);
    assert_eq!(first(&sale, 2_000, far.next()), 1_000);
    let ends = terms(SaleState::Open, at(500), at(5_000), None);
    let past = sale.replaced_by(ends, EpochMillis::new(1_000_000)).unwrap();
    assert_eq!((past.terms, past.first_opens_at().as_secs()), (ends, 500));
    let paused = Sale::first(terms(SaleState::Paused, None, None, None));
    assert_eq!(paused.first_opens_at(), Sale::NEVER);
    assert_eq!(first(&paused, 5_000, far), 5_000);
}

#[test]
fn unforeseen_opening_waits_until_all_instances_know_it() {
    let now = EpochMillis::new(100_001);
    let wait = 101 + REPLACED_SALE_LASTS.as_secs();
    let announced = |opens| Sale::first(terms(SaleState::Open, at(opens), None, None));
    let never = Sale::first(terms(SaleState::Paused, at(5), None, None));
    for (sale, wanted, opens) in [
        (announced(1_000), None, at(wait)),
        (announced(1_000), at(50), at(wait)),
        (announced(1_000), at(wait), at(wait)),
        (announced(1_000), at(wait + 1), at(wait + 1)),
        (announced(110), None, at(110)),
        (announced(110), at(2_000), at(2_000)),
        (never, None, at(wait)),
        // Both openings are past, so nothing changes.
        (announced(100), at(90), at(100)),
        (announced(90), at(95), at(95)),
        (Sale::default(), None, None),
        (Sale::default(), at(7), at(7)),
    ] {
        let next = sale.replaced_by(terms(SaleState::Open, wanted, None, None), now).unwrap();
        assert_eq!(next.terms.opens_at(), opens, "{sale:?} {wanted:?}");
    }
    // Terms that sell nothing keep their opening.
    for state in [SaleState::Paused, SaleState::Closed] {
        let nothing = terms(state, at(5), None, None);
        assert_eq!(announced(1_000).replaced_by(nothing, now).unwrap().terms, nothing);
    }
    let payments = terms(SaleState::Closed, None, None, at(2_000));
    assert_eq!(announced(1_000).replaced_by(payments, now).unwrap().terms.opens_at(), at(wait));
}

#[test]
fn repeat_does_not_move_an_unforeseen_opening() {
    let announced = Sale::first(terms(SaleState::Open, at(1_000), None, None));
    for wanted in [None, at(40), at(100)] {
        let wanted = terms(SaleState::Open, wanted, at(3_000), None);
        let opened = announced.replaced_by(wanted, EpochMillis::new(100_000)).unwrap();
        for later in [100_001, 103_000, 124_999, 125_000, 2_000_000] {
            assert_eq!(opened.replaced_by(wanted, EpochMillis::new(later)), Ok(opened), "{later} {wanted:?}");
        }
        let other = terms(SaleState::Open, None, at(3_001), None);
        let other = opened.replaced_by(other, EpochMillis::new(126_000)).unwrap();
        assert_eq!((other.terms.opens_at(), other.terms.closes_at()), (None, at(3_001)));
    }
}

#[test]
fn sale_that_would_be_over_when_it_opens_is_refused() {
    let now = EpochMillis::new(100_000);
    let announced = Sale::first(terms(SaleState::Open, at(1_000), None, None));
    let opens_at = EpochSeconds::new(100) + REPLACED_SALE_LASTS;
    let refused = |field| Err(OverBeforeOpening { field, opens_at });
    for (state, closes, booking, field) in [
        (SaleState::Open, at(125), at(900), "closes_at"),
        (SaleState::Open, at(99), None, "closes_at"),
        (SaleState::Open, None, at(125), "booking_closes_at"),
        (SaleState::Closed, None, at(125), "booking_closes_at"),
    ] {
        let short = terms(state, None, closes, booking);
        assert_eq!(announced.replaced_by(short, now), refused(field), "{short:?}");
        assert!(Sale::default().replaced_by(short, now).is_ok(), "a sale that was open has no opening to wait for");
    }
    let long = terms(SaleState::Open, None, at(126), None);
    assert_eq!(announced.replaced_by(long, now).unwrap().terms.opens_at(), at(125));
    let refusal = announced.replaced_by(terms(SaleState::Open, None, at(125), None), now).unwrap_err();
    assert_eq!(refusal.to_string(), "closes_at: expected an instant after 1970-01-01T00:02:05Z, the earliest opening");
}

#[test]
fn theater_without_a_sale_was_always_open() {
    let now = EpochMillis::new(5_000);
    let opens = terms(SaleState::Open, at(1_000), None, None);
    let first = TheaterSale::put(None, opens, now).unwrap();
    assert_eq!((first.sale.terms, first.sale.first_opens_at()), (opens, EpochSeconds::new(0)));
    let second = TheaterSale::put(Some(&first), SaleTerms::default(), now).unwrap();
    assert!(second.version > first.version && second.sale == Sale::default());
}

#[test]
fn words_of_states_are_read_back() {
    for state in [SaleState::Open, SaleState::Paused, SaleState::Closed] {
        assert_eq!(SaleState::parse(state.as_str()), Some(state));
    }
    assert_eq!(SaleState::parse("Open"), None);
}

/// Returns the instant from which no instance has a sale that was replaced at `now`.
fn until_replaced(now: u64) -> u64 {
    now + u64::try_from(REPLACED_SALE_LASTS.as_millis()).unwrap()
}

fn any_terms() -> impl Strategy<Value = SaleTerms> {
    let state = prop_oneof![Just(SaleState::Open), Just(SaleState::Paused), Just(SaleState::Closed)];
    let instant = || prop::option::weighted(0.7, (0..200_u64).prop_map(EpochSeconds::new));
    (state, instant(), instant(), instant()).prop_filter_map("in order", |(state, opens, closes, booking)| {
        SaleTerms::new(state, opens, closes, booking).ok()
    })
}

proptest! {
    #[test]
    fn each_second_is_sold_by_the_window_alone(
        sale in any_terms(),
        default_end in prop::option::of(0..200_u64),
        now in 0..210_u64,
        ms in 0..1_000_u64,
    ) {
        let end = default_end.map(EpochSeconds::new);
        let closes = sale.closes_at().or(end).map_or(u64::MAX, EpochSeconds::as_secs);
        let open = sale.state() == SaleState::Open;
        let started = sale.opens_at().is_none_or(|opens| opens.as_secs() <= now);
        let reserve = open && started && now < closes;
        let booking = sale.booking_closes_at().map_or(0, EpochSeconds::as_secs);
        let book = match sale.state() {
            SaleState::Open => started && now < closes.max(booking),
            SaleState::Paused => false,
            SaleState::Closed => started && now < booking,
        };
        let instant = EpochMillis::new(now * 1_000 + ms);
        prop_assert_eq!(sale.check(Selling::Reserve, instant, end).is_ok(), reserve);
        prop_assert_eq!(sale.check(Selling::Book, instant, end).is_ok(), book);
        prop_assert_eq!(sale.on_sale(instant, end), reserve);
        for selling in [Selling::Reserve, Selling::Book] {
            if let Err(NotOnSale { reason, opens_at }) = sale.check(selling, instant, end) {
                prop_assert_eq!(opens_at.is_some(), reason == NotOnSaleReason::NotYet);
                let comes = opens_at.is_none_or(|opens| sale.check(selling, opens.into(), end).is_ok());
                prop_assert!(comes, "an opening that is promised comes");
            }
        }
    }

    /// A sale is in force from its request on, and for a while after the request that replaces it.
    #[test]
    fn nothing_is_sold_before_the_first_opening(
        first in any_terms(),
        later in prop::collection::vec((1..60_u64, any_terms()), 0..6),
        default_end in prop::option::of(0..200_u64),
        ms in 0..1_000_u64,
    ) {
        let mut sale = Sale::first(first);
        let mut from = 0;
        let mut sold: Vec<u64> = Vec::new();
        for (after, terms) in later.into_iter().map(|(after, terms)| (after, Some(terms))).chain([(60, None)]) {
            let now = from + after * 1_000 + ms;
            let next = terms.map(|terms| sale.replaced_by(terms, EpochMillis::new(now)));
            // A refused request changes nothing.
            let Ok(next) = next.transpose() else { continue };
            for instant in (from..until_replaced(now)).step_by(250) {
                for selling in [Selling::Reserve, Selling::Book] {
                    let end = default_end.map(EpochSeconds::new);
                    let sells = sale.terms.check(selling, EpochMillis::new(instant), end).is_ok();
                    sold.extend(sells.then_some(instant));
                }
            }
            if let Some(next) = next {
                // An instance with the old sale looks for first answers by the time when the new sale sells.
                for instant in (now..until_replaced(now)).step_by(250).map(EpochMillis::new) {
                    let sells = [Selling::Reserve, Selling::Book].map(|of| next.terms.check(of, instant, None).is_ok());
                    prop_assert!(sells == [false; 2] || !sale.nothing_sold_before(instant), "{:?} {:?}", sale, next);
                }
                sale = next;
                // The first opening holds for all that was sold so far.
                let done = sold.iter().min().copied();
                let first = sale.first_opens_at().as_secs() * 1_000;
                prop_assert!(done.is_none_or(|at| first <= at), "{:?} {:?}", done, sale);
                from = now;
            }
        }
        let done = sold.iter().min().copied();
        let known = done.is_none_or(|at| !sale.nothing_sold_before(EpochMillis::new(at)));
        prop_assert!(known, "{:?} {:?}", done, sale);
    }
}
