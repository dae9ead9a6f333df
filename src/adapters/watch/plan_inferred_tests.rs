//! Plans of services whose syncs are inferred.

use super::*;

#[test]
fn what_a_dockerfile_tells_is_synced_and_the_rest_rebuilt() {
    let folder = tree(&[
        (
            "web/Dockerfile",
            "FROM x\nCOPY requirements.txt /app/\nRUN pip install\nCOPY --chmod=644 src /app\n",
        ),
        ("web/.dockerignore", "**/*.md\n"),
        ("web/requirements.txt", ""),
        ("web/src/app.py", ""),
        ("web/src/own/x.css", ""),
    ]);
    let context = folder.path().join("web");
    let mut service = built("web", &context);
    service.sync = SyncMode::Auto;
    let only = plan(
        folder.path(),
        vec![service.clone()],
        Some(Runtime::Container),
    );
    check(
        &only,
        folder.path(),
        &[
            ("web/src/app.py", &["web:infer web/src/app.py>/app/app.py"]),
            ("web/requirements.txt", &["web:rebuild"]),
            ("web/other.txt", &["web:rebuild"]),
            ("web/Dockerfile", &["web:rebuild"]),
            ("web/.dockerignore", &["web:rebuild"]),
            ("web/src/notes.md", &[]),
        ],
    );
    let both = [("web/src/app.py", false), ("web/src/own/gone.css", true)];
    let two = "web:infer web/src/app.py>/app/app.py ->/app/own/gone.css";
    assert_eq!(asked(&only, folder.path(), &both), [two]);
    let spoiled = [both[0], ("web/requirements.txt", false), both[1]];
    assert_eq!(asked(&only, folder.path(), &spoiled), ["web:rebuild"]);
    let root = folder.path().canonicalize().unwrap();
    assert!(only.is_made_of(&root.join("web/Dockerfile")));
    assert!(!only.is_made_of(&root.join("web/src/app.py")));

    // A rule of the service's own counts first, and a process has no image.
    service.watch.push(rule(
        context.join("src/own"),
        sync("/srv", Then::Nothing),
        &[],
    ));
    let table: [(&str, &[&str]); 2] = [
        (
            "web/src/own/x.css",
            &["web:sync web/src/own/x.css>/srv/x.css"],
        ),
        ("web/src/app.py", &["web:infer web/src/app.py>/app/app.py"]),
    ];
    let ruled = plan(
        folder.path(),
        vec![service.clone()],
        Some(Runtime::Container),
    );
    check(&ruled, folder.path(), &table);
    let process = plan(folder.path(), vec![service], Some(Runtime::Process));
    check(
        &process,
        folder.path(),
        &[table[0], ("web/src/app.py", &[])],
    );
}

#[test]
fn a_change_of_very_many_files_is_rebuilt() {
    let folder = tree(&[("Dockerfile", "FROM x\nCOPY . /app\n")]);
    let mut service = built("web", folder.path());
    service.sync = SyncMode::Auto;
    let plan = plan(folder.path(), vec![service], Some(Runtime::Container));
    let names: Vec<String> = (0..201).map(|n| format!("{n}.py")).collect();
    for name in &names {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let all: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), false)).collect();
    assert_eq!(asked(&plan, folder.path(), &all), ["web:rebuild"]);
    let fewer = asked(&plan, folder.path(), &all[1..]);
    assert!(
        fewer[0].starts_with("web:infer 1.py>/app/1.py 2.py>"),
        "{fewer:?}"
    );
}
