//! Plans of services of compose files, of which every rule counts.

use super::*;
use crate::stack::Hook;

#[test]
fn of_a_compose_file_every_rule_that_matches_counts() {
    let folder = tree(&[
        ("web/Dockerfile", ""),
        ("web/.dockerignore", "src/secret\n"),
        ("web/src/a.py", ""),
    ]);
    let web = folder.path().join("web");
    let mut service = built("web", &web);
    service.every_rule = true;
    let exec = Then::Exec(Box::new(Hook::plain(CommandWords::Shell("reload".into()))));
    service.watch = vec![
        rule(web.join("src"), sync("/etc/app", exec), &[]),
        rule(web.join("src"), Reaction::Restart, &["static"]),
        WatchRule {
            include: vec!["*.py".into(), "deep/**".into()],
            initial_sync: true,
            ..rule(web.join("src"), sync("/app", Then::Nothing), &[])
        },
        rule(web.join("src/gen"), Reaction::Rebuild, &[]),
    ];
    let plan = plan(folder.path(), vec![service], Some(Runtime::Container));
    let both = "web:sync web/src/a.py>/app/a.py";
    let exec = |name: &str| format!("web:sync web/src/{name}>/etc/app/{name} then exec");
    for (path, expected) in [
        (
            "web/src/a.py",
            vec![both.to_owned(), "web:restart".into(), exec("a.py")],
        ),
        (
            "web/src/gen/b.py",
            vec![
                "web:rebuild".to_owned(),
                "web:restart".into(),
                exec("gen/b.py"),
            ],
        ),
        ("web/src/static/c.css", vec![exec("static/c.css")]),
        (
            "web/src/debug.log",
            vec!["web:restart".into(), exec("debug.log")],
        ),
        ("web/other.py", Vec::new()),
        ("web/Dockerfile", vec!["web:rebuild".into()]),
    ] {
        let found = asked(&plan, folder.path(), &[(path, false)]);
        assert_eq!(found, expected, "{path}");
    }
    // What its rules leave out of the context is left out of every rule.
    let ignored = asked(&plan, folder.path(), &[("web/src/secret/k.py", false)]);
    assert_eq!(ignored, Vec::<String>::new());
    let gone = asked(&plan, folder.path(), &[("web/src/a.py", true)]);
    assert_eq!(
        gone[0], "web:sync ->/app/a.py",
        "what is gone is deleted inside"
    );
    let filled: Vec<PathBuf> = ["a.py", "c.css"]
        .map(|name| web.canonicalize().unwrap().join("src").join(name))
        .into();
    let filled = plan.synced(&"web".into(), filled.iter());
    let targets: Vec<&str> = filled.iter().map(|(copy, _)| copy.to.as_str()).collect();
    assert_eq!(targets, ["/app/a.py"]);
}
