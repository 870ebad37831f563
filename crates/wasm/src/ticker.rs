//! The clock of the epochs: one thread that makes guests look up from what they compute.
//!
//! It rests while nothing runs. A call that begins wakes it if need be, and it stays awake for a
//! while after the last one, so that a busy host never pays for the waking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How often guests look up.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// After how many ticks without a call it rests.
const LINGER: u32 = 100;

/// Ticks as long as calls run, and ends when it is dropped.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    handle: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    resting: AtomicBool,
    ended: AtomicBool,
}

/// A call that runs, for as long as this is held.
pub(crate) struct Running(Arc<Shared>);

impl Ticker {
    /// Starts the thread.
    ///
    /// # Errors
    /// That of the system, when it has no thread to give.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (engine, of_thread) = (engine.weak(), Arc::clone(&shared));
        let handle = thread::Builder::new()
            .name("jackfield-epoch".to_owned())
            .spawn(move || tick(&engine, &of_thread))?;
        Ok(Self {
            shared,
            thread: handle.thread().clone(),
            handle: Some(handle),
        })
    }

    /// Says that a call runs.
    pub(crate) fn run(&self) -> Running {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.resting.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(Arc::clone(&self.shared))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(handle) = self.handle.take() {
            // It panics on nothing, and there is nobody to tell.
            let _ = handle.join();
        }
    }
}

fn tick(engine: &EngineWeak, shared: &Shared) {
    let mut idle = 0;
    while !shared.ended.load(Ordering::SeqCst) {
        if shared.running.load(Ordering::SeqCst) > 0 {
            idle = 0;
        } else {
            idle += 1;
        }
        if idle <= LINGER {
            thread::sleep(TICK);
            let Some(engine) = engine.upgrade() else {
                return;
            };
            engine.increment_epoch();
            continue;
        }
        shared.resting.store(true, Ordering::SeqCst);
        // Whoever began to run before that may not have seen it.
        while shared.resting.load(Ordering::SeqCst)
            && shared.running.load(Ordering::SeqCst) == 0
            && !shared.ended.load(Ordering::SeqCst)
        {
            thread::park();
        }
        shared.resting.store(false, Ordering::SeqCst);
        idle = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_ends_whether_it_ticks_or_rests() {
        let engine = Engine::default();
        let ticker = Ticker::start(&engine).unwrap();
        let running = ticker.run();
        drop(running);
        // It rests sooner or later, and wakes for the next call.
        let began = Instant::now();
        while !ticker.shared.resting.load(Ordering::SeqCst) {
            assert!(began.elapsed() < Duration::from_secs(20));
            thread::yield_now();
        }
        let running = ticker.run();
        while ticker.shared.resting.load(Ordering::SeqCst) {
            assert!(began.elapsed() < Duration::from_secs(20));
            thread::yield_now();
        }
        drop(running);
        drop(ticker);
    }
}
