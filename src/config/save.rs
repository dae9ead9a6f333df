//! A smoke check written to the end of the stack file, without touching anything else in it.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::stack::{Check, Stack};

use super::discover::{Options, is_compose};
use super::environment::reason;
use super::load::{Loaded, load, read};
use super::show;
use super::source::Source;

/// A check that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The file.
    pub file: PathBuf,
    /// The check's name, which may have got a number to be the only one of its kind.
    pub name: String,
    /// The line at which it begins.
    pub line: usize,
}

/// Appends a check to the stack file that these options name. What was in it stays as it is, byte by byte; the file is
/// replaced at once and keeps its mode. Nothing is written unless the result reads as the same stack with this check.
///
/// # Errors
/// Why it cannot be done, in words.
pub fn save_check(options: &Options, check: &Check) -> Result<Saved, String> {
    let loaded = load(options);
    let shown = loaded.file.display().to_string();
    if is_compose(&loaded.file) {
        return Err(format!(
            "{shown} is a compose file, which has no place for checks; `boatyard init` writes a boatyard.toml that adds to it"
        ));
    }
    let Some(before) = &loaded.stack else {
        return Err(format!(
            "{shown} has mistakes; correct them first (`boatyard check`)"
        ));
    };
    // A link stays a link.
    let file = fs::canonicalize(&loaded.file).map_err(|error| cannot(&shown, &error))?;
    let text = fs::read_to_string(&file).map_err(|error| cannot(&shown, &error))?;
    let check = Check {
        name: unused(&check.name, before),
        ..check.clone()
    };
    let (text_after, line) = appended(&text, &check);
    verify(&text_after, &loaded, before, &check, options)?;
    replace(&file, &text, &text_after).map_err(|error| cannot(&shown, &error))?;
    Ok(Saved {
        file: loaded.file,
        name: check.name,
        line,
    })
}

fn cannot(shown: &str, error: &io::Error) -> String {
    format!("{shown} cannot be written: {}", reason(error))
}

