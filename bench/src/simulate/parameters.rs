//! The simulated venue, its crowd, and the stack that serves it. Each default names its source.
//!
//! *measured*: on this project's engines, as docs/scaling.md describes. *cited*: from the documentation of AWS, with
//! the address in docs/scaling.md. *ledger*: the limit of a request, which tests enforce by counting at proxies.
//! *assumed*: unknown, so replace it with your own figures.

use serde::Serialize;

/// The parameters of one on-sale.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parameters {
    /// The same seed gives the same on-sale, down to the last request.
    pub(crate) seed: u64,
    /// Seconds until the sale ends, sold out or not.
    pub(crate) horizon: u32,
    pub(crate) venue: Venue,
    pub(crate) crowd: Crowd,
    pub(crate) stack: Stack,
}

/// The seats on sale.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Venue {
    /// The number of seats, at most 65,535. The best come first.
    pub(crate) seats: u16,
    /// Bytes that an available seat adds to an answer: measured, with labels such as `"A-12-7",`.
    pub(crate) answer_bytes: f64,
    /// Seconds that a reservation lasts: the default of `expires_in`.
    pub(crate) reservation: u32,
}

/// The buyers. All of their parameters are assumed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Crowd {
    /// The number of people.
    pub(crate) people: u32,
    /// The share of people who wait for the opening and arrive within `opening` seconds. The others arrive later, with
    /// an exponential distribution and on average `late` seconds after the opening.
    pub(crate) at_opening: f64,
    /// Seconds.
    pub(crate) opening: f64,
    /// Seconds.
    pub(crate) late: f64,
    /// Average seconds between two reads. Each pause is between 0.5 and 1.5 times as long.
    pub(crate) poll: f64,
    /// The same once no seat is available.
    pub(crate) poll_sold_out: f64,
    /// The share of reads after which a person tries to reserve seats.
    pub(crate) tries: f64,
    /// Average seconds from seeing the seats to requesting them (exponential). Others may take the seats meanwhile.
    pub(crate) thinking: f64,
    /// The shares of people who want one, two, three and four seats.
    pub(crate) wanted: [f64; 4],
    /// The popularity of the best seats. A person picks the available seat at a random share of the list, raised to
    /// this power. 1 means no preference.
    pub(crate) popularity: f64,
    /// The share of reservations that are left to expire.
    pub(crate) abandon: f64,
    /// Seconds from a reservation to its booking: 1/3 to 5/3 of this.
    pub(crate) paying: f64,
    /// Average seconds until a person gives up (exponential). A person with reserved seats doesn't give up.
    pub(crate) patience: f64,
    /// Seconds from a rejection to the first repeat. The pause then doubles up to `longest_pause`, with jitter.
    pub(crate) pause: f64,
    /// Seconds.
    pub(crate) longest_pause: f64,
}

