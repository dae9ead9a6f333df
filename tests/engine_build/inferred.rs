//! Where files really land, against what is inferred from the Dockerfile alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use boatyard::adapters::build::{Builder, Inference, Inferred, OnDisk};

use crate::classic;
use crate::support::{BASE, Yard, described};

/// The files of the context. Each has its own path as its content, so that it is known wherever it lands.
const FILES: [&str; 14] = [
    "app.py",
    "Procfile",
    "package.json",
    "package-lock.json",
    "a.conf",
    "src/main.py",
    "src/lib/util.py",
    "src/lib/deep/x.py",
    "src/[odd] name",
    "web/index.html",
    "web/main.py",
    "conf/main.py",
    "conf/other.conf",
    "my file.txt",
];

/// Dockerfiles, of whose files this many at least are inferred to land.
const DOCKERFILES: [(&str, usize); 24] = [
    ("COPY . /ctx", 14),
    ("COPY . /", 14),
    ("WORKDIR /w\nCOPY . .", 14),
    ("WORKDIR /w\nWORKDIR x\nCOPY src/ ./y\nCOPY . ../z/", 14),
    (
        "WORKDIR /w\nCOPY src .\nCOPY *.py ./py/\nCOPY conf/main.py /etc/x.py",
        6,
    ),
    ("COPY src/* /flat/", 4),
    ("COPY src/[[]odd]* /odd/\nCOPY package*.json /pack/", 2),
    ("COPY s?c w*b /two/", 4),
    ("COPY */main.py /m/\nCOPY conf/*.conf /c/", 1),
    (
        "ENV D=/d\nARG E=e\nCOPY app.py $D/$E/\nCOPY [\"my file.txt\", \"/with space/\"]",
        2,
    ),
    (
        "ARG GIVEN\nENV A=\"/a b\" B=$GIVEN\nCOPY [\"src\", \"${A}/${B}\"]",
        4,
    ),
    ("COPY src /app\nCOPY web /app", 5),
    ("COPY src web /app/", 4),
    (
        "WORKDIR /app\nCOPY app.py /app\nCOPY Procfile Procfile\nCOPY Procfile proc.d/",
        2,
    ),
    (
        "COPY src/main.py /app/\nCOPY app.py /app\nCOPY a.conf /etc/b.conf",
        3,
    ),
    (
        "COPY web /app/web\nCOPY app.py /app\nCOPY package.json /app/package.json",
        4,
    ),
    ("ADD src /added\nADD web/ /added/w/", 6),
    ("COPY --chown=7:8 --chmod=640 src/main.py app.py /own/", 2),
    ("COPY app.py /bin/\nCOPY app.py /usr.py", 1),
    (
        "COPY ../src /up\nCOPY /web/. /dot\nCOPY ./conf/../app.py /x/",
        7,
    ),
    ("copy \\\n# why\n  src \\\n\n  /app/", 4),
    (
        "COPY . /all\nCOPY web/main.py /all/src/\nCOPY conf /all/src/lib",
        13,
    ),
    ("RUN mkdir -p /a/b\nCOPY web /a/b\nVOLUME /other", 2),
    ("COPY --from=base /pre/main.py /pre/\nCOPY web /app", 2),
];

/// Stages that come before the one of the table.
const BEFORE: &str = "FROM {BASE} AS base\nWORKDIR /pre\nCOPY src .\nFROM {BASE} AS unused\nRUN echo\nFROM base AS between\n\
                      COPY conf conf\n";

fn lay_out(yard: &Yard) {
    for file in FILES {
        yard.write(file, content(file));
    }
}

/// Each is of another length: some storage drivers take a file of the same size and second for the same.
fn content(file: &str) -> String {
    let number = FILES.iter().position(|other| *other == file).unwrap_or(0);
    format!("{file} {}", "._".repeat(number * 20))
}

