//! What holds whatever a Dockerfile says.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{FILES, Names, inferred, service};
use super::*;

/// Parts of which random Dockerfiles are made.
fn line() -> impl Strategy<Value = String> {
    let source = prop::sample::select(vec![
        ".",
        "src",
        "src/",
        "web",
        "app.py",
        "*.py",
        "src/*",
        "s?c",
        "conf/main.py",
        "\"app.py\"",
    ]);
    let target = prop::sample::select(vec![
        "/",
        "/app",
        "/app/",
        ".",
        "./x/",
        "lib",
        "$D",
        "/app/app.py",
    ]);
    prop_oneof![
        6 => (source, target).prop_map(|(source, target)| format!("COPY {source} {target}")),
        1 => Just("RUN make".to_owned()),
        1 => Just("WORKDIR /app".to_owned()),
        1 => Just("WORKDIR sub".to_owned()),
        1 => Just("ENV D=/d".to_owned()),
        1 => Just("FROM base AS other".to_owned()),
        1 => Just("FROM other".to_owned()),
        1 => Just("COPY --from=other /app /out".to_owned()),
        1 => Just("VOLUME /app/lib".to_owned()),
    ]
}

proptest! {
    /// Whatever the Dockerfile says: nothing panics, and what lands has an absolute, clean path that nothing covers.
    #[test]
    fn any_text_is_read(text in "\\PC*", path in "[a-z/.*]{0,12}") {
        inferred(&service(), &text, &path, &Names::new(FILES));
        inferred(&service(), &format!("FROM x\nCOPY {text} /x/"), &path, &Names::new(FILES));
        inferred(&service(), &format!("FROM x\nCOPY . {text}"), &path, &Names::new(FILES));
    }

    #[test]
    fn what_lands_is_sound(lines in prop::collection::vec(line(), 0..8), file in 0..FILES.len()) {
        let text = format!("FROM base\n{}", lines.join("\n"));
        let context = Names::new(FILES);
        let path = FILES[file].trim_end_matches(['@', '/']);
        if let Inferred::Lands(landings) = Inference::new(&service(), &text).of(path, &context) {
            prop_assert!(!landings.is_empty());
            let mut places = BTreeSet::new();
            for landing in &landings {
                prop_assert!(landing.to.starts_with('/') && clean(&landing.to) == landing.to, "{}", landing.to);
                prop_assert!(places.insert(&landing.to), "{} twice", landing.to);
                let line = text.lines().nth(landing.line - 1).unwrap_or_default();
                prop_assert_eq!(line, &landing.by);
                let rest: Vec<&str> = text.lines().skip(landing.line).collect();
                prop_assert!(!rest.contains(&"RUN make") || rest.iter().any(|line| line.starts_with("FROM")));
            }
            // A step that concerns nothing of this changes nothing; a RUN at the end spoils it.
            let more = format!("{text}\nENV Z=1\nLABEL a=b\nCMD x");
            prop_assert_eq!(
                inferred(&service(), &more, path, &context),
                inferred(&service(), &text, path, &context)
            );
            let spoiled = inferred(&service(), &format!("{text}\nRUN last"), path, &context);
            prop_assert!(spoiled.contains("`RUN last` may read it"), "{}", spoiled);
        }
    }

    /// The newest of two files that go to one place is the one that lands there.
    #[test]
    fn no_place_has_two_files(lines in prop::collection::vec(line(), 0..8)) {
        let text = format!("FROM base\n{}", lines.join("\n"));
        let context = Names::new(FILES);
        let mut all = BTreeMap::new();
        for file in FILES.iter().filter(|file| !file.ends_with(['@', '/'])) {
            if let Inferred::Lands(landings) = Inference::new(&service(), &text).of(file, &context) {
                for landing in landings {
                    let before = all.insert(landing.to.clone(), *file);
                    prop_assert_eq!(before, None, "{}\n{} has two files", text, landing.to);
                }
            }
        }
    }
}
