//! The contract between Jackfield and the authors of node types.
