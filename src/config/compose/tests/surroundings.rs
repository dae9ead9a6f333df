//! Which files are read, which variables they see, and what the project is called.

use super::super::{Origin, Setting};
use super::{Folder, one};

const WEB: &str = "services:\n  web: {image: \"x:${TAG:-none}\"}\n";

fn image(folder: &Folder) -> String {
    folder.value("/services/web/image")
}

#[test]
fn files_are_found_here_and_above_with_their_override() {
    let folder = Folder::new(&[
        ("docker-compose.yml", WEB),
        (
            "docker-compose.override.yml",
            "services:\n  web: {hostname: h}\n",
        ),
        ("inner/deep/file", ""),
    ]);
    let inner = folder.path("inner/deep");
    let folder = folder.with(|given| given.directory = inner);
    assert_eq!(folder.value("/services/web/hostname"), r#""h""#);
    assert_eq!(folder.value("/name"), r#""shop""#);
    assert_eq!(folder.read().directory, folder.path(""));
}

#[test]
fn files_can_be_named_by_arguments_or_by_a_variable() {
    let files = [
        ("compose.yaml", WEB),
        ("a/one.yaml", WEB),
        (
            "b/two.yaml",
            "services:\n  web: {volumes: [./data:/data]}\n",
        ),
    ];
    let named = Folder::new(&files)
        .with(|given| given.files = vec!["a/one.yaml".into(), "b/two.yaml".into()]);
    assert_eq!(
        named.value("/services/web/volumes/0/source"),
        r#""@/a/data""#
    );
    assert_eq!(named.value("/name"), r#""a""#);
    let listed = Folder::new(&files).variable("COMPOSE_FILE", "a/one.yaml:b/two.yaml");
    assert_eq!(
        listed.value("/services/web/volumes/0/source"),
        r#""@/a/data""#
    );
    let listed = Folder::new(&files)
        .variable("COMPOSE_FILE", "a/one.yaml;b/two.yaml")
        .variable("COMPOSE_PATH_SEPARATOR", ";")
        .with(|given| given.project_directory = Some(".".into()));
    assert_eq!(
        listed.value("/services/web/volumes/0/source"),
        r#""@/data""#
    );
    let missing = Folder::new(&files).with(|given| given.files = vec!["none.yaml".into()]);
    assert_eq!(
        missing.said(),
        "error: none.yaml cannot be read: there is no such file"
    );
}

#[test]
fn the_process_wins_over_env_files_and_later_ones_over_earlier() {
    let files = [
        ("compose.yaml", WEB),
        (".env", "TAG=default\n"),
        ("one.env", "TAG=one\n"),
        ("two.env", "TAG=two-${TAG}\n"),
    ];
    assert_eq!(image(&Folder::new(&files)), r#""x:default""#);
    let env_files = |names: &'static [&'static str]| {
        Folder::new(&files).with(|given| given.env_files = names.iter().map(Into::into).collect())
    };
    assert_eq!(image(&env_files(&["one.env"])), r#""x:one""#);
    assert_eq!(image(&env_files(&["one.env", "two.env"])), r#""x:two-one""#);
    assert_eq!(
        image(&env_files(&["one.env"]).variable("TAG", "process")),
        r#""x:process""#
    );
    let listed = Folder::new(&files).variable("COMPOSE_ENV_FILES", "one.env,two.env");
    assert_eq!(image(&listed), r#""x:two-one""#);
    let disabled = Folder::new(&files).variable("COMPOSE_DISABLE_ENV_FILE", "1");
    assert_eq!(image(&disabled), r#""x:none""#);
}

#[test]
fn a_project_is_called_by_argument_variable_file_or_folder() {
    let named =
        "name: My ${WHAT:-Shop}!\nservices:\n  web: {image: \"x:${COMPOSE_PROJECT_NAME}\"}\n";
    assert_eq!(image(&one(named)), r#""x:myshop""#);
    assert_eq!(
        image(&one(named).variable("COMPOSE_PROJECT_NAME", "v")),
        r#""x:v""#
    );
    let given = one(named).with(|given| given.project_name = Some("given".into()));
    assert_eq!(image(&given), r#""x:given""#);
    assert_eq!(given.value("/networks/default/name"), r#""given_default""#);
    let wrong = one(named).with(|given| given.project_name = Some("Given".into()));
    assert_eq!(
        wrong.said(),
        "error: \"Given\" cannot be a project's name; use lowercase letters, digits, \"-\" and \"_\", and begin with a letter or a digit"
    );
}

#[test]
fn env_files_of_services_are_read_below_what_they_say_themselves() {
    let folder = Folder::new(&[
        (
            "compose.yaml",
            "\
services:
  web:
    image: x
    environment: {A: own}
    env_file:
      - one.env
      - {path: two.env, format: raw}
      - {path: none.env, required: false}
",
        ),
        ("one.env", "A=file\nB='b'\nC=${A}\n"),
        ("two.env", "B='raw $x'\n"),
    ]);
    assert_eq!(
        folder.value("/services/web/environment"),
        r#"{"A":"own","B":"'raw $x'","C":"own"}"#
    );
    let read = folder.read();
    assert!(read.also_read.contains(&folder.path("none.env")));
    let set: Vec<&Setting> = read
        .variables
        .iter()
        .filter(|setting| setting.name == "B")
        .collect();
    assert_eq!(set.len(), 2);
    assert_eq!(set[0].origin, Origin::EnvFile(folder.path("one.env")));
    assert_eq!(set[1].service.as_deref(), Some("web"));
    let missing = one("services:\n  web: {image: x, env_file: [none.env]}\n");
    assert_eq!(
        missing.said(),
        "compose.yaml:2:30: error: there is no env file none.env; make the file, or write \"required: false\" beside its \"path\""
    );
}

#[test]
fn what_is_printed_is_read_back_as_the_same() {
    let folder = one("\
name: shop
services:
  web:
    build: {context: ./web, args: {A: \"$$x\"}}
    command: sh -c 'echo $$HOME; sleep 1'
    ports: [\"127.0.0.1:8080-8081:80-81/udp\"]
    volumes: [data:/data, ./src:/app:ro]
    healthcheck: {test: curl x, interval: 90s, retries: 3}
    depends_on: {db: {condition: service_healthy}}
    ulimits: {nofile: {soft: 1, hard: 2}}
    cpus: 0.5
    mem_limit: 64m
  db: {image: y, environment: {A: \"1\", B: null, C: \"yes\"}, networks: {back: {aliases: [store]}}}
volumes: {data: {}}
networks: {back: {internal: true}}
");
    let printed = folder.read().to_yaml();
    let first = folder.value("");
    std::fs::write(folder.path("printed.yaml"), &printed).expect("written");
    let again = folder.with(|given| given.files = vec!["printed.yaml".into()]);
    assert_eq!(again.value(""), first, "\n{printed}");
}

#[test]
fn what_sets_a_variable_is_told_in_the_order_in_which_it_counts() {
    let folder = Folder::new(&[
        (
            "compose.yaml",
            "include: [inner/compose.yaml]\nservices:\n  web: {image: x}\n",
        ),
        (
            "inner/compose.yaml",
            "services:\n  db: {image: \"y:${TAG}${ONLY}\"}\n",
        ),
        (".env", "TAG=1\n"),
        ("inner/.env", "TAG=2\nONLY=3\n"),
    ]);
    assert_eq!(folder.value("/services/db/image"), r#""y:13""#);
    let read = folder.read();
    let of = |name: &str| {
        let mut settings = read.variables.iter().filter(|setting| setting.name == name);
        let last = settings.next_back().expect("it is set");
        (last.value.clone().unwrap_or_default(), last.origin.clone())
    };
    assert_eq!(
        of("TAG"),
        ("1".into(), Origin::EnvFile(folder.path(".env")))
    );
    assert_eq!(
        of("ONLY"),
        ("3".into(), Origin::EnvFile(folder.path("inner/.env")))
    );
    assert_eq!(of("HOME"), ("/home/someone".into(), Origin::Process));
}
