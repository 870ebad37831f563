//! Listing, searching, exporting.

use jackfield_registry::{Query, Registry};
use jackfield_types::NodeTypeMetadata;

use crate::common::{metadata, numbered, tenant};

fn registry() -> Registry {
    let registry = Registry::new();
    let all = [
        (
            "string.upper",
            "string",
            "Makes a text upper case.",
            vec!["text", "case"],
        ),
        (
            "string.lower",
            "string",
            "Makes a text lower case.",
            vec!["text", "case"],
        ),
        (
            "http-request",
            "network",
            "Sends a request and gives the answer.",
            vec!["api", "REST"],
        ),
        ("text", "control", "Anything.", vec![]),
        (
            "filter",
            "control",
            "Lets items pass, by their text.",
            vec!["items"],
        ),
    ];
    for (name, category, description, tags) in all {
        let metadata = NodeTypeMetadata {
            category: category.to_owned(),
            description: description.to_owned(),
            tags: tags.into_iter().map(str::to_owned).collect(),
            ..metadata(name, "1.0.0")
        };
        registry
            .register_with_metadata(name, numbered(0), metadata)
            .unwrap();
    }
    registry
}

fn found(query: &Query) -> Vec<String> {
    registry()
        .search(query)
        .iter()
        .map(|one| one.node_type().to_string())
        .collect()
}

#[test]
fn names_come_before_tags_and_tags_before_descriptions() {
    assert_eq!(
        found(&Query::text("TEXT")),
        ["text", "string.lower", "string.upper", "filter"]
    );
    assert_eq!(found(&Query::text("upper text")), ["string.upper"]);
    assert_eq!(found(&Query::text("request")), ["http-request"]);
    assert!(found(&Query::text("quantum")).is_empty());
}

#[test]
fn category_and_tag_narrow_what_is_found() {
    assert_eq!(
        found(&Query::default().in_category("String")),
        ["string.lower", "string.upper"]
    );
    assert_eq!(found(&Query::default().with_tag("rest")), ["http-request"]);
    assert_eq!(
        found(&Query::text("text").in_category("control")),
        ["text", "filter"]
    );
    assert!(found(&Query::text("text").with_tag("api")).is_empty());
    assert_eq!(found(&Query::default()).len(), 5);
}

#[test]
fn search_shows_each_node_type_in_its_newest_version() {
    let registry = registry();
    let newer = NodeTypeMetadata {
        description: "Is new.".to_owned(),
        ..metadata("text", "2.0.0")
    };
    registry
        .register_with_metadata("text", numbered(0), newer)
        .unwrap();
    let found = registry.search(&Query::text("text"));
    let versions: Vec<_> = found
        .iter()
        .filter(|one| *one.node_type() == "text")
        .map(|one| one.version().major)
        .collect();
    assert_eq!(versions, [2]);
}

#[test]
fn categories_count_their_node_types() {
    let categories: Vec<_> = registry().categories().into_iter().collect();
    let expected = [("control", 2), ("network", 1), ("string", 2)];
    assert_eq!(
        categories,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
}

#[test]
fn the_export_holds_the_whole_state() {
    let registry = registry();
    let first = registry.executors().remove(0);
    assert_eq!(*first.node_type(), "filter");
    registry.try_executor(&first, tenant());
    let state = registry.export();
    let registrations = state["registrations"].as_array().unwrap();
    let names: Vec<_> = registrations
        .iter()
        .map(|one| one["metadata"]["nodeType"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "filter",
            "http-request",
            "string.lower",
            "string.upper",
            "text"
        ]
    );
    assert_eq!(registrations[0]["source"], "eager");
    assert_eq!(registrations[0]["cached"], true);
    assert_eq!(registrations[1]["cached"], false);
    assert_eq!(registrations[0]["digest"], first.digest());
    assert_eq!(state["cache"]["keys"][0]["nodeType"], "filter");
    assert_eq!(state["cache"]["bounds"]["entries"], 10_000);
    assert_eq!(state["statistics"]["cache"]["misses"], 1);
    assert_eq!(state["statistics"]["nodeTypes"], 5);
}