/// The name, with a number behind it if another check has it.
fn unused(name: &str, stack: &Stack) -> String {
    let is_free = |name: &String| stack.smoke.iter().all(|check| check.name != *name);
    let numbered = (2_u32..).map(|number| format!("{name} ({number})"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(is_free).unwrap_or_else(|| name.to_owned())
}

/// The text with the check behind it, and the line at which that begins.
fn appended(text: &str, check: &Check) -> (String, usize) {
    let mut added = String::new();
    if !text.is_empty() && !text.ends_with('\n') {
        added.push('\n');
    }
    if !text.trim().is_empty() {
        added.push('\n');
    }
    let line = text.matches('\n').count() + added.matches('\n').count() + 1;
    added.push_str(&written(check));
    if text.contains("\r\n") {
        added = added.replace('\n', "\r\n");
    }
    (format!("{text}{added}"), line)
}

/// The check as people write one: a line a key.
fn written(check: &Check) -> String {
    let mut tree = show::check(check);
    show::for_each_text(&mut tree, &|text| *text = text.replace('$', "$$"));
    let Value::Table(mut keys) = tree else {
        return String::new();
    };
    // What nobody said is what is usual.
    for (key, usual) in [
        ("retries", "0"),
        ("retry_delay", "\"500ms\""),
        ("timeout", "\"10s\""),
    ] {
        if keys
            .get(key)
            .is_some_and(|value| value.to_string() == usual)
        {
            keys.remove(key);
        }
    }
    let keys: Table = keys;
    let lines = keys
        .iter()
        .map(|(key, value)| format!("{key} = {}\n", inline(value)));
    format!("[[smoke]]\n{}", lines.collect::<String>())
}

/// The value on one line, in TOML.
fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) if table.is_empty() => "{}".into(),
        Value::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", key_of(key), inline(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn key_of(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !key.is_empty() && key.chars().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Reads what would be written: it must be the same stack with this check at its end.
fn verify(
    text: &str,
    loaded: &Loaded,
    before: &Stack,
    check: &Check,
    options: &Options,
) -> Result<(), String> {
    let source = Source::new(loaded.file.clone(), text.to_owned());
    let again = read(&source, &loaded.file, options);
    let Some(after) = again.stack else {
        let problem = again.problems.first().map(super::Problem::line);
        let why = problem.unwrap_or_default();
        return Err(format!(
            "the check cannot be appended to {}: {why}",
            loaded.file.display()
        ));
    };
    let mut expected = before.clone();
    expected.smoke.push(check.clone());
    if after == expected {
        Ok(())
    } else {
        Err(format!(
            "the check cannot be appended to {}: it would be read as something else",
            loaded.file.display()
        ))
    }
}

/// Puts another text in the file's place, unless the file is another one by now.
fn replace(file: &Path, before: &str, after: &str) -> io::Result<()> {
    let denied = |why: &str| Err(io::Error::other(why.to_owned()));
    let permissions = fs::metadata(file)?.permissions();
    if permissions.readonly() {
        return denied("it is read-only");
    }
    // Whoever may not write it may perhaps replace it, which is not what they were allowed.
    drop(OpenOptions::new().append(true).open(file)?);
    let folder = file.parent().unwrap_or(Path::new("/"));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_new(&beside, after, permissions).and_then(|()| {
        if fs::read_to_string(file)? != before {
            return Err(io::Error::other("it was saved meanwhile; try again"));
        }
        fs::rename(&beside, file)
    });
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}

fn write_new(path: &Path, text: &str, permissions: fs::Permissions) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(permissions)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::stack::{CheckKind, HttpExpect, HttpRequest, RequestBody, TraceExpect};

    const STACK: &str = "# the shop\nname = \"shop\"\n\n[services.web]   # the front\nrun = \"web\"\nports = [\"8080:80\"]\n\
                         [services.orders]\nrun = \"orders\"\n";

    fn check(name: &str, path: &str) -> Check {
        Check {
            name: name.into(),
            kind: CheckKind::Http {
                request: HttpRequest {
                    method: "POST".into(),
                    url: format!("http://web{path}"),
                    headers: [("x-tenant".to_owned(), "one".to_owned())]
                        .into_iter()
                        .collect(),
                    body: RequestBody::Json(json!({"sku": "tea", "odd key": [1, 2.5, true]})),
                },
                expect: HttpExpect {
                    status: Some(201),
                    json: [("$.state".to_owned(), json!("paid"))]
                        .into_iter()
                        .collect(),
                    ..HttpExpect::default()
                },
            },
            retries: 0,
            retry_delay: Duration::from_millis(500),
            timeout: Duration::from_secs(10),
            trace: Some(TraceExpect {
                through: vec!["web".into(), "orders".into()],
                errors: Some(0),
            }),
            faults: Vec::new(),
        }
    }

    fn folder(text: &str) -> (tempfile::TempDir, PathBuf, Options) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("boatyard.toml");
        fs::write(&file, text).unwrap();
        let options = Options {
            directory: Some(folder.path().into()),
            ..Options::default()
        };
        (folder, file, options)
    }

    #[test]
    fn a_check_is_appended_and_all_else_stays() {
        let (_folder, file, options) = folder(STACK);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let saved = save_check(&options, &check("it works", "/orders?a=1")).unwrap();
        assert_eq!((saved.name.as_str(), saved.line), ("it works", 10));
        let text = fs::read_to_string(&file).unwrap();
        let added = "\n[[smoke]]\nname = \"it works\"\n\
            request = { method = \"POST\", url = \"http://web/orders?a=1\", headers = { x-tenant = \"one\" }, json = { \"odd key\" = [1, 2.5, true], sku = \"tea\" } }\n\
            expect = { status = 201, json = { \"$.state\" = \"paid\" } }\n\
            trace = { through = [\"web\", \"orders\"], errors = 0 }\n";
        assert_eq!(text, format!("{STACK}{added}"));
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        let again = save_check(&options, &check("it works", "/orders")).unwrap();
        assert_eq!(again.name, "it works (2)");
        let stack = load(&options).stack.unwrap();
        assert_eq!(stack.smoke[1], check("it works (2)", "/orders"));
        let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn line_ends_links_and_missing_ends_are_kept() {
        let crlf = STACK.replace('\n', "\r\n");
        let (_folder, file, options) = folder(crlf.trim_end());
        let real = file.with_file_name("real.toml");
        fs::rename(&file, &real).unwrap();
        symlink(&real, &file).unwrap();
        save_check(&options, &check("a", "/")).unwrap();
        assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
        let text = fs::read_to_string(&real).unwrap();
        assert!(text.starts_with(crlf.trim_end()));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
        assert_eq!(load(&options).stack.unwrap().smoke.len(), 1);
    }

    #[test]
    fn what_cannot_be_done_is_said_and_nothing_is_written() {
        let inline = format!("smoke = [{{ name = \"a\", command = \"true\" }}]\n{STACK}");
        let cases = [
            (
                "[services.web]\nrun = 1\n".to_owned(),
                false,
                "has mistakes",
            ),
            (inline, false, "cannot be appended"),
            (STACK.to_owned(), true, "it is read-only"),
        ];
        for (text, read_only, expected) in cases {
            let (_folder, file, options) = folder(&text);
            if read_only {
                fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
            }
            let why = save_check(&options, &check("b", "/")).unwrap_err();
            assert!(why.contains(expected), "{why}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        let (_folder, _, options) = folder(STACK);
        let mut elsewhere = check("b", "/");
        elsewhere
            .trace
            .as_mut()
            .unwrap()
            .through
            .push("nobody".into());
        let why = save_check(&options, &elsewhere).unwrap_err();
        assert!(why.contains("nobody"), "{why}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_check_is_read_back(name in ".{1,20}", path in "/[!-~]{0,20}", text in any::<String>(), key in ".{1,8}") {
            let (_folder, _, options) = folder(STACK);
            let mut check = check(&name, "/");
            let CheckKind::Http { request, expect } = &mut check.kind else { unreachable!() };
            request.url = format!("http://web{}", path.replace('#', ""));
            request.body = RequestBody::Text(text.clone());
            request.headers.insert("x-key".into(), text.clone());
            expect.json.insert("$.a".into(), json!({ key: text }));
            let saved = save_check(&options, &check);
            // A request's body may not have what a file of text cannot have.
            let saved = saved.map_err(TestCaseError::fail)?;
            prop_assert_eq!(&saved.name, &name);
            prop_assert_eq!(load(&options).stack.unwrap().smoke, [check]);
        }
    }
}
