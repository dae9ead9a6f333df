//! Ignore rules against the verdicts of Docker's and git's own matchers.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[path = "support/corpus.rs"]
mod corpus;

use std::fs;
use std::path::Path;

use boatyard::adapters::ignore_rules::{DockerIgnore, GitIgnore};
use corpus::corpus;
use serde_json::Value;

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default()
}

fn rules_of(case: &Value) -> DockerIgnore {
    match case["text"].as_str() {
        Some(text) => DockerIgnore::parse(text),
        None => DockerIgnore::from_patterns(strings(&case["patterns"])),
    }
}

#[test]
fn docker_verdicts_of_the_table() {
    let Some(path) = corpus("dockerignore.json") else {
        return;
    };
    let table = json(&path);
    let mut wrong = Vec::new();
    let cases = table["dockerignore_matches"].as_array().unwrap();
    for case in cases {
        let rules = rules_of(case);
        let path = case["path"].as_str().unwrap();
        let refused = !rules.problems().is_empty();
        if case["error"].as_bool().unwrap_or(false) != refused {
            wrong.push(format!("refused {refused}: {case}"));
            continue;
        }
        let verdict = rules.excludes(path, false);
        if case["context_excluded"]
            .as_bool()
            .is_some_and(|wanted| wanted != verdict)
        {
            wrong.push(format!("excluded {verdict}: {case}"));
        }
        let entire = verdict && !rules.could_contain_included(path);
        if case["entire_dir_excluded"]
            .as_bool()
            .is_some_and(|wanted| wanted != entire)
        {
            wrong.push(format!("entire {entire}: {case}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn docker_reads_lines_as_the_table_says() {
    let Some(path) = corpus("dockerignore.json") else {
        return;
    };
    for case in json(&path)["dockerignore_parse"].as_array().unwrap() {
        let rules = DockerIgnore::parse(case["text"].as_str().unwrap());
        let lone = strings(&case["patterns"])
            .iter()
            .filter(|pattern| **pattern == "!")
            .count();
        let wanted: Vec<&str> = strings(&case["patterns"])
            .into_iter()
            .filter(|pattern| *pattern != "!")
            .collect();
        assert_eq!(rules.patterns().collect::<Vec<_>>(), wanted);
        assert_eq!(rules.problems().len(), lone);
    }
}

#[test]
fn docker_contexts_of_the_table() {
    let Some(path) = corpus("dockerignore.json") else {
        return;
    };
    let mut wrong = Vec::new();
    for case in json(&path)["dockerignore_trees"].as_array().unwrap() {
        if case["kind"] != "context" {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        lay_out(folder.path(), case);
        let dockerfile = folder
            .path()
            .join(case["dockerfile"].as_str().unwrap_or("Dockerfile"));
        let rules = DockerIgnore::for_build(folder.path(), &dockerfile).unwrap();
        if case["error"].is_string() == rules.problems().is_empty() {
            wrong.push(format!("problems {:?}: {case}", rules.problems()));
        }
        if case["error"].is_string() {
            continue;
        }
        for path in strings(&case["must_exist"]) {
            if rules.excludes(path, false) {
                wrong.push(format!("{path} is excluded: {case}"));
            }
        }
        for path in strings(&case["must_not_exist"]) {
            let was_there = folder.path().join(path).exists();
            if was_there && !rules.excludes(path, false) {
                wrong.push(format!("{path} is included: {case}"));
            }
        }
        if case["kept_files"].is_array() {
            let mut kept: Vec<&str> = strings(&case["files"]);
            kept.retain(|path| !rules.excludes(path, false));
            kept.sort_unstable();
            if kept != strings(&case["kept_files"]) {
                wrong.push(format!("kept {kept:?}: {case}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn lay_out(folder: &Path, case: &Value) {
    for file in strings(&case["files"]) {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    if let Some(text) = case["dockerignore"].as_str() {
        fs::write(folder.join(".dockerignore"), text).unwrap();
    }
    for (name, text) in case["extra_ignore_files"].as_object().into_iter().flatten() {
        fs::write(folder.join(name), text.as_str().unwrap()).unwrap();
    }
}

#[test]
fn docker_verdicts_on_real_projects() {
    let Some(path) = corpus("ignore-real/docker") else {
        return;
    };
    let mut seen = 0;
    for entry in fs::read_dir(path).unwrap() {
        let case = json(&entry.unwrap().path());
        let rules = DockerIgnore::parse(case["dockerignore"].as_str().unwrap());
        assert_eq!(
            case["error"].is_null(),
            rules.problems().is_empty(),
            "{}",
            case["repo"]
        );
        let mut excluded = strings(&case["paths"]);
        excluded.retain(|path| rules.excludes(path, false));
        assert_eq!(excluded, strings(&case["excluded"]), "{}", case["repo"]);
        for path in excluded.iter().filter(|path| path.contains('/')) {
            assert!(!rules.excludes(path, false) || rules.which_line(path).is_some());
        }
        check_walk(
            &rules,
            &strings(&case["paths"]),
            &strings(&case["excluded"]),
        );
        seen += 1;
    }
    assert!(seen > 50, "only {seen} projects");
}

/// A walk that does not enter folders which cannot contain anything included finds all that is included.
fn check_walk(rules: &DockerIgnore, paths: &[&str], excluded: &[&str]) {
    for path in paths.iter().filter(|path| !excluded.contains(path)) {
        for (end, _) in path.match_indices('/') {
            let folder = &path[..end];
            assert!(
                !rules.excludes(folder, true) || rules.could_contain_included(folder),
                "{folder} would not be entered, {path} is included"
            );
        }
    }
}

#[test]
fn the_deciding_line_is_named() {
    let rules = DockerIgnore::parse("# generated\n\n*.log\n /build/ \n!build/keep\n");
    assert_eq!(rules.which_line("a.log"), Some((3, "*.log")));
    assert_eq!(rules.which_line("build/x/y"), Some((4, "/build/")));
    assert_eq!(rules.which_line("build/keep/z"), Some((5, "!build/keep")));
    assert_eq!(rules.which_line("src/a.rs"), None);
    assert!(!rules.excludes("build/keep/z", false));
}

#[test]
fn excluded_folders_are_entered_only_for_exceptions_inside() {
    let rules = DockerIgnore::parse("node_modules\nvendor\n!vendor/ours\n.git\n");
    assert!(!rules.could_contain_included("node_modules"));
    assert!(rules.could_contain_included("vendor"));
    assert!(!rules.could_contain_included("vendor/theirs"));
    assert!(!rules.could_contain_included(".git"));
    assert!(rules.could_contain_included("src"));
    let later = DockerIgnore::parse("!vendor/ours\nvendor\n");
    assert!(!later.could_contain_included("vendor"));
}

#[test]
fn git_verdicts_on_real_projects() {
    let Some(path) = corpus("ignore-real/git") else {
        return;
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for entry in fs::read_dir(path).unwrap() {
        let case = json(&entry.unwrap().path());
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(".git")).unwrap();
        for (name, text) in case["gitignores"].as_object().unwrap() {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.as_str().unwrap()).unwrap();
        }
        let rules = GitIgnore::for_folder(folder.path(), folder.path());
        let ignored = strings(&case["ignored"]);
        for path in strings(&case["paths"]) {
            let in_git = path.split('/').any(|part| part == ".git");
            if (ignored.contains(&path) || in_git) != rules.excludes(path, false) {
                wrong.push(format!(
                    "{}: {path} {}",
                    case["repo"],
                    ignored.contains(&path)
                ));
            }
            seen += 1;
        }
    }
    assert!(
        wrong.is_empty() && seen > 1000,
        "{} of {seen}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn git_rules_of_the_repository_above_and_its_private_ones_hold() {
    let folder = tempfile::tempdir().unwrap();
    let service = folder.path().join("services/web");
    fs::create_dir_all(folder.path().join(".git/info")).unwrap();
    fs::create_dir_all(service.join("src")).unwrap();
    fs::write(folder.path().join(".git/info/exclude"), "private\n").unwrap();
    fs::write(
        folder.path().join(".gitignore"),
        "*.pyc\n/services/*/tmp/\n",
    )
    .unwrap();
    fs::write(service.join("src/.gitignore"), "!keep.pyc\n").unwrap();
    let rules = GitIgnore::for_folder(&service, &service);
    let table = [
        ("app.py", false, false),
        ("app.pyc", false, true),
        ("src/keep.pyc", false, false),
        ("keep.pyc", false, true),
        ("tmp", true, true),
        ("tmp/x", false, true),
        ("private", false, true),
        (".git/HEAD", false, true),
    ];
    for (path, is_dir, wanted) in table {
        assert_eq!(rules.excludes(path, is_dir), wanted, "{path}");
    }
}

#[test]
fn git_verdicts_of_the_table() {
    let Some(path) = corpus("dockerignore.json") else {
        return;
    };
    let mut wrong = Vec::new();
    for case in json(&path)["gitignore_matches"].as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join(".gitignore"),
            case["text"].as_str().unwrap(),
        )
        .unwrap();
        let path = case["path"].as_str().unwrap();
        let root = case["root"].as_str().unwrap();
        let below = match path.strip_prefix(root) {
            Some(rest) if root != "." => rest.trim_start_matches('/'),
            _ => path.trim_start_matches("./"),
        };
        let verdict = GitIgnore::for_folder(folder.path(), folder.path())
            .excludes(below, case["is_dir"] == true);
        if case["ignored"].as_bool() != Some(verdict) {
            wrong.push(format!("{verdict}: {case}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
