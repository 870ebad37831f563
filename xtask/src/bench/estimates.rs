//! Reads what the benches left behind: criterion's files, and lines that other benches printed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::Deserialize;

/// What criterion found out, by the full id of the bench.
pub(super) type Estimates = BTreeMap<String, Estimate>;

/// How long an iteration took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Estimate {
    /// The best estimate, in nanoseconds.
    pub(super) nanoseconds: f64,
    /// The ends of the interval in which it lies with 95 % confidence.
    pub(super) interval: (f64, f64),
    /// How many nodes, items or calls an iteration had.
    pub(super) elements: f64,
}

impl Estimate {
    /// The time of one node, item or call.
    pub(super) fn per_element(&self) -> f64 {
        self.nanoseconds / self.elements
    }
}

#[derive(Deserialize)]
struct BenchmarkFile {
    full_id: String,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    #[serde(rename = "Elements")]
    elements: Option<u64>,
}

#[derive(Deserialize)]
struct EstimatesFile {
    mean: Statistic,
    slope: Option<Statistic>,
}

#[derive(Deserialize)]
struct Statistic {
    point_estimate: f64,
    confidence_interval: ConfidenceInterval,
}

#[derive(Deserialize)]
struct ConfidenceInterval {
    lower_bound: f64,
    upper_bound: f64,
}

/// Reads all results below a folder, those only that were written since a point in time.
pub(super) fn read(folder: &Path, since: Option<SystemTime>) -> Result<Estimates> {
    let mut estimates = Estimates::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        if !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for entry in entries {
            let entry = entry.with_context(|| folder.display().to_string())?;
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
        if folder.file_name().is_some_and(|name| name == "new")
            && let Some((id, estimate)) = result(&folder, since)?
        {
            estimates.insert(id, estimate);
        }
    }
    Ok(estimates)
}

fn result(folder: &Path, since: Option<SystemTime>) -> Result<Option<(String, Estimate)>> {
    let path = folder.join("estimates.json");
    let Ok(metadata) = fs::metadata(&path) else {
        return Ok(None);
    };
    if let (Some(since), Ok(modified)) = (since, metadata.modified())
        && modified < since
    {
        return Ok(None);
    }
    let benchmark: BenchmarkFile = json(&folder.join("benchmark.json"))?;
    let file: EstimatesFile = json(&path)?;
    let elements = benchmark
        .throughput
        .and_then(|throughput| throughput.elements);
    let estimate = Estimate::new(file, elements.unwrap_or(1).max(1));
    Ok(Some((benchmark.full_id, estimate)))
}

fn json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

impl Estimate {
    fn new(file: EstimatesFile, elements: u64) -> Self {
        // The slope is what criterion itself shows; flat sampling has none.
        let best = file.slope.unwrap_or(file.mean);
        Self {
            nanoseconds: best.point_estimate,
            interval: (
                best.confidence_interval.lower_bound,
                best.confidence_interval.upper_bound,
            ),
            elements: elements as f64,
        }
    }
}

/// The figures in lines such as `bytes per registered executor: 1520`, by what is before the colon.
pub(super) fn printed(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter_map(|line| {
            let (name, figure) = line.rsplit_once(':')?;
            Some((name.trim().to_owned(), figure.trim().parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_counts_where_there_is_one() {
        let statistic = r#"{"point_estimate": 5.0, "standard_error": 0.1,
            "confidence_interval": {"confidence_level": 0.95, "lower_bound": 4.0, "upper_bound": 6.0}}"#;
        let flat = format!(r#"{{"mean": {statistic}, "slope": null}}"#);
        let linear = flat.replace("null", &statistic.replace("5.0", "7.0"));
        let of = |text: &str| Estimate::new(serde_json::from_str(text).unwrap(), 10);
        assert_eq!(of(&flat).nanoseconds, 5.0);
        assert_eq!(of(&linear).interval, (4.0, 6.0));
        assert_eq!(of(&linear).per_element(), 0.7);
    }

    #[test]
    fn printed_figures_are_found_by_their_names() {
        let found = printed("bytes per registered executor: 1520\n\nno figure: here\nratio: 0.5\n");
        assert_eq!(found.len(), 2);
        assert_eq!(found["bytes per registered executor"], 1520.0);
    }
}
