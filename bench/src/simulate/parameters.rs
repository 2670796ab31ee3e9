//! What is simulated: a hall, a crowd, and the stack that serves it. Every default says where it comes from.
//!
//! *measured*: on this project's engines (docs/scaling.md tells how). *cited*: from the documentation of AWS, at the address in docs/scaling.md.
//! *ledger*: what a request may cost, held by tests that count at proxies. *assumed*: nobody knows; replace it by what you know.

use serde::Serialize;

/// One on-sale.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parameters {
    /// The same seed gives the same on-sale, to the last request.
    pub(crate) seed: u64,
    /// Seconds after which it is over, sold out or not.
    pub(crate) horizon: u32,
    /// What is sold.
    pub(crate) hall: Hall,
    /// Who wants it.
    pub(crate) crowd: Crowd,
    /// What serves them.
    pub(crate) stack: Stack,
}

/// What is sold.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Hall {
    /// Seats, at most 65,535. The best come first.
    pub(crate) seats: u16,
    /// Bytes that an available seat adds to an answer: measured, `"A-12-7",` and the like.
    pub(crate) answer_bytes: f64,
    /// Seconds a reservation lasts: the default of `expires_in`.
    pub(crate) reservation: u32,
}

/// Who wants it. All of this is assumed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Crowd {
    /// How many come.
    pub(crate) people: u32,
    /// The share of them that sits there at the opening, and arrives within `opening` seconds. The others come later and later,
    /// exponentially, `late` seconds after the opening on average.
    pub(crate) at_opening: f64,
    /// Seconds.
    pub(crate) opening: f64,
    /// Seconds.
    pub(crate) late: f64,
    /// Seconds between two looks, on average; from a half less to a half more.
    pub(crate) poll: f64,
    /// The same, once nothing can be had.
    pub(crate) poll_sold_out: f64,
    /// The share of looks after which somebody tries for seats.
    pub(crate) tries: f64,
    /// Seconds from seeing the seats to asking for them, on average (exponential). Meanwhile others may take them.
    pub(crate) thinking: f64,
    /// How many seats somebody wants: the shares of those who want one, two, three and four.
    pub(crate) wanted: [f64; 4],
    /// How popular the best seats are: 1 is not at all; the place in the order of the seats that can be had is a random share to this power.
    pub(crate) popularity: f64,
    /// The share of reservations that are left to run out.
    pub(crate) abandon: f64,
    /// Seconds from a reservation to its booking: from 1/3 to 5/3 of this.
    pub(crate) paying: f64,
    /// Seconds after which somebody gives up, on average (exponential). Whoever has seats reserved doesn't.
    pub(crate) patience: f64,
    /// Seconds after a refusal until the first repeat, then doubling up to `longest_pause`, with jitter.
    pub(crate) pause: f64,
    /// Seconds.
    pub(crate) longest_pause: f64,
}

/// What serves them. Rates are per second, times in milliseconds unless another unit is named.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stack {
    /// Requests that API Gateway lets through: cited, the default quota of an account.
    pub(crate) gateway_rate: f64,
    /// Requests that may come at once above it: cited.
    pub(crate) gateway_burst: f64,
    /// Looks that the stage lets through, and may come at once above that: `ReadRate` and `ReadBurst` of the template, by default.
    pub(crate) read_rate: f64,
    pub(crate) read_burst: f64,
    /// The same of reserve and of book, each: `WriteRate` and `WriteBurst`.
    pub(crate) write_rate: f64,
    pub(crate) write_burst: f64,
    /// Requests that Lambda works on at once: cited, the default quota of an account.
    pub(crate) concurrency: u32,
    /// Of these, how many looks can't have, so that selling goes on: `ReservedReserve` and `ReservedBook` of the template.
    pub(crate) reserved_for_writes: u32,
    /// Instances a function may start in 10 seconds: cited.
    pub(crate) instances_per_10_s: f64,
    /// Instances of each function that are warm from the start: provisioned concurrency.
    pub(crate) provisioned: u32,
    /// A cold start: the process takes 2 to 4 ms (measured), what Lambda does before that is assumed.
    pub(crate) cold_start: f64,
    /// MB of each function: the template's default.
    pub(crate) memory: f64,
    /// Processor time of a look, in microseconds of a whole processor: measured.
    pub(crate) look_cpu: f64,
    /// The same for each seat, unless a 304 is told by the header alone: measured.
    pub(crate) look_cpu_a_seat: f64,
    /// The same of a write: measured.
    pub(crate) write_cpu: f64,
    /// A round trip to the cache within a zone: assumed.
    pub(crate) cache_trip: f64,
    /// A round trip to DynamoDB: assumed.
    pub(crate) table_trip: f64,
    /// The way between a client and API Gateway, there and back, and API Gateway itself: assumed.
    pub(crate) network: f64,
    /// How the cache is limited.
    pub(crate) cache: Cache,
    /// What a 304 costs.
    pub(crate) not_modified: NotModified,
    /// How long a request waits for the cache: the default of `CACHE_DEADLINE_MS`.
    pub(crate) cache_deadline: f64,
    /// For how long an instance leaves a cache alone that failed: the breaker's first pause.
    pub(crate) breaker: f64,
    /// Parts into which a theater's availability is cut, each under a key in a slot of its own; a look asks for one of them.
    pub(crate) sections: u16,
    /// Looks are answered by what changed since the caller's last one.
    pub(crate) deltas: bool,
    /// What is left of an answer's bytes when it is compressed; 1 sends it as it is.
    pub(crate) compression: f64,
    /// How long an instance believes what it read from the cache; 0 asks each time.
    pub(crate) kept_by_instance: f64,
    /// Partitions of DynamoDB that a theater's seats are spread over by their sort keys.
    pub(crate) partitions: u16,
    /// Write units of a partition: cited.
    pub(crate) partition_writes: f64,
    /// Read units of a partition: cited.
    pub(crate) partition_reads: f64,
    /// How long a write waits for them before 503: `DYNAMODB_TOTAL_TIMEOUT_MS` less what deciding takes.
    pub(crate) table_patience: f64,
    /// Bytes of a seat's item: between a booked seat's 109 and a reserved one's 180, docs/scaling/growth.json.
    pub(crate) item_bytes: f64,
    /// Whether reserving bears no id, so that the cache may refuse it early.
    pub(crate) refuses_early: bool,
    /// A CDN before looks.
    pub(crate) edge: Option<Edge>,
    /// People whom a waiting room lets in, a second.
    pub(crate) waiting_room: Option<f64>,
}

