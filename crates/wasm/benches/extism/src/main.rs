//! What a call of a plugin costs with Extism, beside what ours cost in the `wasm` bench: a hundred
//! bytes of JSON go in, and a hundred come out.
//!
//! The guest has less to do than ours: it copies its input into its memory and out again, where the
//! plugin in Rust reads the JSON, decodes base64 and writes JSON anew; nothing starts up in it, and
//! it imports nothing of WASI. What is measured is therefore the host, and in Extism's favour. Extism
//! is configured as it comes, with limits of time and memory, as ours always has them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use extism::{CompiledPlugin, Error, Manifest, Plugin, PluginBuilder, Wasm};

const GUEST: &str = include_str!("guest.wat");

/// A call after the first example of our plugin in Rust.
const INPUT: &[u8; 100] =
    br#"{"items":[{"name":"dot.gif"}],"parameters":{"data":"R0lGODlhAQABAAAAACw=","field":"header-of-file"}}"#;

/// The limits of the plugins in the `wasm` bench.
const TIME: Duration = Duration::from_secs(10);
const PAGES: u32 = 256 * 16;

/// How long each way is measured at a time, and how often they take turns.
const TURN: Duration = Duration::from_millis(500);
const TURNS: usize = 15;

fn main() -> Result<(), Error> {
    let manifest = Manifest::new([Wasm::data(GUEST)])
        .with_timeout(TIME)
        .with_memory_max(PAGES);
    // The code is compiled once here; nothing has to be kept on disk.
    let compiled = PluginBuilder::new(manifest)
        .with_cache_disabled()
        .compile()?;
    let mut reused = Plugin::new_from_compiled(&compiled)?;
    call_fresh(&compiled)?;
    call(&mut reused)?;

    let (mut fresh_times, mut reused_times) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        fresh_times.push(nanoseconds(|| call_fresh(&compiled))?);
        reused_times.push(nanoseconds(|| call(&mut reused))?);
    }
    let (fresh, reused) = (median(fresh_times), median(reused_times));
    println!("a call with Extism, fresh instance: {fresh:.0}");
    println!("a call with Extism, instance used again: {reused:.0}");
    Ok(())
}

/// Instantiates, calls, drops.
fn call_fresh(compiled: &CompiledPlugin) -> Result<(), Error> {
    call(&mut Plugin::new_from_compiled(compiled)?)
}

fn call(plugin: &mut Plugin) -> Result<(), Error> {
    let output: &[u8] = plugin.call("execute", black_box(&INPUT[..]))?;
    assert_eq!(output, INPUT, "the guest gives back what it got");
    Ok(())
}

/// How long a call takes, on average over one turn.
fn nanoseconds(mut call: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let (began, mut calls) = (Instant::now(), 0_u32);
    while began.elapsed() < TURN {
        call()?;
        calls += 1;
    }
    Ok(began.elapsed().as_nanos() as f64 / f64::from(calls))
}

/// Turns in which the machine did other things, too, count little.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
