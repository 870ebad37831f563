//! The built-in node types of Jackfield.
