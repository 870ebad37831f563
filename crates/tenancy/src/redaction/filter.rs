//! Places in an item, as an output filter names them.

use jackfield_types::FilterAction;
use smallvec::SmallVec;

/// The most bytes and steps of a path.
const LONGEST: usize = 512;
const MOST_STEPS: usize = 64;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The field of this name, or the element of a list with this number.
    Named(Box<str>, Option<usize>),
    /// Any field, and any element of a list.
    Any,
    /// Any number of steps, also none.
    AnyNumber,
}

/// The places that a filter means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Box<[Step]>);

/// What is wrong with a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    #[error("an empty path means nothing")]
    Empty,
    #[error("a path has at most {LONGEST} bytes and {MOST_STEPS} steps")]
    TooLong,
    #[error("`{path}` has a step without a name")]
    EmptyStep { path: String },
    #[error("`{step}` is no step: `*` stands for a whole name only")]
    PartOfName { step: String },
    #[error("`{path}` ends with a backslash")]
    Escape { path: String },
    #[error("`{path}` begins with `$`, as an expression does")]
    Expression { path: String },
}

impl PathError {
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "write field names with dots between them; `**` means all of an item",
            Self::TooLong => "`**` stands for any number of steps",
            Self::EmptyStep { .. } => {
                "take the dot out that is too many, or write `\\.` for a dot in a name"
            }
            Self::PartOfName { .. } => {
                "for names that look alike use `sensitiveFieldPatterns`; write `\\*` for a star in a name"
            }
            Self::Escape { .. } => "write `\\\\` for a backslash in a name",
            Self::Expression { .. } => "leave `$json.` out; write `\\$` if the name begins so",
        }
    }
}

impl Path {
    pub(super) fn parse(path: &str) -> Result<Self, PathError> {
        let of_path = || path.to_owned();
        if path.is_empty() {
            return Err(PathError::Empty);
        }
        if path.len() > LONGEST {
            return Err(PathError::TooLong);
        }
        if path.starts_with('$') {
            return Err(PathError::Expression { path: of_path() });
        }
        let mut steps = Vec::new();
        let (mut name, mut stars) = (String::new(), 0);
        let mut characters = path.chars();
        loop {
            match characters.next() {
                Some('\\') => {
                    let escaped = characters.next();
                    name.push(escaped.ok_or_else(|| PathError::Escape { path: of_path() })?);
                }
                Some('*') => stars += 1,
                end @ (Some('.') | None) => {
                    steps.push(match (name.is_empty(), stars) {
                        (true, 0) => return Err(PathError::EmptyStep { path: of_path() }),
                        (true, 1) => Step::Any,
                        (true, 2) => Step::AnyNumber,
                        (false, 0) => {
                            let number = name.parse().ok();
                            Step::Named(std::mem::take(&mut name).into(), number)
                        }
                        (_, stars) => {
                            let step = format!("{name}{}", "*".repeat(stars));
                            return Err(PathError::PartOfName { step });
                        }
                    });
                    stars = 0;
                    if end.is_none() {
                        break;
                    }
                }
                Some(character) => name.push(character),
            }
        }
        if steps.len() > MOST_STEPS {
            return Err(PathError::TooLong);
        }
        Ok(Self(steps.into()))
    }
}

/// A filter that applies to the items at hand.
pub(super) type Filter<'a> = (&'a Path, FilterAction);

/// How far into which filters a walk through an item has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Positions(SmallVec<[(u32, u32); 8]>);

/// A step of a walk.
#[derive(Clone, Copy)]
pub(super) enum Into<'a> {
    Field(&'a str),
    Element(usize),
}

impl Positions {
    /// At the beginning of all filters.
    pub(super) fn begin(filters: &[Filter<'_>]) -> Self {
        let mut positions = Self::default();
        for filter in 0..filters.len() {
            // None has more than a few.
            positions.add(filters, u32::try_from(filter).unwrap_or(u32::MAX), 0);
        }
        positions
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a step leads, and what is done with what is there. Taking out comes before masking.
    pub(super) fn step(
        &self,
        filters: &[Filter<'_>],
        into: Into<'_>,
    ) -> (Self, Option<FilterAction>) {
        let mut next = Self::default();
        let mut action = None;
        for &(filter, at) in &self.0 {
            let Some((path, _)) = filters.get(filter as usize) else {
                continue;
            };
            let step = path.0.get(at as usize);
            let goes_on = match (step, into) {
                (None, _) => continue,
                (Some(Step::AnyNumber), _) => {
                    next.add(filters, filter, at);
                    continue;
                }
                (Some(Step::Any), _) => true,
                (Some(Step::Named(name, _)), Into::Field(field)) => **name == *field,
                (Some(Step::Named(_, number)), Into::Element(element)) => *number == Some(element),
            };
            if goes_on {
                next.add(filters, filter, at + 1);
            }
        }
        next.0.retain(|&mut (filter, at)| {
            let Some((path, does)) = filters.get(filter as usize) else {
                return false;
            };
            let is_end = at as usize == path.0.len();
            if is_end && action != Some(FilterAction::Remove) {
                action = Some(*does);
            }
            !is_end
        });
        (next, action)
    }

    /// Adds a position, and the one behind it if that is reached without a step.
    fn add(&mut self, filters: &[Filter<'_>], filter: u32, mut at: u32) {
        while !self.0.contains(&(filter, at)) {
            self.0.push((filter, at));
            let step = filters
                .get(filter as usize)
                .and_then(|(path, _)| path.0.get(at as usize));
            if step != Some(&Step::AnyNumber) {
                break;
            }
            at += 1;
        }
    }
}
