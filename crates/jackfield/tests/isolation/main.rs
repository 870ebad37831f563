//! What belongs to one tenant cannot be got at by another one: the suite that ships with the
//! product, tried on the product itself.

mod coverage;
mod planted;
mod product;
