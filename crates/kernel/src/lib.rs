//! The execution state machine of Jackfield: pure, without clock, I/O or randomness.
