use super::{MAX_LENGTH, MAX_SEGMENTS, Segment};

/// Reads the steps of a path one by one.
pub(super) struct Parser<'t> {
    rest: &'t str,
    segments: Vec<Segment>,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            rest: text,
            segments: Vec::new(),
        }
    }

    /// The steps, or what is wrong with the text.
    pub(super) fn run(mut self) -> Result<Vec<Segment>, &'static str> {
        if self.rest.is_empty() {
            return Err("it is empty");
        }
        if self.rest.len() > MAX_LENGTH {
            return Err("it is longer than 1,024 bytes");
        }
        if !self.rest.starts_with('[') {
            self.bare_key()?;
        }
        while !self.rest.is_empty() {
            if self.segments.len() >= MAX_SEGMENTS {
                return Err("it has more than 64 steps");
            }
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                self.bare_key()?;
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest;
                self.bracket()?;
            } else {
                return Err("after `]` comes `.` or `[`");
            }
        }
        Ok(self.segments)
    }

    fn bare_key(&mut self) -> Result<(), &'static str> {
        let end = self.rest.find(['.', '[', ']']).unwrap_or(self.rest.len());
        if end == 0 {
            return Err("a name is missing");
        }
        let (key, rest) = self.rest.split_at(end);
        if rest.starts_with(']') {
            return Err("`]` without `[`");
        }
        self.segments.push(Segment::Key(key.to_owned()));
        self.rest = rest;
        Ok(())
    }

    fn bracket(&mut self) -> Result<(), &'static str> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let segment = match quote {
            Some(quote) => {
                self.rest = &self.rest[1..];
                Segment::Key(self.quoted(quote)?)
            }
            None => {
                let end = self.rest.find(']').ok_or("`]` is missing")?;
                let index = self.rest[..end]
                    .parse()
                    .map_err(|_| "an index is a whole number")?;
                self.rest = &self.rest[end..];
                Segment::Index(index)
            }
        };
        self.rest = self.rest.strip_prefix(']').ok_or("`]` is missing")?;
        self.segments.push(segment);
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<String, &'static str> {
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, character)) = chars.next() {
            if character == quote {
                self.rest = &self.rest[at + 1..];
                return Ok(text);
            }
            let character = if character == '\\' {
                chars.next().ok_or("a quote is missing")?.1
            } else {
                character
            };
            text.push(character);
        }
        Err("a quote is missing")
    }
}
