//! What is generated from the contract. Not for authors: the rest of the crate wraps all of it.

wit_bindgen::generate!({
    path: "wit",
    world: "plugin",
    pub_export_macro: true,
    export_macro_name: "export_component",
    default_bindings_module: "jackfield_plugin::bindings",
});