/// How the cache is limited: by whichever of the two is used up first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cache {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Bytes a second of one key's shard.
    pub(crate) bytes: f64,
    /// Calls a second of one key's shard.
    pub(crate) calls: f64,
    /// Paid by the ECPU, or by the hour.
    pub(crate) serverless: bool,
    /// Nodes that are paid by the hour.
    pub(crate) nodes: f64,
}

/// What a 304 costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum NotModified {
    /// The whole string is read, and the answer made to be compared.
    WholeString,
    /// The header says that nothing changed.
    HeaderOnly,
}

/// A CDN before looks.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Edge {
    /// How long it keeps an answer.
    pub(crate) lifetime: f64,
    /// Places that each keep an answer of their own, and ask for it.
    pub(crate) places: u16,
    /// Requests that it takes: cited, CloudFront's default quota of a distribution.
    pub(crate) rate: f64,
}

/// ElastiCache Serverless: 30,000 ECPU a second for one slot, and one for each KB (both cited).
pub(crate) const SERVERLESS: Cache =
    Cache { name: "serverless", bytes: 30_000.0 * 1_024.0, calls: 30_000.0, serverless: true, nodes: 0.0 };

/// A node of type cache.m7g.large: its baseline bandwidth of 0.937 Gbit/s (cited), and a Valkey's 50,000 calls a second (assumed; GETs of 120 KB
/// took it 27 µs each, measured).
pub(crate) const NODE: Cache =
    Cache { name: "cache.m7g.large", bytes: 0.937e9 / 8.0, calls: 50_000.0, serverless: false, nodes: 1.0 };

impl Default for Parameters {
    /// Ten thousand seats, a million people, the template as it is deployed by default.
    fn default() -> Self {
        Self { seed: 1, horizon: 3_600, hall: Hall::default(), crowd: Crowd::default(), stack: Stack::default() }
    }
}

impl Default for Hall {
    fn default() -> Self {
        Self { seats: 10_000, answer_bytes: 9.4, reservation: 600 }
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self {
            people: 1_000_000,
            at_opening: 0.3,
            opening: 10.0,
            late: 240.0,
            poll: 4.0,
            poll_sold_out: 15.0,
            tries: 0.1,
            thinking: 4.0,
            wanted: [0.2, 0.5, 0.15, 0.15],
            popularity: 2.0,
            abandon: 0.2,
            paying: 90.0,
            patience: 300.0,
            pause: 1.0,
            longest_pause: 30.0,
        }
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self {
            gateway_rate: 10_000.0,
            gateway_burst: 5_000.0,
            read_rate: 5_000.0,
            read_burst: 2_500.0,
            write_rate: 1_000.0,
            write_burst: 500.0,
            concurrency: 1_000,
            reserved_for_writes: 0,
            instances_per_10_s: 1_000.0,
            provisioned: 0,
            cold_start: 150.0,
            memory: 512.0,
            look_cpu: 93.0,
            look_cpu_a_seat: 0.003,
            write_cpu: 600.0,
            cache_trip: 1.0,
            table_trip: 6.0,
            network: 40.0,
            cache: SERVERLESS,
            not_modified: NotModified::HeaderOnly,
            cache_deadline: 50.0,
            breaker: 500.0,
            sections: 1,
            deltas: false,
            compression: 1.0,
            kept_by_instance: 0.0,
            partitions: 1,
            partition_writes: 1_000.0,
            partition_reads: 3_000.0,
            table_patience: 4_000.0,
            item_bytes: 150.0,
            refuses_early: true,
            edge: None,
            waiting_room: None,
        }
    }
}
