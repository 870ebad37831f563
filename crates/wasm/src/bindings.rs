//! What `wit/` says, as Rust.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "plugin",
    imports: {
        "jackfield:plugin/log": trappable,
        "jackfield:plugin/clock": trappable,
        "jackfield:plugin/random": trappable,
        "jackfield:plugin/progress": trappable,
        default: async | trappable,
    },
    exports: { default: async },
});
