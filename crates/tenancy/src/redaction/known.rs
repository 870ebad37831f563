//! The secrets that are known, ready to be looked for.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::noncontiguous::NFA;
use aho_corasick::{Anchored, Input, MatchKind};
use rustc_hash::FxHashSet;
use serde_json::Number;

use super::MASK;
use super::forms::LEAST_PART;

/// What messages put where they cut a text off.
const CUT: char = '…';

/// How much of a text is looked at before such a place. Messages show less.
const LONGEST_BEGINNING: usize = 4_096;

/// What to look for.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// In the midst of texts.
    parts: Option<NFA>,
    /// The same in lower case and in order, to find the beginnings of those that were cut off.
    beginnings: Vec<Box<str>>,
    /// By itself: what is too short for that.
    wholes: FxHashSet<Box<str>>,
    longest_whole: usize,
    /// Whether one of them could be a number.
    has_numbers: bool,
    /// There are more than can be looked for, so nothing may come out.
    is_overwhelmed: bool,
}

impl Known {
    /// Makes ready to look for these texts.
    pub(super) fn new<'a>(forms: impl Iterator<Item = &'a str>) -> Self {
        let mut known = Self::default();
        let mut parts = Vec::new();
        for form in forms {
            known.has_numbers |= form
                .bytes()
                .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
            // What is part of the mask itself would be found in everything that is masked.
            let is_of_mask = MASK.contains(&form.to_ascii_lowercase());
            if form.len() >= LEAST_PART && !is_of_mask {
                parts.push(form);
            } else {
                known.longest_whole = known.longest_whole.max(form.len());
                known.wholes.insert(form.into());
            }
        }
        if !parts.is_empty() {
            let beginnings = parts.iter().map(|part| part.to_ascii_lowercase().into());
            known.beginnings = beginnings.collect();
            known.beginnings.sort_unstable();
            // All matches, also those that overlap, so that nothing of a secret stays behind when
            // another one is masked. The kind of automaton is the one that is made fastest: it is
            // made anew for each execution, and often looks at little.
            let built = NFA::builder()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(true)
                .build(parts);
            match built {
                Ok(parts) => known.parts = Some(parts),
                Err(_) => known.is_overwhelmed = true,
            }
        }
        known
    }

    /// Lets nothing out.
    pub(super) fn overwhelmed() -> Self {
        Self {
            is_overwhelmed: true,
            ..Self::default()
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_none() && self.wholes.is_empty() && !self.is_overwhelmed
    }

    /// Whether a text holds a secret.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.is_overwhelmed
            || (text.len() <= self.longest_whole && self.wholes.contains(text))
            || self
                .parts
                .as_ref()
                .is_some_and(|parts| is_match(parts, text))
            || self.beginnings_in(text).next().is_some()
    }

    /// Where in a text the beginning of a secret stands that was cut off: a message shows no more
    /// than so much of a value, and what it shows of a long secret is not the secret.
    fn beginnings_in<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        let text_to_look_at = match self.beginnings.is_empty() {
            true => "",
            false => text,
        };
        let mut from = 0;
        text_to_look_at
            .match_indices(CUT)
            .filter_map(move |(end, cut)| {
                let begin = text.floor_char_boundary(end.saturating_sub(LONGEST_BEGINNING));
                let begin = begin.max(from);
                from = end + cut.len();
                let before = text.get(begin..end)?.to_ascii_lowercase();
                let last = before.len().checked_sub(LEAST_PART)?;
                let starts = before.char_indices().map(|(start, _)| start);
                let start = starts
                    .take_while(|&start| start <= last)
                    .find(|&start| self.is_beginning(&before[start..]))?;
                Some(begin + start..end)
            })
    }

    /// Whether something that is looked for begins with a text in lower case.
    fn is_beginning(&self, text: &str) -> bool {
        let place = self.beginnings.partition_point(|known| **known < *text);
        let next = self.beginnings.get(place);
        next.is_some_and(|known| known.starts_with(text))
    }

    /// Whether the text of a number holds a secret.
    pub(super) fn is_in_number(&self, number: &Number) -> bool {
        self.is_overwhelmed || (self.has_numbers && self.is_in(&number.to_string()))
    }

    /// The text with the secrets in it masked.
    pub(super) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.is_in(text) {
            return Cow::Borrowed(text);
        }
        let mut found: Vec<Range<usize>> = self.beginnings_in(text).collect();
        if let Some(parts) = &self.parts {
            found.extend(parts_in(parts, text));
        }
        if found.is_empty() {
            return Cow::Borrowed(MASK);
        }
        found.sort_by_key(|range| range.end);
        let mut masked: Vec<Range<usize>> = Vec::new();
        for range in found {
            add(&mut masked, range);
        }
        let mut redacted = String::with_capacity(text.len());
        let mut end = 0;
        for range in masked {
            redacted.push_str(text.get(end..range.start).unwrap_or_default());
            redacted.push_str(MASK);
            end = range.end;
        }
        redacted.push_str(text.get(end..).unwrap_or_default());
        Cow::Owned(redacted)
    }
}

fn is_match(parts: &NFA, text: &str) -> bool {
    // It goes wrong for searches that are not made here.
    !matches!(parts.try_find(&Input::new(text).earliest(true)), Ok(None))
}

/// Where in a text something stands that is looked for, in order, with what touches put together.
///
/// At each place only the longest match that ends there is taken, which is the first one: the
/// others are in it, and there may be as many as there are texts to look for.
fn parts_in(parts: &NFA, text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Ok(mut state) = parts.start_state(Anchored::No) else {
        add(&mut found, 0..text.len());
        return found;
    };
    for (at, byte) in text.bytes().enumerate() {
        state = parts.next_state(Anchored::No, state, byte);
        if parts.is_match(state) {
            let length = parts.pattern_len(parts.match_pattern(state, 0));
            add(&mut found, (at + 1).saturating_sub(length)..at + 1);
        }
    }
    found
}

/// Adds a range that ends behind all others to those that it does not touch.
fn add(ranges: &mut Vec<Range<usize>>, mut range: Range<usize>) {
    while let Some(last) = ranges.pop_if(|last| last.end >= range.start) {
        range.start = range.start.min(last.start);
    }
    ranges.push(range);
}
