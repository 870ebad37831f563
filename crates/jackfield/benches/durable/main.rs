//! What it costs to keep executions in an SQLite file: steps a second, taking up what was left, and
//! what waits.
//!
//! * **steps**: a hundred executions at the same time, one after the other, each of nodes in a row
//!   that do nothing. A step is one node: its attempt begins when what led to it is on the disk. How
//!   long a step takes is the time from one call of an execution to its next. Beside it the floor: a
//!   bare loop that inserts the same bytes in groups on the same disk. The two take turns.
//! * **resume**: ten thousand executions whose process is gone in the middle of a node; the time from
//!   opening the file until that node was called again in each of them, and until all have ended.
//! * **parked**: a hundred thousand executions that wait, in one process of their own: what it has
//!   resident, and how late each goes on.
//!
//! `--quick` is good for a look; a decision needs all of it. A word (`steps`, `resume`, `parked`)
//! leaves out the others. The environment variable `JACKFIELD_BENCH_DIR` names another folder than
//! the system's for temporary files.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run may panic")]
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

mod floor;
mod parked;
mod resume;
mod scene;
mod steps;

use scene::Scale;

type Part = fn(Scale);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let scale = Scale {
        is_quick: has("--quick"),
    };
    if has(parked::CHILD) {
        parked::child(scale);
        return;
    }
    let parts: [(&str, Part); 3] = [
        ("steps", steps::run),
        ("resume", resume::run),
        ("parked", parked::run),
    ];
    let is_named = parts.iter().any(|(name, _)| has(name));
    for (name, run) in parts {
        if !is_named || has(name) {
            run(scale);
            println!();
        }
    }
}
