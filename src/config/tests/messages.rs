//! Whole messages as a person sees them.

use super::read_text;

#[track_caller]
fn check(text: &str, expected: &str) {
    let loaded = read_text(text);
    let rendered = loaded.problems.iter().map(|problem| problem.render(false));
    let found = rendered.collect::<Vec<_>>().join("\n");
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    check(
        r#"[services.web]
image = "x"
prots = ["8080:80"]"#,
        r#"error: unknown key "prots" in service "web"
 --> boatyard.toml:3:1
  |
3 | prots = ["8080:80"]
  | ^^^^^
help: did you mean "ports"?
"#,
    );
}

#[test]
fn a_cycle_is_named_with_each_of_its_edges() {
    check(
        r#"[services.web]
image = "x"
depends_on = ["b"]
[services.b]
image = "x"
depends_on = { c = "started" }
[services.c]
image = "x"
depends_on = ["web"]"#,
        r#"error: services wait for each other: b → c → web → b
 --> boatyard.toml:6:16
  |
6 | depends_on = { c = "started" }
  |                ^ b needs c
 --> boatyard.toml:9:15
  |
9 | depends_on = ["web"]
  |               ^^^^^ c needs web
 --> boatyard.toml:3:15
  |
3 | depends_on = ["b"]
  |               ^^^ web needs b
help: remove one of these dependencies; a service that only calls another need not wait for it
"#,
    );
}

#[test]
fn a_port_used_twice_shows_both_places() {
    check(
        r#"[services.web]
image = "x"
ports = ["8080:80"]




[services.api]
image = "x"
ports = ["9090:90", "8080:80"]"#,
        r#"error: port 8080 of this machine is used by the services "web" and "api"
  --> boatyard.toml:10:21
   |
10 | ports = ["9090:90", "8080:80"]
   |                     ^^^^^^^^^ used again here
  --> boatyard.toml:3:10
   |
 3 | ports = ["8080:80"]
   |          ^^^^^^^^^ first used here
help: give one of them another port before the colon
"#,
    );
}

