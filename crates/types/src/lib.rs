//! The words of Jackfield: ids, items, values, results, metadata, policies, error codes.
