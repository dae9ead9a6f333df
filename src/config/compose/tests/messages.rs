//! Whole messages as a person sees them.

use std::fmt::Write as _;

use super::{Folder, one};

#[track_caller]
fn check(folder: &Folder, expected: &str) {
    let problems = folder.read().problems;
    let rendered: Vec<String> = problems
        .iter()
        .map(|problem| problem.render(false))
        .collect();
    let found = rendered
        .join("\n")
        .replace(&folder.path("").display().to_string(), "@");
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn a_file_that_cannot_be_read_hides_nothing_of_the_others() {
    let files = [
        ("one.yaml", "services:\n  web: [\n"),
        (
            "two.yaml",
            "services:\n  db:\n    image: x\n    healthcheck: {interval: 5 parsecs}\n    depends_on: [web]\n",
        ),
    ];
    let folder =
        Folder::new(&files).with(|given| given.files = vec!["one.yaml".into(), "two.yaml".into()]);
    let problems = folder.read().problems;
    let lines: Vec<String> = problems
        .iter()
        .map(|problem| {
            let place = problem.place.as_ref();
            let place = place.map(|place| (place.file.clone(), place.line));
            let (file, line) = place.unwrap_or_default();
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            format!("{name}:{line}")
        })
        .collect();
    assert_eq!(lines, ["one.yaml:2", "two.yaml:4"], "{problems:?}");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    check(
        &one("services:\n  web:\n    image: x\n    prots: [\"80:80\"]\n"),
        "\
error: unknown key \"prots\" in service \"web\"
 --> compose.yaml:4:5
  |
4 |     prots: [\"80:80\"]
  |     ^^^^^
help: did you mean \"ports\"?
",
    );
}

#[test]
fn a_service_at_the_top_is_told_where_it_belongs() {
    check(
        &one("web:\n  image: x\n"),
        "\
error: unknown key \"web\" at the top of the file
 --> compose.yaml:1:1
  |
1 | web:
  | ^^^
help: services stand below \"services:\", indented
",
    );
}

#[test]
fn every_problem_is_told_at_once() {
    let folder = one("\
services:
  web:
    image: x
    ports: 80
    read_only: perhaps
    depends_on: [dbb]
    volumes: [data:/data]
    healthcheck: {interval: 5}
  db:
    build: .
    mem_limit: 5x
    networks: [back]
    network_mode: host
    ports: [\"80:http\", \"x\"]
");
    let lines = folder.said();
    assert_eq!(
        lines,
        "\
compose.yaml:4:12: error: \"ports\" in service \"web\": expected a list, found a number
compose.yaml:5:16: error: \"read_only\" in service \"web\": expected true or false, found \"perhaps\"
compose.yaml:6:18: error: service \"web\": there is no service \"dbb\"; did you mean \"db\"?
compose.yaml:7:15: error: service \"web\": there is no volume \"data\"; define it: \"volumes:\" with \"data:\" below it
compose.yaml:8:29: error: \"healthcheck.interval\" in service \"web\": expected a string, found a number; give it a unit: \"5s\"
compose.yaml:11:16: error: \"mem_limit\" in service \"db\": invalid size: '5x'; write a number with a unit, such as 512m or 1.5g
compose.yaml:12:16: error: service \"db\": there is no network \"back\"; define it: \"networks:\" with \"back:\" below it
compose.yaml:13:5: error: service \"db\": \"network_mode\" and \"networks\" exclude each other; keep one of them
compose.yaml:14:17: error: \"ports\" in service \"db\": invalid containerPort: http; write \"CONTAINER\", \"HOST:CONTAINER\" or \"ADDRESS:HOST:CONTAINER\", either with \"/udp\" behind it
compose.yaml:14:25: error: \"ports\" in service \"db\": invalid containerPort: x; write \"CONTAINER\", \"HOST:CONTAINER\" or \"ADDRESS:HOST:CONTAINER\", either with \"/udp\" behind it",
        "\n{lines}"
    );
}

#[test]
fn a_circle_of_dependencies_shows_each_of_its_edges() {
    check(
        &one(
            "services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [c]}\n  c: {image: x, depends_on: [a]}\n",
        ),
        "\
error: services wait for each other in a circle: a → b → c → a
 --> compose.yaml:4:30
  |
4 |   c: {image: x, depends_on: [a]}
  |                              ^
 --> compose.yaml:3:30
  |
3 |   b: {image: x, depends_on: [c]}
  |                              ^ \"b\" waits here
 --> compose.yaml:2:30
  |
2 |   a: {image: x, depends_on: [b]}
  |                              ^ \"a\" waits here
help: remove one of these dependencies
",
    );
}

#[test]
fn a_variable_without_a_value_is_told_once_and_in_its_place() {
    check(
        &one("services:\n  web:\n    image: web:${TAG}\n    hostname: a-${TAG}\n"),
        "\
warning: the variable TAG is not set: it becomes empty
 --> compose.yaml:3:16
  |
3 |     image: web:${TAG}
  |                ^^^^^^
help: set it in .env, or write ${TAG:-DEFAULT}
",
    );
}

#[test]
fn a_required_variable_says_what_the_file_says_of_it() {
    check(
        &one("services:\n  web:\n    image: web\n    user: \"${WHO:?name a user}\"\n"),
        "\
error: \"user\" in service \"web\": required variable WHO is missing a value: name a user
 --> compose.yaml:4:12
  |
4 |     user: \"${WHO:?name a user}\"
  |            ^^^^^^^^^^^^^^^^^^^
help: give WHO a value in the environment or in .env beside the file
",
    );
}

#[test]
fn a_key_given_twice_shows_both_places() {
    check(
        &one("services:\n  web:\n    image: x\n    image: y\n"),
        "\
error: the key \"image\" is given twice
 --> compose.yaml:4:5
  |
4 |     image: y
  |     ^^^^^
 --> compose.yaml:3:5
  |
3 |     image: x
  |     ^^^^^ first here
help: remove one of the two, or join them
",
    );
}

#[test]
fn what_an_override_gives_the_wrong_kind_is_told_once() {
    check(
        &Folder::new(&[
            (
                "compose.yaml",
                "services:\n  web:\n    image: x\n    cap_add: [ALL]\n",
            ),
            (
                "compose.override.yaml",
                "services:\n  web:\n    cap_add: {ALL: true}\n",
            ),
        ]),
        "\
error: \"cap_add\" in service \"web\": expected a list, found a mapping
 --> compose.override.yaml:3:15
  |
3 |     cap_add: {ALL: true}
  |               ^^^
",
    );
}

#[test]
fn yaml_that_is_none_is_told_in_its_place() {
    check(
        &one("services:\n  web: [\n"),
        "\
error: not valid YAML: unclosed bracket '['
 --> compose.yaml:2:8
  |
2 |   web: [
  |        ^
",
    );
}

#[test]
fn an_alias_of_nothing_is_told_in_its_place() {
    check(
        &one("services:\n  web:\n    <<: *base\n    image: x\n"),
        "\
error: nothing is called \"base\"
 --> compose.yaml:3:9
  |
3 |     <<: *base
  |         ^^^^^
help: put &base before the value that is meant, above this line
",
    );
}

#[test]
fn a_key_that_is_no_string_is_told_in_its_place() {
    check(
        &one("services:\n  web:\n    environment: {8080: a}\n    image: x\n"),
        "\
error: a key must be a string, 8080 is a number
 --> compose.yaml:3:19
  |
3 |     environment: {8080: a}
  |                   ^^^^
help: put it in quotes: \"8080\"
",
    );
}

#[test]
fn a_circle_of_services_that_extend_each_other_is_told() {
    check(
        &one("services:\n  a: {extends: b}\n  b: {extends: {service: a}}\n"),
        "\
error: services extend each other in a circle: a → b → a
 --> compose.yaml:3:17
  |
3 |   b: {extends: {service: a}}
  |                 ^^^^^^^
 --> compose.yaml:2:16
  |
2 |   a: {extends: b}
  |                ^ \"a\" extends here
help: remove one of these \"extends\"
",
    );
}

#[test]
fn a_misspelt_image_is_told_once() {
    check(
        &one("services:\n  web:\n    imagee: x\n"),
        "\
error: unknown key \"imagee\" in service \"web\"
 --> compose.yaml:3:5
  |
3 |     imagee: x
  |     ^^^^^^
help: did you mean \"image\"?
",
    );
}

#[test]
fn a_file_that_includes_itself_is_told() {
    check(
        &Folder::new(&[
            (
                "compose.yaml",
                "include: [other.yaml]\nservices:\n  web: {image: x}\n",
            ),
            (
                "other.yaml",
                "include: [compose.yaml]\nservices:\n  db: {image: x}\n",
            ),
        ]),
        "\
error: files include each other in a circle: compose.yaml → other.yaml → compose.yaml
 --> other.yaml:1:11
  |
1 | include: [compose.yaml]
  |           ^^^^^^^^^^^^
",
    );
}

#[test]
fn what_is_included_and_defined_differently_shows_both_places() {
    check(
        &Folder::new(&[
            (
                "compose.yaml",
                "include: [other.yaml]\nservices:\n  web: {image: x}\n",
            ),
            ("other.yaml", "services:\n  web: {image: y}\n"),
        ]),
        "\
error: \"services.web\" is defined here, and differently in what is included
 --> compose.yaml:3:3
  |
3 |   web: {image: x}
  |   ^^^
 --> other.yaml:2:3
  |
2 |   web: {image: y}
  |   ^^^ included from here
 --> compose.yaml:1:11
  |
1 | include: [other.yaml]
  |           ^^^^^^^^^^ by this
help: rename one of the two, or change what is included in an override file
",
    );
}

#[test]
fn a_wrong_line_of_an_env_file_is_told_in_its_place() {
    check(
        &Folder::new(&[
            (
                "compose.yaml",
                "services:\n  web: {image: x, env_file: [one.env]}\n",
            ),
            ("one.env", "A=1\nB C=2\n"),
        ]),
        "\
error: a variable name cannot contain a space: \"B C\"
 --> one.env:2:1
  |
2 | B C=2
  | ^^^
help: a line is NAME=value, or a comment that begins with #
",
    );
}

#[test]
fn aliases_of_aliases_end() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let members = [below.as_str(); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{members}]");
    }
    let said = one(&text).said();
    assert!(
        said.contains("aliases of aliases make too much of this file"),
        "{said}"
    );
}

#[test]
fn an_alias_within_what_it_names_is_told() {
    let said = one("services:\n  web: &web\n    image: x\n    x-self: *web\n").said();
    assert_eq!(
        said,
        "compose.yaml:4:13: error: this alias stands within what it names"
    );
}

#[test]
fn what_is_nested_very_deep_is_refused() {
    for text in ["[".repeat(5000), "a: {".repeat(5000), "- ".repeat(5000)] {
        assert!(one(&text).read().has_errors());
    }
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = one("");
    std::fs::write(folder.path("compose.yaml"), [0xff, 0xfe, 0x00]).expect("written");
    assert_eq!(
        folder.said(),
        "error: compose.yaml cannot be read: it is not UTF-8 text"
    );
    assert_eq!(
        one("# nothing\n").said(),
        "error: compose.yaml is empty; a Compose file has at least one service: \"services:\""
    );
    assert_eq!(
        one("- a\n").said(),
        "compose.yaml:1:1: error: a Compose file is a mapping, found a list"
    );
}

#[test]
fn what_cannot_be_merged_onto_what_is_extended_names_the_service() {
    let folder = one(
        "services:\n  a: {image: x, deploy: {labels: {b: c}}}\n  d: {extends: a, deploy: [e]}\n",
    );
    assert_eq!(
        folder.said(),
        "compose.yaml:3:27: error: \"deploy\" in service \"d\": expected a mapping, found a list"
    );
}
