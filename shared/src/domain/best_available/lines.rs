//! Lines of points, straight or curved, for a row that isn't sorted along an axis.
//!
//! Most rows are one line across the hall or away from the stage, and sorting finds their order. For other rows, this
//! module joins near points to lines. A line never turns sharply, so a row that doubles back becomes several lines. A
//! row can have several valid *readings*. For example, a grid has lines across the hall and lines away from the
//! stage. Then the best reading is used.

use super::nearest::Nearest;
use crate::domain::seating_plan::Point;

/// A gap wider than this share of the row's usual gap is an aisle or a pillar.
pub(super) const WIDEST_GAP: f64 = 1.5;
/// Cosine of the sharpest turn of a line, 80 degrees.
///
/// A zigzag of staggered seats and a round table of five seats turn by less. The way around the end of two parallel
/// lines is two turns of 90 degrees, and 80 leaves room for rounded coordinates.
const SHARPEST_TURN: f64 = 0.173_648_177_666_930_33;
/// Number of near points that each point may be joined to. In a grid, these are all points around it.
const CANDIDATES: usize = 8;
/// Weight of a gap whose direction the reading doesn't prefer.
const OTHER_DIRECTION: f64 = 1.5;
/// Largest ratio at which the gaps of two readings count as equal.
const EQUAL_GAPS: f64 = 1.1;
/// Largest ratio at which a reading with wider gaps is used, if it goes across the hall and the other one doesn't.
const ACROSS_GAPS: f64 = 1.5;
/// Difference of [`Reading::across`] between lines across the hall and lines away from the stage.
const CLEARLY_ACROSS: f64 = 0.25;

/// Points that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Indexes of points.
    pub(super) points: Vec<usize>,
    /// `true` if the line continues from its last point to its first.
    pub(super) closed: bool,
}

impl Line {
    /// Returns the gap after each point. The last point of an open line has none.
    pub(super) fn gaps<'a>(&'a self, points: &'a [Point]) -> impl Iterator<Item = f64> + 'a {
        self.steps().map(|(from, to)| distance(points[from], points[to]))
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let next = self.points.iter().skip(1).chain(self.points.first().filter(|_| self.closed));
        self.points.iter().copied().zip(next.copied())
    }

    /// Splits the line at each gap wider than `widest`.
    pub(super) fn split(mut self, points: &[Point], widest: f64) -> Vec<Self> {
        if self.closed {
            let Some(cut) = self.gaps(points).position(|gap| gap > widest) else { return vec![self] };
            self.points.rotate_left(cut + 1);
            self.closed = false;
        }
        let near = |a: &usize, b: &usize| distance(points[*a], points[*b]) <= widest;
        self.points.chunk_by(near).map(|part| Self { points: part.to_vec(), closed: false }).collect()
    }
}

/// Finds the lines of points. The points differ and are sorted by x, then y.
///
/// Takes O(n log n) time. The result depends only on the places of the points. Gaps of any width remain in the lines.
#[expect(clippy::expect_used, reason = "the best one of several readings exists")]
pub(super) fn lines_of(points: &[Point], focal_point: Point) -> Vec<Line> {
    if let Some(line) = straight(points) {
        return vec![line];
    }
    let edges = edges(points);
    let readings = preferences(points, &edges, focal_point)
        .map(|preference| Reading::new(points, &edges, &preference, focal_point));
    best(&readings).expect("there are five readings").lines.clone()
}

/// Returns the median gap, the lower one of two.
pub(super) fn median(mut gaps: Vec<f64>) -> f64 {
    let half = gaps.len().saturating_sub(1) / 2;
    if gaps.is_empty() { 0.0 } else { *gaps.select_nth_unstable_by(half, f64::total_cmp).1 }
}

pub(super) fn distance(a: Point, b: Point) -> f64 {
    Vector::between(a, b).length()
}

