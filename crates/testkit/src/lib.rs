//! Scripted executors and builders for tests of Jackfield and of what embeds it.
