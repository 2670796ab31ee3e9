//! Choices: which seats were reserved for a wish (so many, the best), so that the same request isn't given others when it
//! comes again.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::items::{Item, attribute, choice_key, join, n, read_choice, s};
use super::reserve::ReserveRequest;
use super::{Store, StoreError};
use crate::rules::caller::{Owner, is_theirs};
use crate::rules::names::{ReservationId, SeatLabel, TheaterId};
use crate::rules::time::EpochMillis;
use crate::tally::Tally;

/// A choice that a request makes, under an id that it can be recognised by.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The request's id.
    pub id: Uuid,
    /// What was wished for, as text: another wish under the same id is another request.
    pub wish: &'a str,
    /// For how long it is remembered, in seconds: as long as its reservation can last.
    pub remembered: u32,
}

/// A choice that was made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenBefore {
    /// Its seats.
    pub seats: Vec<SeatLabel>,
    /// The reservation that they were reserved under.
    pub reservation: ReservationId,
    /// What had been wished for.
    pub wish: String,
    /// Names this very choice.
    pub token: Uuid,
}

/// A choice, and who asks for it.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceRef<'a> {
    /// Where.
    pub theater: &'a TheaterId,
    /// The request's id.
    pub id: Uuid,
    /// Who asks.
    pub owner: Option<Owner>,
}

impl Store {
    /// What was chosen for a request (one strongly consistent GetItem), if that is to be believed still.
    pub async fn choice(&self, wanted: &ChoiceRef<'_>, tally: &Tally) -> Result<Option<ChosenBefore>, StoreError> {
        let item = self.item(choice_key(wanted.theater, wanted.id), tally).await?;
        let Some(item) = item.filter(|item| !super::items::has_expired(item, self.clock.now())) else {
            return Ok(None);
        };
        chosen(&item, wanted.owner).map(Some)
    }
}

impl Choice<'_> {
    /// The write that remembers it, unless there is another that is to be believed.
    pub(super) fn item(
        &self,
        store: &Store,
        request: &ReserveRequest<'_>,
        token: Uuid,
        now: EpochMillis,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = choice_key(request.theater, self.id);
        item.insert(attribute::SEATS.to_owned(), s(join(request.seats.labels())));
        item.insert(attribute::RESERVATION_ID.to_owned(), s(request.reservation.to_string()));
        item.insert(attribute::WISH.to_owned(), s(self.wish));
        item.insert(attribute::REQUEST_TOKEN.to_owned(), s(token.to_string()));
        item.insert(attribute::EXPIRES_AT.to_owned(), n(now.ends_after(self.remembered).0));
        if let Some(owner) = request.owner {
            item.insert(attribute::OWNER.to_owned(), s(owner.0.to_string()));
        }
        let values = HashMap::from([(":now".to_owned(), n(now.seconds().0))]);
        store.put_if(item, "attribute_not_exists(pk) OR expires_at <= :now", Some(values))
    }

    /// What stood in the way of remembering it: a choice made before, unless this request made it itself. Somebody else's
    /// under the same id has another wish than any.
    pub(super) fn made_before(
        request: &ReserveRequest<'_>,
        item: &Item,
        own: Uuid,
    ) -> Result<Option<ChosenBefore>, StoreError> {
        let before = chosen(item, request.owner)?;
        Ok((before.token != own).then_some(before))
    }
}

fn chosen(item: &Item, by: Option<Owner>) -> Result<ChosenBefore, StoreError> {
    let (mut before, owner) = read_choice(item)?;
    if !is_theirs(owner, by) {
        before.wish.clear();
    }
    Ok(before)
}