#[test]
fn an_unknown_service_names_the_nearest() {
    check(
        r#"[services.web]
image = "x"
depends_on = ["ordrs"]
[services.orders]
image = "x""#,
        r#"error: service "web" depends on "ordrs", which is not a service of this file
 --> boatyard.toml:3:15
  |
3 | depends_on = ["ordrs"]
  |               ^^^^^^^
help: did you mean "orders"?
"#,
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    check(
        r#"[services.web]
image = "x"
replicas = "two""#,
        r#"error: "replicas" in service "web": expected a number, found a string
 --> boatyard.toml:3:12
  |
3 | replicas = "two"
  |            ^^^^^
"#,
    );
}

#[test]
fn an_inactive_profile_is_named() {
    check(
        r#"[services.web]
image = "x"
depends_on = ["db"]
[services.db]
image = "x"
profiles = ["data"]"#,
        r#"error: service "web" depends on "db", whose profile is not chosen
 --> boatyard.toml:3:15
  |
3 | depends_on = ["db"]
  |               ^^^^
 --> boatyard.toml:4:11
  |
4 | [services.db]
  |           ^^ it belongs to the profile "data"
help: add --profile data
"#,
    );
}

#[test]
fn columns_and_carets_count_characters_as_shown() {
    check(
        r#"[services.web]
image = "x"
environment = { A = "größe=日本 ${NONE:?say which}" }"#,
        r#"error: the variable "NONE" is required: say which
 --> boatyard.toml:3:31
  |
3 | environment = { A = "größe=日本 ${NONE:?say which}" }
  |                                 ^^^^^^^^^^^^^^^^^^
help: set NONE in the environment or in .env beside the stack file
"#,
    );
}

#[test]
fn an_unset_variable_is_a_warning() {
    check(
        r#"[services.web]
image = "x"
environment = { A = "http://${HOST}:80" }"#,
        r#"warning: the variable "HOST" is not set; an empty text is used
 --> boatyard.toml:3:29
  |
3 | environment = { A = "http://${HOST}:80" }
  |                             ^^^^^^^
help: set it in the environment or in .env, or give a default: ${HOST:-default}
"#,
    );
}

#[test]
fn an_unknown_part_of_an_address() {
    check(
        r#"[services.web]
image = "x"
environment = { A = "{{orders.ulr}}" }
[services.orders]
image = "y"
ports = [80]"#,
        r#"error: {{orders.ulr}} asks for "ulr", which an address does not have
 --> boatyard.toml:3:22
  |
3 | environment = { A = "{{orders.ulr}}" }
  |                      ^^^^^^^^^^^^^^
help: did you mean "url"?
"#,
    );
}

#[test]
fn a_key_given_twice_behind_a_tab() {
    check(
        "[services.web]\nimage = \"x\"\n\timage = \"y\"",
        r#"error: the key "image" is given twice
 --> boatyard.toml:3:2
  |
3 |     image = "y"
  |     ^^^^^
help: remove one of the two, or join them
"#,
    );
}

#[test]
fn broken_syntax() {
    check(
        r#"[services.web]
image = "x
replicas = 2"#,
        r#"error: not valid TOML: invalid basic string, expected `"`
 --> boatyard.toml:2:11
  |
2 | image = "x
  |           ^
"#,
    );
}

#[test]
fn a_build_folder_that_is_not_there() {
    check(
        r#"[services.web]
build = "nowhere""#,
        r#"error: "build" in service "web": there is no folder tests/data/config/nowhere
 --> boatyard.toml:2:9
  |
2 | build = "nowhere"
  |         ^^^^^^^^^
help: the build folder is relative to the stack file; create it or correct the name
"#,
    );
}

#[test]
fn a_service_that_is_nothing() {
    check(
        r"[services.web]
ports = [80]",
        r#"error: service "web" has neither build, image nor run
 --> boatyard.toml:1:11
  |
1 | [services.web]
  |           ^^^
help: say what it is: build = "FOLDER", image = "NAME:TAG", or run = "COMMAND"
"#,
    );
}

#[test]
fn a_problem_in_another_file() {
    check(
        r#"[services.web]
image = "x"
env_file = "bad.env""#,
        r#"error: a variable name cannot contain a space: "NOT FINE"
 --> tests/data/config/bad.env:2:1
  |
2 | NOT FINE=2
  | ^^^^^^^^
"#,
    );
}

#[test]
fn a_wrong_regular_expression() {
    check(
        r#"[services.web]
image = "x"
health = { log = "(" }"#,
        r#"error: "log" in the health of service "web": not a regular expression: unclosed group
 --> boatyard.toml:3:18
  |
3 | health = { log = "(" }
  |                  ^^^
help: put \ before a character that is meant as itself
"#,
    );
}

#[test]
fn what_a_terminal_would_obey_is_replaced() {
    check(
        "[services.web]\nimage = \"x\" # \u{1b}]0;title\u{7}\nhealth = { http = \"/\" } # \u{202e}abc",
        r#"error: not valid TOML: invalid comment character, expected printable characters
 --> boatyard.toml:2:15
  |
2 | image = "x" # �]0;title�
  |               ^

error: not valid TOML: invalid comment character, expected printable characters
 --> boatyard.toml:2:24
  |
2 | image = "x" # �]0;title�
  |                        ^

error: the health probe of service "web" has no port to ask
 --> boatyard.toml:3:10
  |
3 | health = { http = "/" } # �abc
  |          ^^^^^^^^^^^^^^
help: add "ports" or expose = [8000], with the right number, or name it in the probe: http = ":8000/healthz"
"#,
    );
}

#[test]
fn a_compose_file_to_build_on() {
    check(
        r#"compose = "compose.yaml""#,
        r#"error: "compose" in the stack file: there is no file "compose.yaml"
 --> boatyard.toml:1:11
  |
1 | compose = "compose.yaml"
  |           ^^^^^^^^^^^^^^
help: it is relative to the stack file; correct the name
"#,
    );
}

#[test]
fn an_empty_file() {
    check(
        "",
        r#"error: boatyard.toml has no services
help: add one: [services.web] with build = "FOLDER", image = "NAME:TAG" or run = "COMMAND"
"#,
    );
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let problem = read_text("prots = 1").problems.remove(0);
    let plain = problem.render(false);
    let coloured = problem.render(true);
    assert!(!plain.contains('\u{1b}'));
    assert!(coloured.contains("\u{1b}[1;31merror\u{1b}[0m"));
    let mut stripped = coloured;
    for code in ["1;31", "1;34", "1;36", "1", "0"] {
        stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(stripped, plain);
}

#[test]
fn a_very_long_line_is_shown_in_part() {
    let text = format!(
        "[services.a]\nimage = \"x\"\nlabels = {{ a = \"{}\", b = [], c = \"{}\" }}",
        "é".repeat(5000),
        "é".repeat(5000)
    );
    let problem = read_text(&text).problems.remove(0);
    let place = problem.place.as_ref().unwrap();
    assert_eq!((place.line, place.column), (3, 5024));
    let rendered = problem.render(false);
    let lines: Vec<&str> = rendered.lines().collect();
    assert!(
        lines.iter().all(|line| line.chars().count() < 200),
        "{rendered}"
    );
    let caret = lines[4].chars().position(|c| c == '^').unwrap();
    assert_eq!(
        lines[3].chars().skip(caret).take(2).collect::<String>(),
        "[]"
    );
}
