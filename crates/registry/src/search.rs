//! Finding node types by what they say of themselves.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jackfield_types::{NodeTypeMetadata, VersionSelector};

use crate::resolution::select;
use crate::{Registration, Registry};

/// What is looked for. Everything that is given must fit; case counts for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Words, each of which must be in the name, in a tag, or in the description.
    pub text: Option<String>,
    /// The category.
    pub category: Option<String>,
    /// One of the tags.
    pub tag: Option<String>,
}

impl Query {
    /// Looks for words.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    /// Looks in one category only.
    #[must_use]
    pub fn in_category(mut self, category: impl Into<String>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Looks for one tag only.
    #[must_use]
    pub fn with_tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }
}

impl Registry {
    /// Finds node types, each in its newest version: those whose name fits best come first, then
    /// those with a tag that fits, then those whose description does; equals are sorted by name.
    pub fn search(&self, query: &Query) -> Vec<Arc<Registration>> {
        let words: Vec<String> = query
            .text
            .iter()
            .flat_map(|text| text.split_whitespace())
            .map(str::to_lowercase)
            .collect();
        let snapshot = self.snapshot();
        let mut found: Vec<(u32, &Arc<Registration>)> = snapshot
            .sorted()
            .into_iter()
            .filter_map(|versions| select(versions, &VersionSelector::Newest))
            .filter(|one| fits(one.summary(), query))
            .filter_map(|one| rank(one.summary(), &words).map(|rank| (rank, one)))
            .collect();
        found.sort_by_key(|(rank, _)| Reverse(*rank));
        found.into_iter().map(|(_, one)| Arc::clone(one)).collect()
    }

    /// The categories, and how many node types are in each, counted in their newest versions.
    pub fn categories(&self) -> BTreeMap<String, usize> {
        let snapshot = self.snapshot();
        let mut counts = BTreeMap::new();
        for versions in snapshot.sorted() {
            if let Some(newest) = select(versions, &VersionSelector::Newest) {
                *counts.entry(newest.summary().category.clone()).or_default() += 1;
            }
        }
        counts
    }
}

fn fits(metadata: &NodeTypeMetadata, query: &Query) -> bool {
    let is_same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    query
        .category
        .as_ref()
        .is_none_or(|category| is_same(&metadata.category, category))
        && query
            .tag
            .as_ref()
            .is_none_or(|wanted| metadata.tags.iter().any(|tag| is_same(tag, wanted)))
}

/// How well words fit; `None` when one of them does not fit at all.
fn rank(metadata: &NodeTypeMetadata, words: &[String]) -> Option<u32> {
    let name = metadata.node_type.as_str().to_lowercase();
    let tags: Vec<String> = metadata.tags.iter().map(|tag| tag.to_lowercase()).collect();
    let description = metadata.description.to_lowercase();
    let parts = || name.split(['.', '/', '-', '_', '@']);
    let rank_of = |word: &String| {
        if name == *word {
            Some(64)
        } else if parts().any(|part| part == word) {
            Some(32)
        } else if name.starts_with(word.as_str()) {
            Some(16)
        } else if name.contains(word.as_str()) {
            Some(8)
        } else if tags.contains(word) {
            Some(4)
        } else if tags.iter().any(|tag| tag.contains(word.as_str())) {
            Some(2)
        } else if description.contains(word.as_str()) {
            Some(1)
        } else {
            None
        }
    };
    words.iter().map(rank_of).sum()
}
