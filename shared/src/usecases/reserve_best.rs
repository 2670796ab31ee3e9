//! Reserve the best seats that there are for a wish: choose, reserve, and choose again when somebody was faster.

use std::sync::Arc;

use uuid::Uuid;

use super::reserve::Attempt;
use super::{BoxOffice, GetSeatsError, ReserveError, Reserved, SeatsView, Source};
use crate::entropy;
use crate::rules::availability::Slot;
use crate::rules::best_available::{self, Shortage, Steering, Wish};
use crate::rules::caller::Caller;
use crate::rules::layout::Layout;
use crate::rules::names::{ReservationId, TheaterId};
use crate::rules::selection::{Conflict, Selection};
use crate::rules::text;
use crate::store::{Choice, ChoiceRef, ChosenBefore, ReserveRequest, StoreError};
use crate::tally::Tally;

/// How often seats are chosen before the caller is told that others are faster.
const TRIES: usize = 8;
/// From this try on what the cache says isn't believed any more.
const LOOK_FOR_ONESELF: usize = 3;
/// For how long a choice is remembered beyond the longest reservation, in seconds: clocks differ.
const REMEMBERED_LONGER: u32 = 60;

/// What a caller asks for.
#[derive(Debug)]
pub struct ReserveBest {
    /// Where.
    pub theater: TheaterId,
    /// How many seats, next to each other.
    pub quantity: usize,
    /// Only in this section.
    pub section: Option<String>,
    /// Only of this category.
    pub category: Option<String>,
    /// All for somebody in a wheelchair.
    pub accessible: bool,
    /// For how many seconds.
    pub expires_in: u32,
    /// Under which reservation; `None` makes one.
    pub reservation: Option<ReservationId>,
    /// By this the request is recognised when it comes again; `None` can't be.
    pub request: Option<Uuid>,
    /// Who asks.
    pub caller: Caller,
}

/// Why nothing was reserved.
#[derive(Debug, thiserror::Error)]
pub enum ReserveBestError {
    /// There is no such theater, or its seats couldn't be read.
    #[error(transparent)]
    GetSeats(#[from] GetSeatsError),
    /// The theater has other sections than that.
    #[error("no such section")]
    UnknownSection(Vec<String>),
    /// The theater has other categories than that.
    #[error("no such category")]
    UnknownCategory(Vec<String>),
    /// There aren't so many left together.
    #[error("not enough seats together")]
    NotEnough(Shortage),
    /// The id stood for another wish.
    #[error("the id stood for another wish")]
    IdReused,
    /// As with seats that the caller named.
    #[error(transparent)]
    Reserve(#[from] ReserveError),
}

impl BoxOffice {
    /// Reserves the best seats for a wish: a look (which the cache answers), then one write to DynamoDB, told to the cache; again
    /// where somebody else has taken a seat meanwhile.
    ///
    /// Repeating it under the same id is safe: what was chosen is remembered in the same transaction as it is reserved, so that
    /// a repeat finds those seats, and never others.
    pub async fn reserve_best(&self, ask: &ReserveBest, tally: &Tally) -> Result<Reserved, ReserveBestError> {
        let (mut layout, mut slots, source) = self.seen(&ask.theater, false, tally).await?;
        let reservation = ask.reservation.unwrap_or_else(|| ReservationId(entropy::new_id()));
        let seed = entropy::seed();
        let mut conflicts = Vec::new();
        for attempt in 0..TRIES {
            if attempt == LOOK_FOR_ONESELF {
                (layout, slots, _) = self.seen(&ask.theater, true, tally).await?;
            }
            let wish = ask.wish(&layout)?;
            let selection = match self.choose(&layout, &slots, &wish, seed, attempt) {
                Ok(selection) => selection,
                // They may all be gone to this very request.
                Err(shortage) => return self.remembered(ask, &layout, shortage, tally).await,
            };
            let text = ask.to_text();
            let shown = source == Source::Hit && attempt == 0;
            let request = self.request(ask, reservation, &selection, &text);
            match self.try_reserve(&layout, &request, shown, tally).await? {
                Attempt::Reserved(reserved) => return Ok(reserved),
                Attempt::ChosenBefore(before) => return self.again(ask, &layout, &before, tally).await,
                Attempt::Taken(taken) => {
                    note(&mut slots, &layout, &taken, self.clock.now());
                    conflicts = taken;
                }
            }
        }
        Err(ReserveError::SeatUnavailable(conflicts).into())
    }

    /// A look, for the stamps of its slots too.
    async fn seen(
        &self,
        theater: &TheaterId,
        consistent: bool,
        tally: &Tally,
    ) -> Result<(Arc<Layout>, Vec<Slot>, Source), GetSeatsError> {
        let SeatsView { layout, slots, source, .. } = self.seats_of(theater, consistent, tally).await?;
        let slots = slots.into_vec(&layout);
        Ok((layout, slots, source))
    }

    /// The best seats, or under contention some of the best: the more others are at it, and the more often one was too
    /// slow, the wider those are spread.
    fn choose(
        &self,
        layout: &Layout,
        slots: &[Slot],
        wish: &Wish,
        seed: u64,
        attempt: usize,
    ) -> Result<Selection, Shortage> {
        let now = self.clock.now();
        let available: Vec<_> = slots.iter().map(|slot| slot.is_available(now)).collect();
        let spread = best_available::spread(slots, now).max(if attempt == 0 { 0 } else { 8 << attempt });
        let steering = Steering { spread, seed: seed.wrapping_add(attempt as u64) };
        let positions = best_available::choose(layout.plan(), layout.neighbours(), &available, wish, steering)?;
        Ok(Selection::at(&positions, layout))
    }

    fn request<'a>(
        &self,
        ask: &'a ReserveBest,
        reservation: ReservationId,
        seats: &'a Selection,
        wish: &'a str,
    ) -> ReserveRequest<'a> {
        let remembered = self.terms.longest_reservation + REMEMBERED_LONGER;
        ReserveRequest {
            theater: &ask.theater,
            seats,
            reservation,
            owner: ask.caller.owner(),
            expires_in: ask.expires_in,
            allowance: self.allowance(&ask.caller),
            choice: ask.request.map(|id| Choice { id, wish, remembered }),
        }
    }

