//! Quotas and turns, on a clock that moves only when everybody waits.

#![expect(clippy::unwrap_used, reason = "a mistake in a test may panic")]

#[path = "admission/concurrency.rs"]
mod concurrency;
#[path = "admission/law.rs"]
mod law;
#[path = "admission/quotas.rs"]
mod quotas;
#[path = "admission/rates.rs"]
mod rates;
#[path = "admission/scene.rs"]
mod scene;
#[path = "admission/threads.rs"]
mod threads;
#[path = "admission/turns.rs"]
mod turns;