/// Where each file is in an image.
async fn places(yard: &Yard, image: &str) -> BTreeMap<&'static str, BTreeSet<String>> {
    let tree = yard.tree(image, "").await;
    let mut places = BTreeMap::new();
    for file in FILES {
        let mark = described(content(file).as_bytes());
        let of_it = tree.iter().filter(|(_, what)| what.ends_with(&mark));
        places.insert(file, of_it.map(|(path, _)| format!("/{path}")).collect());
    }
    places
}

/// Builds and compares; answers with how many files are inferred to land.
async fn compare(yard: &mut Yard, text: &str) -> usize {
    yard.build.args = vec![("GIVEN".into(), "given".into())];
    fs::write(&yard.build.dockerfile, text).unwrap();
    let outcome = yard.make().await;
    assert!(outcome.result.is_ok(), "{text}\n{:?}", outcome.result);
    let real = places(yard, outcome.image()).await;
    let inference = Inference::new(&yard.service("app"), text);
    let mut landed = 0;
    for file in FILES {
        let inferred = inference.of(file, &OnDisk(&yard.build.context));
        let Inferred::Lands(landings) = inferred else {
            continue;
        };
        landed += 1;
        let found: BTreeSet<String> = landings.into_iter().map(|landing| landing.to).collect();
        assert_eq!(found, real[file], "{text}\n{file}");
    }
    landed
}

#[tokio::test]
async fn files_land_where_it_is_inferred() {
    for builder in [Builder::BuildKit, classic()] {
        let Some(mut yard) = Yard::with(builder.clone()).await else {
            return;
        };
        lay_out(&yard);
        let is_classic = matches!(builder, Builder::Classic { .. });
        for (text, least) in DOCKERFILES
            .into_iter()
            .step_by(if is_classic { 4 } else { 1 })
        {
            let (for_buildkit, of_stage) = (text.contains("--chmod"), text.contains("--from=base"));
            if is_classic && (for_buildkit || of_stage) {
                continue;
            }
            let before = if of_stage {
                BEFORE.replace("{BASE}", BASE)
            } else {
                String::new()
            };
            let landed = compare(&mut yard, &format!("{before}FROM {BASE}\n{text}\n")).await;
            assert!(landed >= least, "{text}: only {landed} files");
        }
    }
}

#[tokio::test]
async fn stages_that_begin_with_others_are_followed() {
    let Some(mut yard) = Yard::new().await else {
        return;
    };
    lay_out(&yard);
    let text =
        BEFORE.replace("{BASE}", BASE) + "FROM between\nCOPY web/ .\nENV D=/d\nCOPY *.json $D/\n";
    assert!(compare(&mut yard, &text).await >= 8);
    yard.build.target = Some("base".into());
    assert_eq!(compare(&mut yard, &text).await, 4);
    yard.build.target = Some("between".into());
    assert!(compare(&mut yard, &text).await >= 6);
}

/// What was deleted is absent from the places that are inferred for its deletion.
#[tokio::test]
async fn deleted_files_are_absent_where_they_are_inferred_to_be_deleted() {
    let Some(yard) = Yard::new().await else {
        return;
    };
    lay_out(&yard);
    let text =
        format!("FROM {BASE}\nCOPY . /app\nCOPY src/* /flat/\nCOPY web /web\nCOPY conf /web\n");
    fs::write(&yard.build.dockerfile, &text).unwrap();
    let inference = Inference::new(&yard.service("app"), &text);
    let mut deleted = 0;
    for file in [
        "app.py",
        "src/lib/deep/x.py",
        "src/lib/util.py",
        "web/main.py",
        "conf/other.conf",
    ] {
        fs::remove_file(yard.build.context.join(file)).unwrap();
        let Inferred::Lands(landings) = inference.of(file, &OnDisk(&yard.build.context)) else {
            continue;
        };
        deleted += 1;
        let outcome = yard.make().await;
        let tree = yard.tree(outcome.image(), "").await;
        for landing in landings {
            let at = Path::new(&landing.to).strip_prefix("/").unwrap();
            assert!(
                !tree.contains_key(at.to_str().unwrap()),
                "{file}: {}",
                landing.to
            );
        }
    }
    assert_eq!(deleted, 4);
}
