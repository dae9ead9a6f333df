//! A `boatyard.toml` beside compose files.

use super::folder_of;
use crate::config::discover::Options;
use crate::config::load;

#[test]
fn beside_a_compose_file_only_those_that_run_must_be_right() {
    let folder = folder_of(&[
        (
            "compose.yaml",
            "services:
  db: { image: a, ports: [\"5432:5432\"] }
  old: { build: ./none, ports: [\"5432:5432\"] }
",
        ),
        (
            "boatyard.toml",
            "compose = \"compose.yaml\"
[services.web]
run = \"web\"
ports = [\"5432:80\"]
[services.api]
run = \"api\"
depends_on = [\"db\"]
",
        ),
    ]);
    let said = |services: &[&str]| -> Vec<String> {
        let loaded = load(&Options {
            directory: Some(folder.path().to_owned()),
            services: services.iter().map(ToString::to_string).collect(),
            ..Options::default()
        });
        assert_eq!(loaded.stack.is_some(), loaded.problems.is_empty());
        let problems = loaded.problems.iter();
        problems
            .map(|problem| {
                let place = problem.place.as_ref().expect("each has a place");
                let name = place.file.file_name().unwrap_or_default();
                format!("{}:{}", name.to_string_lossy(), place.line)
            })
            .collect()
    };
    assert_eq!(said(&["api"]), [""; 0]);
    assert_eq!(said(&["web"]), [""; 0]);
    assert_eq!(said(&["old"]), ["compose.yaml:3"]);
    assert_eq!(said(&["web", "db"]), ["boatyard.toml:4"]);
    assert_eq!(
        said(&[]),
        ["boatyard.toml:4", "compose.yaml:3", "compose.yaml:3"]
    );
}
