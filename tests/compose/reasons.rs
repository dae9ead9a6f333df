//! Whether two messages give the same reason in different words.

/// What a reason is called by the reference, and by Boatyard.
const WORDS: &[(&str, &str)] = &[
    (
        "dependency cycle detected",
        "wait for each other in a circle",
    ),
    ("include cycle detected", "include each other in a circle"),
    ("Circular reference", "extend each other in a circle"),
    ("env file", "there is no env file"),
    ("no such file or directory", "there is no such file"),
    ("invalid boolean", "expected true or false"),
    ("one of file|environment must be set", "needs one of"),
    (
        "MUST include service.platform",
        "is not among those that are built",
    ),
    (
        "empty section between colons",
        "empty section between colons",
    ),
    (
        "neither an image nor a build",
        "neither an image nor a build",
    ),
    ("Additional property", "unknown key"),
    ("required variable", "required variable"),
    ("No port specified", "no port specified"),
    ("depends on undefined service", "there is no service"),
    ("refers to undefined volume", "there is no volume"),
    ("refers to undefined network", "there is no network"),
    ("refers to undefined secret", "there is no secret"),
    ("refers to undefined config", "there is no config"),
    (
        "mutually exclusive `network_mode`",
        "\"network_mode\" and \"networks\" exclude each other",
    ),
    ("must be one of the following", "is not known"),
    ("must be a mapping", "expected a mapping"),
    ("yaml: line", "not valid YAML"),
];

/// Whether one of these messages gives the reference's reason. No reason given: any will do.
pub(crate) fn agree(reason: &str, said: &[String]) -> bool {
    if reason.is_empty() {
        return true;
    }
    let Some((_, ours)) = WORDS.iter().find(|(theirs, _)| reason.contains(theirs)) else {
        return false;
    };
    said.iter()
        .any(|line| line.contains(ours) && subjects(reason).all(|name| line.contains(name)))
}

/// What the reason is about, where the reference says it plainly: the key, the variable, the service.
fn subjects(reason: &str) -> impl Iterator<Item = &str> {
    let marks = [
        ("Additional property ", " "),
        ("required variable ", " "),
        ("depends on undefined service \"", "\""),
        ("refers to undefined volume ", ":"),
        ("service \"", "\" has neither"),
    ];
    marks.into_iter().filter_map(move |(before, after)| {
        let (_, rest) = reason.split_once(before)?;
        let (name, _) = rest.split_once(after)?;
        Some(name)
    })
}
