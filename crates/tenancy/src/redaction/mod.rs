//! Redaction: what may not come out is taken out before anything is written or shown.
//!
//! [`RedactionRules`] are a tenant's: places in what nodes give ([`OutputFilter`]s), and names of
//! fields whose values are masked wherever they are. A [`Redactor`] belongs to one execution: it
//! applies the rules, and learns the values of the secrets that the execution has read. From then
//! on it masks them wherever they come out, as they are and in the forms in which they usually
//! travel: base64 (also in the midst of other text, as in an `Authorization` header), hexadecimal,
//! percent-encoded and escaped for JSON; without regard to the case of ASCII letters.
//!
//! What is shorter than [`LEAST_SECRET`] bytes would be found by chance in everything: it is masked
//! where it is a whole text, and not in the midst of one.
//!
//! It does not follow what a program makes of a secret: of a hash or a cipher of it, of its letters
//! in reverse or one by one, it knows nothing unless somebody has it learn that too.
//!
//! What is not changed is not copied: the same shared items go on.
//!
//! [`OutputFilter`]: jackfield_types::OutputFilter

mod filter;
mod forms;
mod known;
mod node_types;
mod pattern;
mod redactor;
mod rules;
mod walk;

pub use forms::LEAST_PART as LEAST_SECRET;
pub use redactor::Redactor;
pub use rules::{RedactionError, RedactionPlace, RedactionProblem, RedactionRules};

/// What stands where something was taken out.
pub const MASK: &str = "[redacted]";
