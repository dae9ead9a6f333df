//! Tables: a path, and what a save there asks of whom.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::stack::{Build, CommandWords, SyncMode, Then};

/// A folder with some files; a name that ends in `/` is a folder.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn built(name: &str, context: &Path) -> Service {
    let mut service = Service::named(name);
    service.build = Some(Build {
        inline: None,
        context: context.into(),
        dockerfile: context.join("Dockerfile"),
        target: None,
        args: Vec::new(),
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    service
}

fn run(name: &str, directory: &Path) -> Service {
    let mut service = Service::named(name);
    service.run = Some(CommandWords::Shell("true".into()));
    service.directory = directory.into();
    service
}

fn rule(path: PathBuf, reaction: Reaction, ignore: &[&str]) -> WatchRule {
    WatchRule {
        path,
        reaction,
        ignore: ignore.iter().map(|pattern| (*pattern).into()).collect(),
        include: Vec::new(),
        initial_sync: false,
    }
}

fn sync(target: &str, then: Then) -> Reaction {
    Reaction::Sync {
        target: target.into(),
        then,
    }
}

fn plan(folder: &Path, services: Vec<Service>, runtime: Option<Runtime>) -> Plan {
    let mut stack = Stack {
        file: folder.join("boatyard.toml"),
        also_read: vec![folder.join(".env")],
        directory: folder.to_path_buf(),
        ..Stack::default()
    };
    for service in services {
        stack.services.insert(service.name.clone(), service);
    }
    Plan::new(&stack, |_| runtime)
}

/// The actions in short: `web:rebuild`, `web:sync /from>/to`, `web:sync ->/to` for a deletion.
fn asked(plan: &Plan, folder: &Path, saved: &[(&str, bool)]) -> Vec<String> {
    let folder = folder.canonicalize().unwrap();
    let saved: Vec<Saved> = saved
        .iter()
        .map(|(name, gone)| Saved {
            path: folder.join(name),
            gone: *gone,
        })
        .collect();
    let from_to = |copy: &SyncCopy| {
        let from = copy.from.as_deref().map_or("-".into(), |from| {
            from.strip_prefix(&folder).unwrap().display().to_string()
        });
        format!("{from}>{}", copy.to)
    };
    let short = |action: Action| match action {
        Action::Infer { copies } => {
            let copies: Vec<String> = copies.iter().map(from_to).collect();
            format!("infer {}", copies.join(" "))
        }
        Action::Rebuild => "rebuild".to_owned(),
        Action::Restart => "restart".to_owned(),
        Action::Sync { copies, then } => {
            let copies = copies.iter().map(from_to);
            let then = match then {
                Then::Nothing => "",
                Then::Restart => " then restart",
                Then::Exec(_) => " then exec",
                Then::Signal(_) => " then signal",
            };
            format!("sync {}{then}", copies.collect::<Vec<_>>().join(" "))
        }
    };
    plan.actions(&saved)
        .into_iter()
        .map(|(name, action)| format!("{name}:{}", short(action)))
        .collect()
}

fn check(plan: &Plan, folder: &Path, table: &[(&str, &[&str])]) {
    for (path, expected) in table {
        assert_eq!(asked(plan, folder, &[(path, false)]), *expected, "{path}");
    }
}

#[test]
fn a_build_context_is_what_docker_packs() {
    let folder = tree(&[
        ("web/Dockerfile", ""),
        ("web/.dockerignore", "*.md\nlogs\n!logs/keep\nDockerfile\n"),
    ]);
    let plan = plan(
        folder.path(),
        vec![built("web", &folder.path().join("web"))],
        Some(Runtime::Container),
    );
    let rebuild: &[&str] = &["web:rebuild"];
    check(
        &plan,
        folder.path(),
        &[
            ("web/app.py", rebuild),
            ("web/deep/er/app.py", rebuild),
            ("web/node_modules/x/index.js", rebuild),
            ("web/Dockerfile", rebuild),
            ("web/.dockerignore", rebuild),
            ("web/logs/keep", rebuild),
            ("web/README.md", &[]),
            ("web/logs/a", &[]),
            ("web/app.py~", &[]),
            ("web/.app.py.swp", &[]),
            ("web/4913", &[]),
            ("web/.git/index", &[]),
            ("webs/app.py", &[]),
            ("app.py", &[]),
        ],
    );
    let root = folder.path().canonicalize().unwrap();
    assert!(
        plan.enters(&root.join("web/logs")),
        "an exception lies in it"
    );
    assert!(!plan.enters(&root.join("web/.git")));
    assert!(!plan.enters(&root));
}

#[test]
fn a_dockerfile_that_the_stack_was_read_from_is_still_a_reason_to_build() {
    let folder = tree(&[("web/Dockerfile", "EXPOSE 80\n"), ("web/app.py", "")]);
    let mut stack = Stack {
        directory: folder.path().to_path_buf(),
        also_read: vec![folder.path().join("web/Dockerfile")],
        ..Stack::default()
    };
    let service = built("web", &folder.path().join("web"));
    stack.services.insert(service.name.clone(), service);
    let plan = Plan::new(&stack, |_| Some(Runtime::Container));
    check(
        &plan,
        folder.path(),
        &[("web/Dockerfile", &["web:rebuild"])],
    );
}

#[test]
fn what_other_services_answer_for_is_left_to_them() {
    let folder = tree(&[("app.py", ""), ("api/app.py", ""), ("app.log", "")]);
    let services = vec![
        run("whole", folder.path()),
        run("api", &folder.path().join("api")),
    ];
    let plan = plan(folder.path(), services, Some(Runtime::Process));
    check(
        &plan,
        folder.path(),
        &[
            ("app.py", &["whole:restart"]),
            ("api/app.py", &["api:restart"]),
            ("app.log", &[]),
        ],
    );
}

#[test]
fn outside_a_repository_the_rules_of_the_stacks_folder_count() {
    let folder = tree(&[
        (".gitignore", ".data/\n"),
        ("api/app.py", ""),
        ("api/.data/x", ""),
    ]);
    let plan = plan(
        folder.path(),
        vec![run("api", &folder.path().join("api"))],
        Some(Runtime::Process),
    );
    check(
        &plan,
        folder.path(),
        &[("api/app.py", &["api:restart"]), ("api/.data/x", &[])],
    );
}

#[test]
fn a_dockerfile_elsewhere_with_rules_of_its_own() {
    let folder = tree(&[
        ("ci/web.Dockerfile", ""),
        ("ci/web.Dockerfile.dockerignore", "*\n!src\n"),
        (".dockerignore", "src"),
    ]);
    let mut service = built("web", folder.path());
    service.build.as_mut().unwrap().dockerfile = folder.path().join("ci/web.Dockerfile");
    let plan = plan(folder.path(), vec![service], None);
    check(
        &plan,
        folder.path(),
        &[
            ("src/a.c", &["web:rebuild"]),
            ("ci/web.Dockerfile", &["web:rebuild"]),
            ("ci/web.Dockerfile.dockerignore", &["web:rebuild"]),
            ("ci/other", &[]),
            ("doc/a", &[]),
        ],
    );
}

#[test]
fn a_process_restarts_for_what_git_would_keep() {
    let folder = tree(&[
        ("api/.gitignore", "*.log\n/data/\n"),
        ("api/src/app.py", ""),
        ("boatyard.toml", ""),
    ]);
    let plan = plan(
        folder.path(),
        vec![run("api", &folder.path().join("api"))],
        Some(Runtime::Process),
    );
    let restart: &[&str] = &["api:restart"];
    check(
        &plan,
        folder.path(),
        &[
            ("api/src/app.py", restart),
            ("api/new/file", restart),
            ("api/src/data/x", restart),
            ("api/debug.log", &[]),
            ("api/data/x", &[]),
            ("api/.gitignore", &[]),
            ("api/src/__pycache__/app.cpython-312.pyc", &[]),
            ("api/node_modules/a/b.js", &[]),
            ("api/.venv/bin/python", &[]),
            ("api/target/debug/api", &[]),
            ("api/.git/HEAD", &[]),
            ("api/src/#app.py#", &[]),
            ("other/app.py", &[]),
        ],
    );
    let root = folder.path().canonicalize().unwrap();
    assert!(!plan.enters(&root.join("api/data")));
    assert!(!plan.enters(&root.join("api/src/node_modules")));
    assert!(
        plan.takes(&root.join("api/.gitignore")),
        "its rules are read again"
    );
}

#[test]
fn what_a_service_runs_as_decides_about_its_default() {
    let folder = tree(&[("Dockerfile", ""), (".gitignore", "out\n")]);
    let mut both = built("app", folder.path());
    both.run = Some(CommandWords::Shell("true".into()));
    both.directory = folder.path().into();
    let cases = [
        (Some(Runtime::Container), "out/x", vec!["app:rebuild"]),
        (Some(Runtime::Process), "out/x", vec![]),
        (Some(Runtime::Process), "src/x", vec!["app:restart"]),
        (None, "src/x", vec!["app:rebuild"]),
    ];
    for (runtime, path, expected) in cases {
        let plan = plan(folder.path(), vec![both.clone()], runtime);
        assert_eq!(
            asked(&plan, folder.path(), &[(path, false)]),
            expected,
            "{runtime:?} {path}"
        );
    }
    let mut image = Service::named("db");
    image.image = Some("postgres".into());
    image.directory = folder.path().into();
    let plan = plan(folder.path(), vec![image], Some(Runtime::Container));
    assert!(asked(&plan, folder.path(), &[("src/x", false)]).is_empty());
}

#[test]
fn the_first_rule_that_matches_decides() {
    let folder = tree(&[("web/Dockerfile", "")]);
    let web = folder.path().join("web");
    let mut service = built("web", &web);
    service.watch = vec![
        rule(
            web.join("src"),
            sync("/app/src/", Then::Restart),
            &["*.test.js", "gen"],
        ),
        rule(web.join("static"), sync("/app/static", Then::Nothing), &[]),
        rule(
            web.join("conf/app.ini"),
            sync(
                "/etc/app.ini",
                Then::Signal(crate::stack::Signal::default()),
            ),
            &[],
        ),
        rule(
            web.join("conf/more.ini"),
            sync("/etc/app/", Then::Nothing),
            &[],
        ),
        rule(web.join("src"), Reaction::Rebuild, &[]),
        rule(web.join("requirements.txt"), Reaction::Rebuild, &[]),
        rule(web.join("settings"), Reaction::Restart, &[]),
    ];
    let plan = plan(folder.path(), vec![service], Some(Runtime::Container));
    check(
        &plan,
        folder.path(),
        &[
            (
                "web/src/a.js",
                &["web:sync web/src/a.js>/app/src/a.js then restart"],
            ),
            (
                "web/src/deep/a.js",
                &["web:sync web/src/deep/a.js>/app/src/deep/a.js then restart"],
            ),
            ("web/src/a.test.js", &["web:rebuild"]),
            ("web/src/gen/x", &["web:rebuild"]),
            (
                "web/static/a.css",
                &["web:sync web/static/a.css>/app/static/a.css"],
            ),
            (
                "web/conf/app.ini",
                &["web:sync web/conf/app.ini>/etc/app.ini then signal"],
            ),
            (
                "web/conf/more.ini",
                &["web:sync web/conf/more.ini>/etc/app/more.ini"],
            ),
            ("web/conf/other.ini", &["web:rebuild"]),
            ("web/requirements.txt", &["web:rebuild"]),
            ("web/settings/a", &["web:restart"]),
            ("web/other", &["web:rebuild"]),
            ("web/src/.a.js.swp", &[]),
        ],
    );
}

#[test]
fn what_no_rule_takes_of_a_build_context_rebuilds() {
    let folder = tree(&[
        ("web/Dockerfile", ""),
        ("web/.dockerignore", "*.md\nnode_modules\n"),
    ]);
    let web = folder.path().join("web");
    let mut service = built("web", &web);
    service.watch = vec![
        rule(
            web.join("src"),
            sync("/app/src", Then::Nothing),
            &["gen", "*.tmp"],
        ),
        rule(web.join("src/gen/keep"), Reaction::Restart, &[]),
        rule(folder.path().join("lib"), Reaction::Restart, &[]),
    ];
    let rebuild: &[&str] = &["web:rebuild"];
    let table: &[(&str, &[&str])] = &[
        ("web/src/a.js", &["web:sync web/src/a.js>/app/src/a.js"]),
        ("web/src/a.tmp", &[]),
        ("web/src/gen/x", &[]),
        ("web/src/gen/keep/x", &["web:restart"]),
        ("lib/x", &["web:restart"]),
        ("web/package.json", rebuild),
        ("web/deep/er/x", rebuild),
        ("web/Dockerfile", rebuild),
        ("web/.dockerignore", rebuild),
        ("web/Dockerfile.dockerignore", rebuild),
        ("web/README.md", &[]),
        ("web/node_modules/a/b.js", &[]),
        ("web/.git/index", &[]),
        ("web/.package.json.swp", &[]),
        ("other", &[]),
    ];
    let as_container = plan(
        folder.path(),
        vec![service.clone()],
        Some(Runtime::Container),
    );
    check(&as_container, folder.path(), table);
    let root = folder.path().canonicalize().unwrap();
    assert!(as_container.enters(&root.join("web/deep")));
    assert!(as_container.enters(&root.join("web/src/gen/keep")));
    assert!(!as_container.enters(&root.join("web/src/gen/other")));
    assert!(!as_container.enters(&root.join("web/node_modules")));
    service.run = Some(CommandWords::Shell("true".into()));
    let as_process = plan(folder.path(), vec![service], Some(Runtime::Process));
    check(
        &as_process,
        folder.path(),
        &[("lib/x", &["web:restart"]), ("web/package.json", &[])],
    );
}

#[test]
fn a_rule_for_the_whole_context_leaves_the_dockerfile_to_the_build_unless_it_names_it() {
    let folder = tree(&[("Dockerfile", ""), ("app.py", "")]);
    let mut service = built("web", folder.path());
    service.watch = vec![rule(
        folder.path().to_owned(),
        sync("/app", Then::Nothing),
        &["data"],
    )];
    let whole = plan(folder.path(), vec![service.clone()], None);
    check(
        &whole,
        folder.path(),
        &[
            ("Dockerfile", &["web:rebuild"]),
            ("app.py", &["web:sync app.py>/app/app.py"]),
            ("data/x", &[]),
        ],
    );
    let root = folder.path().canonicalize().unwrap();
    assert!(!whole.enters(&root.join("data")), "nobody looks there");
    let named = rule(folder.path().join("Dockerfile"), Reaction::Restart, &[]);
    service.watch.insert(0, named);
    let named = plan(folder.path(), vec![service], None);
    check(&named, folder.path(), &[("Dockerfile", &["web:restart"])]);
}

#[test]
fn a_service_without_a_build_looks_where_its_rules_say_and_nowhere_else() {
    let folder = tree(&[("conf/a", ""), ("b", "")]);
    let mut service = Service::named("db");
    service.image = Some("postgres".into());
    service.directory = folder.path().into();
    service.watch = vec![rule(
        folder.path().join("conf"),
        sync("/etc/db", Then::Nothing),
        &[],
    )];
    let plan = plan(folder.path(), vec![service], Some(Runtime::Container));
    check(
        &plan,
        folder.path(),
        &[("conf/a", &["db:sync conf/a>/etc/db/a"]), ("b", &[])],
    );
}

#[test]
fn many_files_ask_once_and_deletions_are_synced() {
    let folder = tree(&[("a/Dockerfile", ""), ("b/x", "")]);
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let mut first = built("a", &a);
    first.watch = vec![
        rule(a.join("src"), sync("/src", Then::Nothing), &[]),
        rule(a.join("lib"), sync("/lib", Then::Restart), &[]),
        rule(a.clone(), Reaction::Rebuild, &[]),
    ];
    let mut second = Service::named("b");
    second.watch = vec![
        rule(a.join("src"), Reaction::Restart, &[]),
        rule(b, Reaction::Restart, &[]),
    ];
    let plan = plan(folder.path(), vec![first, second], Some(Runtime::Container));
    let saved = [
        ("a/src/1", false),
        ("a/src/2", true),
        ("a/lib/3", false),
        ("a/go.mod", false),
        ("b/x", false),
    ];
    assert_eq!(
        asked(&plan, folder.path(), &saved),
        [
            "a:sync a/src/1>/src/1 ->/src/2",
            "a:sync a/lib/3>/lib/3 then restart",
            "a:rebuild",
            "b:restart"
        ]
    );
}

#[test]
fn the_stack_file_is_left_to_the_reload_unless_a_rule_names_it() {
    let folder = tree(&[("boatyard.toml", ""), (".env", ""), ("Dockerfile", "")]);
    let mut ruled = Service::named("ruled");
    ruled.watch = vec![rule(folder.path().join(".env"), Reaction::Restart, &[])];
    let services = vec![
        built("web", folder.path()),
        run("api", folder.path()),
        ruled,
    ];
    let plan = plan(folder.path(), services, None);
    check(
        &plan,
        folder.path(),
        &[
            ("boatyard.toml", &[]),
            (".env", &["ruled:restart"]),
            ("app.py", &["web:rebuild", "api:restart"]),
        ],
    );
    let root = folder.path().canonicalize().unwrap();
    assert!(
        plan.is_stack_file(&root.join("boatyard.toml")) && plan.is_stack_file(&root.join(".env"))
    );
}

#[test]
fn a_root_that_is_not_there_yet_is_known_by_the_way_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = Service::named("web");
    service.watch = vec![rule(folder.path().join("a/b/src"), Reaction::Restart, &[])];
    let plan = plan(folder.path(), vec![service], None);
    let root = folder.path().canonicalize().unwrap();
    assert!(plan.leads_to_root(&root.join("a")));
    assert!(plan.leads_to_root(&root.join("a/b/src")));
    assert!(!plan.leads_to_root(&root.join("a/c")));
    assert!(plan.enters(&root.join("a/b/src/deep")));
}

#[path = "plan_inferred_tests.rs"]
mod inferred;

#[path = "plan_every_rule_tests.rs"]
mod every_rule;
