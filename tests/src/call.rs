//! Calls of the API as events of API Gateway (HTTP API, payload 2.0).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use boxoffice::app::BoxOffice;
use boxoffice::http::router::{Operation, ROUTES, Route};
use serde_json::{Value, json};

use crate::delivery::{function_of, send_event};
use crate::reply::Reply;
use crate::setup::{ADMIN_SCOPE, STAFF_SCOPE};

/// The operations that need an administrator.
const ADMINISTRATORS_ONLY: [Operation; 5] =
    [Operation::PutTheater, Operation::DeleteTheater, Operation::PutShow, Operation::DeleteShow, Operation::PutSale];

/// One call of the API.
#[derive(Clone, Debug)]
pub struct Call {
    route: &'static str,
    head: bool,
    parameters: BTreeMap<&'static str, String>,
    query: String,
    headers: BTreeMap<String, String>,
    body: Option<Vec<u8>>,
    subject: Option<String>,
    scopes: Vec<&'static str>,
}

impl Call {
    /// Reads a theater's seats.
    pub fn get_seats(theater: &str) -> Self {
        Self::new(Operation::GetSeats, theater, None)
    }

    /// Reads a theater's seat map.
    pub fn map(theater: &str) -> Self {
        Self::new(Operation::GetMap, theater, None)
    }

    /// Reads the page of an error code.
    pub fn error_page(code: &str) -> Self {
        let mut call = Self::new(Operation::GetError, "", None);
        call.parameters = BTreeMap::from([("code", code.to_owned())]);
        call
    }

