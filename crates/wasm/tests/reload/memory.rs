//! How much memory the process has, and whether that stays as it is.

use std::fs;

use jackfield_types::ByteSize;

/// What was measured, again and again, while the same thing happened again and again.
#[derive(Default)]
pub(crate) struct Course(Vec<u64>);

impl Course {
    /// Measures what of this process is in memory, files that are mapped included.
    pub(crate) fn measure(&mut self) {
        let status = fs::read_to_string("/proc/self/status").expect("the system says it");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|text| text.trim().strip_suffix(" kB"));
        let kibibytes: u64 = kibibytes
            .and_then(|text| text.parse().ok())
            .expect("a number of kilobytes");
        self.0.push(kibibytes << 10);
    }

    /// The middle of what was measured in the first half and in the second.
    pub(crate) fn halves(&self) -> [ByteSize; 2] {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        [first, second].map(|half| {
            let mut sorted = half.to_vec();
            sorted.sort_unstable();
            ByteSize::bytes(sorted[sorted.len() / 2])
        })
    }
}
