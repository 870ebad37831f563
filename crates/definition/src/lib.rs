//! Reading workflows, compiling expressions, and planning: the pure front half of Jackfield.