/// The services. Rates are per second, and times are in milliseconds unless another unit is named.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stack {
    /// Requests that API Gateway accepts: cited, the default quota of an account.
    pub(crate) gateway_rate: f64,
    /// The burst above that rate: cited.
    pub(crate) gateway_burst: f64,
    /// Reads that the stage accepts, and their burst: `ReadRate` and `ReadBurst` of the template, set to what the
    /// account's usual quota allows.
    pub(crate) read_rate: f64,
    pub(crate) read_burst: f64,
    /// The same for reserve and for book, each: `WriteRate` and `WriteBurst`.
    pub(crate) write_rate: f64,
    pub(crate) write_burst: f64,
    /// Requests that Lambda handles at once: cited, the default quota of an account.
    pub(crate) concurrency: u32,
    /// The part of the concurrency that reads can't use, so that sales continue: `ReservedReserve` and `ReservedBook`
    /// of the template.
    pub(crate) reserved_for_writes: u32,
    /// Instances that a function may start in 10 seconds: cited.
    pub(crate) instances_per_10_s: f64,
    /// Instances of each function that are warm from the start: provisioned concurrency.
    pub(crate) provisioned: u32,
    /// A cold start. The process takes 2 to 4 ms (measured). Lambda's own part is assumed.
    pub(crate) cold_start: f64,
    /// MB of each function: the template's default.
    pub(crate) memory: f64,
    /// Processor time of a read, in microseconds of a whole processor: measured.
    pub(crate) look_cpu: f64,
    /// The same for each seat, except for a 304 from the header alone: measured.
    pub(crate) look_cpu_a_seat: f64,
    /// The same for a write: measured.
    pub(crate) write_cpu: f64,
    /// A round trip to the cache within a zone: assumed.
    pub(crate) cache_trip: f64,
    /// A round trip to DynamoDB: assumed.
    pub(crate) table_trip: f64,
    /// The round trip between a client and API Gateway, including API Gateway itself: assumed.
    pub(crate) network: f64,
    /// The limits of the cache.
    pub(crate) cache: Cache,
    /// The cost of a 304.
    pub(crate) not_modified: NotModified,
    /// Time limit for the cache: the default of `CACHE_DEADLINE_MS`.
    pub(crate) cache_deadline: f64,
    /// The time for which an instance skips the cache after a failure: the first pause of the circuit breaker.
    pub(crate) breaker: f64,
    /// The parts of a theater's availability. Each has its own key and hash slot, and a read needs one of them.
    pub(crate) sections: u16,
    /// Reads return only the changes since the caller's last read.
    pub(crate) deltas: bool,
    /// The remaining share of an answer's bytes after compression. 1 means no compression.
    pub(crate) compression: f64,
    /// The time for which an instance reuses a cached answer. 0 means that it reads the cache each time.
    pub(crate) kept_by_instance: f64,
    /// DynamoDB partitions among which the sort keys distribute a theater's seats.
    pub(crate) partitions: u16,
    /// Write units of a partition: cited.
    pub(crate) partition_writes: f64,
    /// Read units of a partition: cited.
    pub(crate) partition_reads: f64,
    /// The time that a write waits for units before it returns 503: `DYNAMODB_TOTAL_TIMEOUT_MS` minus the time of the
    /// decision.
    pub(crate) table_patience: f64,
    /// Bytes of a seat's item: between the 109 of a booked seat and the 180 of a reserved seat,
    /// docs/scaling/growth.json.
    pub(crate) item_bytes: f64,
    /// Reservations have no id, so the cache may reject them early.
    pub(crate) refuses_early: bool,
    /// A CDN in front of reads.
    pub(crate) edge: Option<Edge>,
    /// People per second whom a waiting room admits.
    pub(crate) waiting_room: Option<f64>,
}

/// The limits of the cache. The one that is reached first applies.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cache {
    pub(crate) name: &'static str,
    /// Bytes a second of one key's shard.
    pub(crate) bytes: f64,
    /// Calls a second of one key's shard.
    pub(crate) calls: f64,
    /// Billed by ECPU instead of by the hour.
    pub(crate) serverless: bool,
    /// The number of nodes that are billed by the hour.
    pub(crate) nodes: f64,
}

/// The cost of a 304.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum NotModified {
    /// The whole string is read and the answer built for comparison.
    WholeString,
    /// The header shows that nothing has changed.
    HeaderOnly,
}

/// A CDN in front of reads.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Edge {
    /// The lifetime of a cached answer.
    pub(crate) lifetime: f64,
    /// Edge locations. Each caches and renews its own answer.
    pub(crate) places: u16,
    /// Requests that the CDN accepts: cited, CloudFront's default quota of a distribution.
    pub(crate) rate: f64,
}

/// ElastiCache Serverless: 30,000 ECPU a second for one hash slot, and one ECPU for each KB (both cited).
pub(crate) const SERVERLESS: Cache =
    Cache { name: "serverless", bytes: 30_000.0 * 1_024.0, calls: 30_000.0, serverless: true, nodes: 0.0 };

/// A node of type cache.m7g.large: its baseline bandwidth of 0.937 Gbit/s (cited) and 50,000 calls a second of Valkey
/// (assumed, with GETs of 120 KB measured at 27 µs each).
pub(crate) const NODE: Cache =
    Cache { name: "cache.m7g.large", bytes: 0.937e9 / 8.0, calls: 50_000.0, serverless: false, nodes: 1.0 };

impl Default for Parameters {
    /// Returns ten thousand seats, a million people, and the template with its default resources.
    fn default() -> Self {
        Self { seed: 1, horizon: 3_600, venue: Venue::default(), crowd: Crowd::default(), stack: Stack::default() }
    }
}

impl Default for Venue {
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
