//! Slugs and templates: what a plugin without any capability can do.

mod slugify;
mod template;

jackfield_plugin::export!(slugify::Slugify, template::Template);