    /// Calls a route with valid parameters and the smallest valid body.
    pub fn of(operation: Operation) -> Self {
        let id = "0188c0de-0000-7000-8000-00000000b001";
        let route = Route::of(operation);
        let body = match operation {
            Operation::Reserve | Operation::Book => Some(r#"{"seat":"A1"}"#),
            Operation::Extend => Some(r#"{"expires_in":900}"#),
            Operation::PutTheater => Some(r#"{"name":"Theater_A","seats":["A1"]}"#),
            Operation::PutShow => Some(
                r#"{"theater_id":"1","title":"Tosca","starts_at":"2026-12-01T20:15:00+01:00","timezone":"Europe/Vienna"}"#,
            ),
            Operation::PutSale => Some(r#"{"state":"open"}"#),
            _ => None,
        };
        let mut call = Self::new(operation, "1", body.map(|body| body.as_bytes().to_vec()));
        call.parameters = route
            .parameters()
            .map(|name| {
                let value = match name {
                    "theaterId" | "showId" => "1",
                    "code" => "internal",
                    _ => id,
                };
                (name, value.to_owned())
            })
            .collect();
        if ADMINISTRATORS_ONLY.contains(&operation) { call.administrator() } else { call }
    }

    /// Sends the same call with the method `HEAD`.
    #[must_use]
    pub fn head(mut self) -> Self {
        self.head = true;
        self
    }

    pub fn reserve(theater: &str, body: &Value) -> Self {
        Self::new(Operation::Reserve, theater, Some(body.to_string().into()))
    }

    pub fn book(theater: &str, body: &Value) -> Self {
        Self::new(Operation::Book, theater, Some(body.to_string().into()))
    }

    /// Reads a reservation.
    pub fn reservation(theater: &str, id: &str) -> Self {
        Self::new(Operation::GetReservation, theater, None).parameter("reservationId", id)
    }

    /// Releases a reservation.
    pub fn release(theater: &str, id: &str) -> Self {
        Self::new(Operation::Release, theater, None).parameter("reservationId", id)
    }

    /// Extends a reservation.
    pub fn extend(theater: &str, id: &str, body: &Value) -> Self {
        Self::new(Operation::Extend, theater, Some(body.to_string().into())).parameter("reservationId", id)
    }

    /// Reads a booking.
    pub fn booking(theater: &str, id: &str) -> Self {
        Self::new(Operation::GetBooking, theater, None).parameter("bookingId", id)
    }

    /// Cancels a booking.
    pub fn cancel(theater: &str, id: &str) -> Self {
        Self::new(Operation::Cancel, theater, None).parameter("bookingId", id)
    }

    /// Lists theaters.
    pub fn theaters() -> Self {
        let mut call = Self::new(Operation::ListTheaters, "", None);
        call.parameters.clear();
        call
    }

    /// Reads a theater's layout.
    pub fn theater(theater: &str) -> Self {
        Self::new(Operation::GetTheater, theater, None)
    }

    /// Puts a theater's layout, as an administrator.
    pub fn put_theater(theater: &str, document: &Value) -> Self {
        Self::new(Operation::PutTheater, theater, Some(document.to_string().into())).administrator()
    }

    /// Deletes a theater, as an administrator.
    pub fn delete_theater(theater: &str) -> Self {
        Self::new(Operation::DeleteTheater, theater, None).administrator()
    }

    /// Lists shows.
    pub fn shows(query: &str) -> Self {
        let mut call = Self::new(Operation::ListShows, "", None);
        call.parameters.clear();
        call.query(query)
    }

    /// Reads a show.
    pub fn show(show: &str) -> Self {
        Self::new(Operation::GetShow, "", None).with_show(show)
    }

    /// Puts a show, as an administrator.
    pub fn put_show(show: &str, document: &Value) -> Self {
        Self::new(Operation::PutShow, "", Some(document.to_string().into())).with_show(show).administrator()
    }

    /// Deletes a show, as an administrator.
    pub fn delete_show(show: &str) -> Self {
        Self::new(Operation::DeleteShow, "", None).with_show(show).administrator()
    }

    /// Puts the sale of a theater, as an administrator.
    pub fn put_sale(theater: &str, document: &Value) -> Self {
        Self::new(Operation::PutSale, theater, Some(document.to_string().into())).administrator()
    }

    /// Makes the same call on the show with the id that named a theater: `Call::reserve("evening", ..).of_show()`.
    #[must_use]
    pub fn of_show(mut self) -> Self {
        let route = ROUTES.iter().find(|route| route.key == self.route).expect("a route");
        self.route = route.show_key.unwrap_or_else(|| panic!("shows have no {}", self.route));
        let id = self.parameters.get("theaterId").cloned().expect("a call of a theater");
        self.with_show(&id)
    }

    fn with_show(mut self, show: &str) -> Self {
        self.parameters.remove("theaterId");
        self.parameter("showId", show)
    }

    fn new(operation: Operation, theater: &str, body: Option<Vec<u8>>) -> Self {
        let mut headers = BTreeMap::from([("host".to_owned(), "api.example".to_owned())]);
        if body.is_some() {
            headers.insert("content-type".to_owned(), "application/json".to_owned());
        }
        let parameters = BTreeMap::from([("theaterId", theater.to_owned())]);
        let (route, head) = (Route::of(operation).key, false);
        Self { route, head, parameters, query: String::new(), headers, body, subject: None, scopes: vec![] }
    }

    fn parameter(mut self, name: &'static str, value: &str) -> Self {
        self.parameters.insert(name, value.to_owned());
        self
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_lowercase(), value.to_owned());
        self
    }

    /// Removes a header.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sets the query string.
    #[must_use]
    pub fn query(mut self, query: &str) -> Self {
        self.query = query.to_owned();
        self
    }

    /// Sets any bytes as the body. Bytes that aren't UTF-8 are sent as base64, as API Gateway does.
    #[must_use]
    pub fn raw_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Signs the caller in as this subject, as the API's authorizer does.
    #[must_use]
    pub fn signed_in(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    /// Signs the caller in as an administrator, who may change theaters.
    #[must_use]
    pub fn administrator(mut self) -> Self {
        self.scopes = vec!["openid", ADMIN_SCOPE];
        self.signed_in("administrator")
    }

    /// Signs the caller in as a member of the staff.
    #[must_use]
    pub fn staff(mut self) -> Self {
        self.scopes = vec!["openid", STAFF_SCOPE];
        self.signed_in("staff")
    }

    /// Gives the caller's token these scopes.
    #[must_use]
    pub fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    /// Removes the caller's token.
    #[must_use]
    pub fn signed_out(mut self) -> Self {
        self.subject = None;
        self
    }

    /// Returns the event that API Gateway would send.
    pub fn event(&self) -> Value {
        let (method, template) = self.route.split_once(' ').unwrap();
        let method = if self.head { "HEAD" } else { method };
        let key = format!("{method} {template}");
        let path = self
            .parameters
            .iter()
            .fold(format!("/v1{template}"), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        let mut event = json!({
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "pathParameters": self.parameters,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api-id",
                "domainName": "api.example",
                "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7",
                    "userAgent": "test" },
                "requestId": "JKJaXmPLvHcESHA=",
                "routeKey": key,
                "stage": "v1",
                "time": "12/Mar/2026:19:03:58 +0000",
                "timeEpoch": 1_773_342_238_000_u64,
            },
            "isBase64Encoded": false,
        });
        if let Some(subject) = &self.subject {
            event["requestContext"]["authorizer"] =
                json!({ "jwt": { "claims": { "sub": subject }, "scopes": self.scopes } });
            if self.scopes.is_empty() {
                event["requestContext"]["authorizer"]["jwt"]["scopes"] = Value::Null;
            }
        }
        if let Some(body) = &self.body {
            match std::str::from_utf8(body) {
                Ok(text) => event["body"] = json!(text),
                Err(_) => {
                    event["body"] = json!(STANDARD.encode(body));
                    event["isBase64Encoded"] = json!(true);
                }
            }
        }
        event
    }

    /// Returns the name of the function that serves the call.
    pub fn function(&self) -> &'static str {
        function_of(self.route).as_str()
    }

    /// Sends the call through the real handler of a box office.
    pub async fn send(&self, office: &BoxOffice) -> Reply {
        let event = self.event();
        send_event(office, event["routeKey"].as_str().unwrap(), &event.to_string()).await
    }
}