    /// Where no seats can be chosen: a repeated request is answered by what was chosen for it, any other by what there is.
    async fn remembered(
        &self,
        ask: &ReserveBest,
        layout: &Arc<Layout>,
        shortage: Shortage,
        tally: &Tally,
    ) -> Result<Reserved, ReserveBestError> {
        let before = match ask.request {
            None => None,
            Some(id) => {
                let wanted = ChoiceRef { theater: &ask.theater, id, owner: ask.caller.owner() };
                self.store.choice(&wanted, tally).await.map_err(ReserveError::Store)?
            }
        };
        match before {
            Some(before) => self.again(ask, layout, &before, tally).await,
            None => Err(ReserveBestError::NotEnough(shortage)),
        }
    }

    /// The seats that were chosen for the same request before, as if they had been named.
    async fn again(
        &self,
        ask: &ReserveBest,
        layout: &Arc<Layout>,
        before: &ChosenBefore,
        tally: &Tally,
    ) -> Result<Reserved, ReserveBestError> {
        let other = ask.reservation.is_some_and(|reservation| reservation != before.reservation);
        if other || before.wish != ask.to_text() {
            return Err(ReserveBestError::IdReused);
        }
        let selection = Selection::of(&before.seats, layout);
        let selection =
            selection.map_err(|unknown| ReserveError::Select(super::SelectError::SeatNotFound(unknown.0)))?;
        let request = ReserveRequest { choice: None, ..self.request(ask, before.reservation, &selection, "") };
        match self.try_reserve(layout, &request, false, tally).await? {
            Attempt::Reserved(reserved) => Ok(reserved),
            Attempt::Taken(conflicts) => Err(ReserveError::SeatUnavailable(conflicts).into()),
            Attempt::ChosenBefore(_) => {
                Err(ReserveError::Store(StoreError::Broken("a choice where none was made".to_owned())).into())
            }
        }
    }
}

impl ReserveBest {
    /// The wish in the layout's terms.
    fn wish(&self, layout: &Layout) -> Result<Wish, ReserveBestError> {
        let plan = layout.plan();
        let index = |place: Option<usize>| place.and_then(|place| u16::try_from(place).ok());
        // Compared in the form in which they are stored.
        let tidied = |name: &Option<String>| name.as_deref().map(|name| text::tidy(name).unwrap_or_default());
        let section = match &tidied(&self.section) {
            None => None,
            Some(name) => match index(plan.sections().iter().position(|section| section == name)) {
                None => return Err(ReserveBestError::UnknownSection(plan.sections().to_vec())),
                found => found,
            },
        };
        let category = match &tidied(&self.category) {
            None => None,
            Some(name) => match index(plan.categories().iter().position(|category| category.name == *name)) {
                None => {
                    let names = plan.categories().iter().map(|category| category.name.clone());
                    return Err(ReserveBestError::UnknownCategory(names.collect()));
                }
                found => found,
            },
        };
        Ok(Wish { quantity: self.quantity, section, category, accessible: self.accessible })
    }

    /// The wish as it is remembered: what makes another wish another request.
    fn to_text(&self) -> String {
        format!("{} {:?} {:?} {}", self.quantity, self.section, self.category, self.accessible)
    }
}

/// Notes in what was seen what a refusal has brought to light.
fn note(slots: &mut [Slot], layout: &Layout, taken: &[Conflict], now: crate::rules::time::EpochMillis) {
    for conflict in taken {
        let position = layout.position(conflict.seat.as_str()).and_then(|position| usize::try_from(position).ok());
        if let Some(slot) = position.and_then(|position| slots.get_mut(position)) {
            *slot = Slot { changed_at: now, state: conflict.state };
        }
    }
}