/// Sorts points along the axis of their wider spread. Returns `None` if they aren't one line along it.
fn straight(points: &[Point]) -> Option<Line> {
    let extent = |of: fn(&Point) -> i32| {
        let values = || points.iter().map(of);
        values().max().unwrap_or_default() - values().min().unwrap_or_default()
    };
    let is_wide = extent(|point| point.x) >= extent(|point| point.y);
    let mut order: Vec<_> = (0..points.len()).collect();
    if !is_wide {
        order.sort_by_key(|index| (points[*index].y, points[*index].x));
    }
    let along = |pair: &[usize]| {
        let step = Vector::between(points[pair[0]], points[pair[1]]);
        if is_wide { step.x.abs() >= step.y.abs() } else { step.y.abs() >= step.x.abs() }
    };
    let is_line = order.windows(2).all(along) && order.windows(3).all(|p| goes_on(points, p[0], p[1], p[2]));
    is_line.then_some(Line { points: order, closed: false })
}

/// Checks that a line may go from `before` over `here` to `after`.
fn goes_on(points: &[Point], before: usize, here: usize, after: usize) -> bool {
    let (first, second) = (Vector::between(points[before], points[here]), Vector::between(points[here], points[after]));
    first.dot(second) >= SHARPEST_TURN * first.length() * second.length()
}

/// Two near points. `a` is the lower index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Edge {
    a: usize,
    b: usize,
}

