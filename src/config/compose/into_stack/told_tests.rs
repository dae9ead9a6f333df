//! What is told of compose files: what is not acted on, what cannot be run, what was read; and that nothing is passed over.

use super::*;

#[test]
fn what_is_not_acted_on_is_told_with_its_place() {
    let folder = folder_of(&[(
        "compose.yaml",
        "services:
  web:
    image: a
    deploy:
      placement: { constraints: [\"node.role == manager\"] }
      mode: replicated
    attach: false
    restart: on-failure:3
  db:
    image: a
    deploy:
      placement: { constraints: [\"node.role == worker\"] }
    volumes: [\"./a:/a:z\"]
    ports: [{ target: 1, protocol: sctp }]
",
    )]);
    let loaded = load(folder.path());
    assert!(loaded.stack.is_some());
    let mut said = said(&loaded);
    said.sort();
    let wanted = [
        "13: volumes.bind.selinux has no effect: what is mounted gets no other label",
        "14: a port of protocol sctp is not published",
        "5: deploy.placement has no effect on one machine (2 times in the project)",
        "8: the number of attempts in restart has no effect: Boatyard waits longer after each failure, and gives up after too many by itself",
    ];
    assert_eq!(said, wanted);
    assert!(
        loaded
            .problems
            .iter()
            .all(|problem| problem.severity == Severity::Warning)
    );
}

#[test]
fn what_is_not_to_run_need_not_be_right() {
    let folder = folder_of(&[(
        "compose.yaml",
        "services:
  api: { build: ./none }
  web: { image: a, depends_on: [db] }
  db: { image: a }
",
    )]);
    let load = |services: &[&str]| {
        let options = Options {
            directory: Some(folder.path().to_owned()),
            services: services.iter().map(ToString::to_string).collect(),
            ..Options::default()
        };
        entry::load(&options).expect("the file is there")
    };
    for wrong in [&[][..], &["api"], &["web", "api"]] {
        assert!(load(wrong).stack.is_none(), "{wrong:?}");
    }
    let right = load(&["web"]);
    assert!(right.problems.is_empty() && right.stack.is_some());
    assert!(load(&["no-such-name"]).stack.is_none());
}

#[test]
fn what_cannot_be_run_is_an_error_with_its_place() {
    let folder = folder_of(&[(
        "compose.yaml",
        "services:
  web: { build: ./none }
  git: { build: \"https://github.example/a/b.git\" }
  key: { image: a, secrets: [kept] }
secrets: { kept: { external: true } }
",
    )]);
    let loaded = load(folder.path());
    assert!(loaded.stack.is_none());
    let said = said(&loaded);
    assert!(
        said[0].starts_with("2: the build context ") && said[0].ends_with("none does not exist"),
        "{said:?}"
    );
    assert_eq!(
        said[1],
        "3: the build context https://github.example/a/b.git lies elsewhere, and is not fetched"
    );
    assert_eq!(
        said[2],
        "4: the secret \"kept\" is kept by a cluster, which is not asked for it"
    );
    assert!(loaded.problems.iter().all(|problem| problem.help.is_some()));
}

#[test]
fn a_check_without_a_command_is_refused() {
    for (test, wrong) in [
        ("[CMD]", true),
        ("[\"CMD-SHELL\"]", true),
        ("[NONE]", false),
        ("[CMD, up]", false),
        ("CMD", false),
        ("[]", false),
    ] {
        let web = format!("  web: {{ image: a, healthcheck: {{ test: {test} }} }}\n");
        let folder = folder_of(&[(
            "compose.yaml",
            &format!("services:\n{web}  db: {{ image: a }}\n"),
        )]);
        let all = load(folder.path());
        assert_eq!(all.stack.is_none(), wrong, "{test}: {:?}", said(&all));
        let db = Options {
            directory: Some(folder.path().to_owned()),
            services: vec!["db".into()],
            ..Options::default()
        };
        let db = entry::load(&db).expect("the file is there");
        assert!(db.stack.is_some(), "{test}: {:?}", said(&db));
    }
}

#[test]
fn a_port_that_two_services_have_is_told_unless_one_of_them_is_not_to_run() {
    let folder = folder_of(&[(
        "compose.yaml",
        "services:
  web: { image: a, ports: [\"8080:80\"] }
  api: { image: a, ports: [\"9090:90\", \"0.0.0.0:8080:80\"] }
  dns: { image: a, ports: [\"8080:80/udp\"] }
  any: { image: a, ports: [\"8070-8090:80\"] }
  old: { image: a, ports: [\"8080:80\"], profiles: [old] }
",
    )]);
    let load = |services: &[&str]| {
        let options = Options {
            directory: Some(folder.path().to_owned()),
            services: services.iter().map(ToString::to_string).collect(),
            ..Options::default()
        };
        said(&entry::load(&options).expect("the file is there"))
    };
    let shared = "3: port 8080 of this machine is used by the services \"web\" and \"api\"";
    assert_eq!(load(&[]), [shared]);
    assert_eq!(load(&["web", "api"]), [shared]);
    assert_eq!(load(&["web", "dns", "any"]), [""; 0]);
}

#[test]
fn of_a_range_any_port_will_do() {
    let web = service("services:\n  web: { image: a, ports: [\"8000-8010:80\", \"90:90\"] }\n");
    let ports = web.ports.iter().map(|port| (port.host, port.further));
    assert_eq!(ports.collect::<Vec<_>>(), [(Some(8000), 10), (Some(90), 0)]);
}

#[test]
fn every_file_that_was_read_is_remembered() {
    let folder = folder_of(&[
        (
            "compose.yaml",
            "services: { web: { build: ., env_file: web.env } }\n",
        ),
        (
            "compose.override.yaml",
            "services: { web: { environment: { A: b } } }\n",
        ),
        ("Dockerfile", "FROM scratch\n"),
        ("web.env", "B=c\n"),
        (".env", "C=d\n"),
    ]);
    let loaded = load(folder.path());
    let stack = loaded.stack.as_ref().unwrap();
    assert!(loaded.file.ends_with("compose.yaml"));
    for name in ["compose.override.yaml", "Dockerfile", "web.env", ".env"] {
        assert!(
            stack.also_read.iter().any(|file| file.ends_with(name)),
            "{name}: {:?}",
            stack.also_read
        );
    }
}

/// Each key of a service that the specification has is acted on, or told of.
#[test]
fn no_key_is_passed_over() {
    let Some(schema) = crate::corpus::corpus("compose-schema/compose-spec.json") else {
        return;
    };
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let keys = schema["definitions"]["service"]["properties"]
        .as_object()
        .unwrap();
    let told = |key: &str| {
        let pattern = format!("services.*.{key}");
        super::super::unheard::UNHEARD
            .iter()
            .any(|(known, _)| *known == pattern)
    };
    let passed_over: Vec<&String> = keys
        .keys()
        .filter(|key| !super::super::ACTED_ON.contains(&key.as_str()) && !told(key))
        .collect();
    assert_eq!(passed_over, Vec::<&String>::new());
}

/// Compose files of public projects that the reference accepts, if they are at hand.
fn public_files() -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<std::path::PathBuf> = crate::corpus::corpus("compose").into_iter().collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let text = path.to_string_lossy().into_owned();
            if path.is_dir() {
                open.push(path);
            } else if let Some(file) = text.strip_suffix(".expected.json") {
                found.push(file.into());
            }
        }
    }
    found.sort();
    found
}

/// What is wrong with them can only be that something is not on this machine.
#[test]
fn public_files_become_stacks() {
    // Not all of each project lies here, and some of what they are given is kept elsewhere.
    let about_the_world = [
        "does not exist",
        "lies elsewhere",
        "is kept by a cluster",
        "is not set",
        "there is no such file",
        "is to run",
    ];
    let files = public_files();
    let mut run = 0;
    let mut wrong = Vec::new();
    for file in &files {
        let options = Options {
            directory: file.parent().map(Path::to_path_buf),
            files: vec![file.clone()],
            ..Options::default()
        };
        let loaded = entry::load(&options).expect("the file is there");
        run += usize::from(loaded.stack.is_some());
        for problem in loaded.problems {
            let known = about_the_world
                .iter()
                .any(|known| problem.message.contains(known));
            if problem.severity == Severity::Error && !known {
                wrong.push(format!("{}\n{}", file.display(), problem.render(false)));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(
        run * 2 > files.len() || files.is_empty(),
        "{run} of {} run",
        files.len()
    );
}
