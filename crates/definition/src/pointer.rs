//! JSON Pointers (RFC 6901), built only when something is reported.

use std::fmt::Write;

/// Adds a place in a list.
pub(crate) fn push_index(pointer: &mut String, index: usize) {
    let _ = write!(pointer, "/{index}");
}

/// Adds a field of an object.
pub(crate) fn push_key(pointer: &mut String, key: &str) {
    pointer.push('/');
    for character in key.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

/// A place in a document: a chain that costs nothing until it is written out.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Whole,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// The whole document.
    pub(crate) const WHOLE: Place<'static> = Place {
        outer: None,
        step: Step::Whole,
    };

    /// A field of what is here.
    pub(crate) fn key(&'a self, key: &'a str) -> Place<'a> {
        Place {
            outer: Some(self),
            step: Step::Key(key),
        }
    }

    /// An element of the list that is here.
    pub(crate) fn index(&'a self, index: usize) -> Place<'a> {
        Place {
            outer: Some(self),
            step: Step::Index(index),
        }
    }

    /// The JSON Pointer.
    pub(crate) fn pointer(&self) -> String {
        let mut chain = vec![*self];
        while let Some(outer) = chain.last().and_then(|place| place.outer) {
            chain.push(*outer);
        }
        let mut pointer = String::new();
        for place in chain.iter().rev() {
            match place.step {
                Step::Whole => {}
                Step::Key(key) => push_key(&mut pointer, key),
                Step::Index(index) => push_index(&mut pointer, index),
            }
        }
        pointer
    }
}
