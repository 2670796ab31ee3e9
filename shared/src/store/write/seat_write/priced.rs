//! The parts of a seat's write that concern its price.

use super::{IS_AVAILABLE, PRICE_ATTRIBUTES, SeatHolder, SeatWrite, owner_condition};
use crate::domain::ids::OwnedBookingId;
use crate::domain::lines::FixedPrice;
use crate::domain::seat_state::table_status::RESERVED;
use crate::domain::time::EpochMillis;
use crate::store::schema::money::price_values;
use crate::store::schema::{attribute, s};

/// States from which a seat with a price may be booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum PricedFrom {
    /// The seat is reserved under the own reservation at this price, or it is available.
    Anywhere,
    /// Only from the own reservation, even if it has expired.
    OwnReservation,
}

impl SeatWrite {
    /// Sets the price of a seat that is being reserved, and removes what is left of an earlier price.
    pub(in crate::store) fn with_price(mut self, fixed: Option<&FixedPrice>) -> Self {
        for (attribute, name, value) in fixed.into_iter().flat_map(price_values) {
            self = self.set(attribute, name, value);
        }
        self.without_price()
    }

    /// Removes the price of a seat, unless this update sets it.
    pub(in crate::store) fn without_price(mut self) -> Self {
        let is_set = |attribute: &&str| self.sets.iter().any(|(set, _)| set == attribute);
        self.removes.extend(PRICE_ATTRIBUTES.into_iter().filter(|attribute| !is_set(attribute)));
        self
    }

    /// Books a seat of an inventory with prices that is reserved under this caller's reservation at this price, or that
    /// is available.
    ///
    /// A reservation that has expired still has its price while its item is there. So a seat of the own reservation is
    /// never booked as an available one. Repeating it changes nothing, because a booked seat is neither available nor
    /// reserved.
    pub(in crate::store) fn book_at_price(
        booking: OwnedBookingId,
        reservation: &SeatHolder,
        fixed: Option<&FixedPrice>,
        from: PricedFrom,
        stamp: EpochMillis,
        now: EpochMillis,
    ) -> Self {
        let mut write = Self::make_booked(booking, stamp).without_price();
        let owner = owner_condition(reservation.owner, &mut write.values);
        let own = format!("(#status = :reserved AND reservation_id = :reservation AND {owner})");
        let write = write.value(":reservation", s(reservation.reservation.to_string()));
        let (write, at_price) = write.price_condition(fixed);
        match from {
            PricedFrom::Anywhere => write.availability_values(now).condition(format!(
                "attribute_not_exists(pk) OR (changed_at < :stamp AND (({own} AND {at_price}) OR \
                ({IS_AVAILABLE} AND NOT {own})))"
            )),
            PricedFrom::OwnReservation => {
                write.value(":reserved", s(RESERVED)).condition(format!("changed_at < :stamp AND {own} AND {at_price}"))
            }
        }
    }

    /// Adds to the condition that the seat is reserved at this price, and removes the price.
    pub(in crate::store) fn if_reserved_at(self, fixed: Option<&FixedPrice>) -> Self {
        let (mut write, at_price) = self.without_price().price_condition(fixed);
        write.condition = format!("{} AND {at_price}", write.condition);
        write
    }

    /// Builds the condition that the seat has this price and ticket type. Adds its values.
    fn price_condition(mut self, fixed: Option<&FixedPrice>) -> (Self, String) {
        let mut conditions = Vec::with_capacity(PRICE_ATTRIBUTES.len());
        for (attribute, name, value) in fixed.into_iter().flat_map(price_values) {
            conditions.push(format!("{attribute} = {name}"));
            self = self.value(name, value);
        }
        match (fixed, conditions.len()) {
            (None, _) => conditions.push(format!("attribute_not_exists({})", attribute::PRICE)),
            (Some(_), 1) => conditions.push(format!("attribute_not_exists({})", attribute::TICKET_TYPE)),
            (Some(_), _) => {}
        }
        (self, conditions.join(" AND "))
    }
}
