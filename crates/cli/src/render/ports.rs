use jackfield::definition::PlanNode;
use jackfield::types::Outputs;

use super::text::line;

const LONGEST_NAME: usize = 24;

/// The name of a `main` output, if the node has several, short enough for a table.
pub(crate) fn output_name(node: &PlanNode, index: usize) -> Option<String> {
    node.output_name(index)
        .map(|name| line(&name, LONGEST_NAME))
}

/// How many items left by each port: `3`, or `true: 2, false: 1`, with the `error` port last.
pub(crate) fn item_counts(outputs: &Outputs, node: Option<&PlanNode>) -> String {
    let name_of = |port| node.and_then(|node| output_name(node, port));
    let mut parts: Vec<String> = outputs
        .main
        .iter()
        .enumerate()
        .map(|(port, items)| match name_of(port) {
            Some(name) => format!("{name}: {}", items.len()),
            None if outputs.main.len() > 1 => format!("{port}: {}", items.len()),
            None => items.len().to_string(),
        })
        .collect();
    if let Some(error) = &outputs.error {
        parts.push(format!("error: {}", error.len()));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jackfield::Item;

    use super::*;

    #[test]
    fn items_are_counted_by_port() {
        let items = |count: usize| Arc::new(vec![Item::default(); count]);
        let mut outputs = Outputs::first(items(3));
        assert_eq!(item_counts(&outputs, None), "3");
        outputs.error = Some(items(2));
        assert_eq!(item_counts(&outputs, None), "3, error: 2");
        assert_eq!(
            item_counts(&Outputs::on_port(1, items(4)), None),
            "0: 0, 1: 4"
        );
        assert_eq!(item_counts(&Outputs::default(), None), "");
    }
}
