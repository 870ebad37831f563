//! The driver of Jackfield: runs plans, one invocation pipeline for every node call.