fn edges(points: &[Point]) -> Vec<Edge> {
    let nearest = Nearest::new(points);
    let from = |a: usize| nearest.to(a, CANDIDATES).map(move |b| Edge { a: a.min(b), b: a.max(b) });
    let mut edges: Vec<_> = (0..points.len()).flat_map(from).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Directions that a reading prefers for its lines.
enum Preference {
    /// All directions alike.
    None,
    /// Within 45 degrees of this vector.
    Along(Vector),
    /// Across a spectator's line of sight.
    AcrossSight(Point),
    /// Along a spectator's line of sight.
    AlongSight(Point),
}

/// Returns the preferences to try: the two directions of a grid, found by its narrowest gap, and those of rows around
/// the stage.
fn preferences(points: &[Point], edges: &[Edge], focal_point: Point) -> [Preference; 5] {
    let narrowest = edges.iter().map(|edge| edge.vector(points)).min_by(|a, b| a.length().total_cmp(&b.length()));
    let along = narrowest.unwrap_or(Vector { x: 1.0, y: 0.0 });
    [
        Preference::None,
        Preference::Along(along),
        Preference::Along(Vector { x: -along.y, y: along.x }),
        Preference::AcrossSight(focal_point),
        Preference::AlongSight(focal_point),
    ]
}

impl Preference {
    fn weight(&self, points: &[Point], edge: Edge) -> f64 {
        let vector = edge.vector(points);
        let is_along = |other: Vector| vector.dot(other).abs() >= vector.cross(other).abs();
        let is_preferred = match self {
            Self::None => true,
            Self::Along(other) => is_along(*other),
            Self::AcrossSight(focal_point) => !is_along(edge.sight(points, *focal_point)),
            Self::AlongSight(focal_point) => is_along(edge.sight(points, *focal_point)),
        };
        if is_preferred { vector.length() } else { vector.length() * OTHER_DIRECTION }
    }
}

impl Edge {
    fn vector(self, points: &[Point]) -> Vector {
        Vector::between(points[self.a], points[self.b])
    }

    /// Returns 1 for neighbors side by side and 0 for neighbors behind each other, seen both from the hall's front
    /// and from the focal point.
    fn across(self, points: &[Point], focal_point: Point) -> f64 {
        let (vector, sight) = (self.vector(points), self.sight(points, focal_point));
        let from_the_stage = vector.cross(sight).abs() / sight.length().max(1.0);
        f64::midpoint(vector.x.abs(), from_the_stage) / vector.length()
    }

    fn sight(self, points: &[Point], focal_point: Point) -> Vector {
        Vector::between(focal_point, points[self.a])
    }
}

/// One way to join points to lines.
struct Reading {
    lines: Vec<Line>,
    /// Number of runs after the lines are split at wide gaps.
    runs: usize,
    /// Mean gap within the runs.
    gap: f64,
    /// Mean of [`Edge::across`] within the runs.
    across: f64,
}

impl Reading {
    /// Creates a reading by joining the nearest points first.
    fn new(points: &[Point], edges: &[Edge], preference: &Preference, focal_point: Point) -> Self {
        let mut weighed: Vec<_> = edges.iter().map(|edge| (preference.weight(points, *edge), *edge)).collect();
        weighed.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut links = vec![Links::default(); points.len()];
        for (_, Edge { a, b }) in weighed {
            if links[a].can_take(points, a, b) && links[b].can_take(points, b, a) {
                links[a].add(b);
                links[b].add(a);
            }
        }
        Self::of_lines(points, follow(&links), focal_point)
    }

    fn of_lines(points: &[Point], lines: Vec<Line>, focal_point: Point) -> Self {
        let widest = WIDEST_GAP * median(lines.iter().flat_map(|line| line.gaps(points)).collect());
        let runs: Vec<_> = lines.iter().flat_map(|line| line.clone().split(points, widest)).collect();
        let edges: Vec<_> = runs.iter().flat_map(Line::steps).map(|(a, b)| Edge { a, b }).collect();
        #[allow(clippy::cast_precision_loss, reason = "a count of seats")]
        let mean = |sum: f64| sum / edges.len().max(1) as f64;
        let across = mean(edges.iter().map(|edge| edge.across(points, focal_point)).sum());
        let gap = mean(edges.iter().map(|edge| edge.vector(points).length()).sum());
        Self { runs: runs.len(), lines, gap: if edges.is_empty() { f64::INFINITY } else { gap }, across }
    }
}

/// Chooses a reading: narrow gaps first, then few runs, then lines across the hall. A reading across the hall may
/// have slightly wider gaps.
fn best(readings: &[Reading]) -> Option<&Reading> {
    let narrowest = readings.iter().map(|reading| reading.gap).min_by(f64::total_cmp)?;
    let within = |ratio: f64| readings.iter().filter(move |reading| reading.gap <= ratio * narrowest);
    let best = within(EQUAL_GAPS).min_by(|a, b| a.runs.cmp(&b.runs).then(b.across.total_cmp(&a.across)))?;
    let across = within(ACROSS_GAPS).max_by(|a, b| a.across.total_cmp(&b.across))?;
    let is_wider = across.gap > EQUAL_GAPS * narrowest;
    Some(if is_wider && across.across > best.across + CLEARLY_ACROSS { across } else { best })
}

/// The points that a point is joined to, at most two.
#[derive(Clone, Copy, Debug, Default)]
struct Links([Option<usize>; 2]);

impl Links {
    fn can_take(self, points: &[Point], here: usize, next: usize) -> bool {
        match self.0 {
            [None, _] => true,
            [Some(before), None] => goes_on(points, before, here, next),
            [Some(_), Some(_)] => false,
        }
    }

    fn add(&mut self, next: usize) {
        let free = self.0.iter_mut().find(|link| link.is_none());
        if let Some(free) = free {
            *free = Some(next);
        }
    }

    fn other_than(self, before: Option<usize>) -> Option<usize> {
        self.0.into_iter().flatten().filter(|next| Some(*next) != before).min()
    }

    fn is_end(self) -> bool {
        self.0[1].is_none()
    }
}

/// Follows the links, first from each open end, then around closed lines.
fn follow(links: &[Links]) -> Vec<Line> {
    let mut is_followed = vec![false; links.len()];
    let ends = (0..links.len()).filter(|start| links[*start].is_end());
    let mut lines = Vec::new();
    for start in ends.chain(0..links.len()) {
        if is_followed[start] {
            continue;
        }
        let (mut line, mut before, mut here) = (Vec::new(), None, Some(start));
        while let Some(point) = here.filter(|point| !is_followed[*point]) {
            is_followed[point] = true;
            line.push(point);
            here = links[point].other_than(before);
            before = Some(point);
        }
        lines.push(Line { points: line, closed: !links[start].is_end() });
    }
    lines
}

#[derive(Clone, Copy)]
struct Vector {
    x: f64,
    y: f64,
}

impl Vector {
    fn between(from: Point, to: Point) -> Self {
        Self { x: f64::from(to.x) - f64::from(from.x), y: f64::from(to.y) - f64::from(from.y) }
    }

    fn length(self) -> f64 {
        f64::hypot(self.x, self.y)
    }

    fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }
}
