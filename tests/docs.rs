//! What the documents show is true: every stack file in them is read without a problem.

use std::fs;
use std::path::Path;

use boatyard::config;

/// The fenced blocks of this language in a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line.trim() == format!("```{language}") {
            let block: Vec<&str> = lines
                .by_ref()
                .take_while(|line| line.trim() != "```")
                .collect();
            blocks.push(block.join(
                "
",
            ));
        }
    }
    blocks
}

fn problems(toml: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for service in ["web", "orders"] {
        fs::create_dir_all(folder.path().join(service).join("src")).expect("a folder can be made");
        fs::write(
            folder.path().join(service).join("Dockerfile"),
            "FROM scratch AS dev\nEXPOSE 8000\n",
        )
        .expect("written");
        fs::write(folder.path().join(service).join("requirements.txt"), "").expect("written");
    }
    let compose = "services: { web: { build: ./web } }\n";
    fs::write(folder.path().join("compose.yaml"), compose).expect("written");
    fs::write(folder.path().join("boatyard.toml"), toml).expect("written");
    let options = config::Options {
        directory: Some(folder.path().to_path_buf()),
        ..config::Options::default()
    };
    let loaded = config::load(&options);
    loaded
        .problems
        .iter()
        .map(|problem| problem.render(false))
        .collect()
}

#[test]
fn every_stack_file_in_the_documents_is_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for document in ["README.md", "docs/stack-file.md", "docs/compose.md"] {
        let text = fs::read_to_string(root.join(document)).expect("the document is there");
        for block in blocks(&text, "toml")
            .iter()
            .filter(|block| block.contains("[services"))
        {
            seen += 1;
            let problems = problems(block);
            assert!(
                problems.is_empty(),
                "{document}:\n{block}\n{}",
                problems.join("\n")
            );
        }
    }
    assert!(seen >= 3, "{seen}");
}

/// The keys as a table, a row each.
fn keys_as_table() -> String {
    let rows = boatyard::tui::key_list().map(|row| {
        let (place, words, action) = (row.place, row.words, row.action);
        let keys: Vec<String> = row.keys.iter().map(|key| format!("`{key}`")).collect();
        format!("| {} | {words} | {place} | `{action}` |", keys.join(" "))
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_document_of_keys_is_the_table_of_keys() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/keys.md");
    let text = fs::read_to_string(path).unwrap_or_default();
    let table = keys_as_table();
    assert!(text.contains(&table), "docs/keys.md should hold:\n{table}");
}

#[test]
fn every_field_of_filters_is_in_the_documents() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filters.md");
    let text = fs::read_to_string(path).expect("docs/filters.md can be read");
    let rows = boatyard::telemetry::Filter::FIELDS.iter();
    let rows: Vec<String> = rows
        .map(|(field, meaning)| format!("| `{field}` | {meaning} |"))
        .collect();
    let table = rows.join("\n");
    assert!(
        text.contains(&table),
        "docs/filters.md should hold:\n{table}"
    );
}
