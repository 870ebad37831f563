use serde::{Deserialize, Serialize};

/// Which part of a list is wanted. Pages are found by key, not by count: what is added or removed
/// meanwhile neither repeats nor hides other entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// What [`Page::next`] of the page before said; nothing for the first page.
    pub after: Option<String>,
    /// The most entries to give: at least 1, and [`PageRequest::MOST`] at the most.
    pub limit: u32,
}

impl PageRequest {
    /// The most entries that one page may have.
    pub const MOST: u32 = 1_000;

    /// The first page.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The limit as it applies.
    pub fn limit(&self) -> u32 {
        self.limit.clamp(1, Self::MOST)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::first(100)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The entries, in the order of the list.
    pub entries: Vec<T>,
    /// What to ask for to get the next part; nothing when this is the last one. Opaque to callers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}
