//! Tables: a Dockerfile, a file of the context, and where it lands or why only a build can tell.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::*;
use crate::stack::{Build, Mount, MountKind, SyncMode};

/// A context by its files; a name with `@` at its end is a link, one with `/` an empty folder.
pub(super) struct Names(BTreeMap<String, Found>);

impl Names {
    pub(super) fn new<'a>(files: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = BTreeMap::from([(String::new(), Found::Folder)]);
        for name in files {
            let (name, what) = match (name.strip_suffix('@'), name.strip_suffix('/')) {
                (Some(name), _) => (name, Found::Other),
                (_, Some(name)) => (name, Found::Folder),
                (None, None) => (name, Found::File),
            };
            for (at, _) in name.match_indices('/') {
                all.insert(name[..at].to_owned(), Found::Folder);
            }
            all.insert(name.to_owned(), what);
        }
        Self(all)
    }
}

impl Context for Names {
    fn found(&self, path: &str) -> Found {
        self.0.get(path).copied().unwrap_or(Found::Nothing)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let below = self.0.keys().filter_map(|path| {
            let rest = match folder {
                "" => path.as_str(),
                folder => path.strip_prefix(folder)?.strip_prefix('/')?,
            };
            (!rest.is_empty() && !rest.contains('/')).then(|| rest.to_owned())
        });
        below.collect()
    }
}

/// What is in the context of the tables.
pub(super) const FILES: [&str; 16] = [
    "app.py",
    "a.conf",
    "Procfile",
    "package.json",
    "package-lock.json",
    "src/main.py",
    "src/lib/util.py",
    "src/lib/deep/x.py",
    "web/index.html",
    "web/main.py",
    "conf/main.py",
    "site.tar.gz",
    "link@",
    "my file.txt",
    "srcs/x",
    "empty/",
];

pub(super) fn service() -> Service {
    let mut service = Service::named("web");
    service.sync = SyncMode::Auto;
    service.build = Some(Build {
        inline: None,
        context: "/ctx".into(),
        dockerfile: "/ctx/Dockerfile".into(),
        target: None,
        args: vec![("GIVEN".into(), "given".into())],
        secrets: Vec::new(),
        labels: Vec::new(),
        network: None,
        no_cache: false,
        pull: false,
    });
    service
}

/// Where it lands, or `!` and why not.
pub(super) fn inferred(service: &Service, text: &str, path: &str, context: &Names) -> String {
    match Inference::new(service, text).of(path, context) {
        Inferred::Lands(landings) => {
            let mut places: Vec<&str> = landings.iter().map(|one| one.to.as_str()).collect();
            places.sort_unstable();
            places.join(" ")
        }
        Inferred::Rebuild(doubt) => format!("!{}", doubt.in_words()),
    }
}

/// A case a line: the Dockerfile, with ` ; ` between its lines and `FROM base` in front if it has no `FROM`; the file, with
/// `-` in front if it was deleted; and where it lands, or `!` and words of the reason why only a build can tell.
#[track_caller]
fn check(table: &str) {
    for case in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let [text, path, wanted] = case.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("what does `{case}` mean?");
        };
        let mut files: BTreeSet<&str> = FILES.into();
        let deleted = path.strip_prefix('-');
        files.remove(deleted.unwrap_or_default());
        let text = text.replace(" ; ", "\n");
        let text = if text.contains("FROM") {
            text
        } else {
            format!("FROM base\n{text}")
        };
        let path = deleted.unwrap_or(path);
        let found = inferred(&service(), &text, path, &Names::new(files));
        let fits = match wanted.strip_prefix('!') {
            Some(why) => found.starts_with('!') && found.contains(why),
            None => found == *wanted,
        };
        assert!(fits, "{case}\nfound {found}");
    }
}

#[test]
fn files_land_where_the_builder_puts_them() {
    check(
        r#"
        COPY . /app | app.py | /app/app.py
        COPY . /app | src/lib/util.py | /app/src/lib/util.py
        COPY . / | src/main.py | /src/main.py
        COPY ./ /app/ | src/main.py | /app/src/main.py
        COPY src /app | src/main.py | /app/main.py
        COPY src/ /app/src/ | src/lib/util.py | /app/src/lib/util.py
        COPY /src/. /app | src/main.py | /app/main.py
        COPY ../../src /app | src/main.py | /app/main.py
        COPY src /app | app.py | !no COPY takes it
        COPY src /app | srcs/x | !no COPY takes it
        COPY app.py /app/ | app.py | /app/app.py
        COPY app.py /app/app.py | app.py | /app/app.py
        COPY app.py /app/main.py | app.py | /app/main.py
        COPY app.py src/main.py /app/ | src/main.py | /app/main.py
        COPY app.py /app | app.py | !which may be a folder or not
        COPY a.conf /etc/conf.d | a.conf | !which may be a folder or not
        COPY Procfile /Procfile | Procfile | !which may be a folder or not
        WORKDIR /app ; COPY Procfile Procfile | Procfile | /app/Procfile
        WORKDIR /app ; COPY app.py /app | app.py | /app/app.py
        WORKDIR /app/x ; COPY app.py /app | app.py | /app/app.py
        COPY src /app ; COPY app.py /app | app.py | /app/app.py
        COPY src/main.py /app/ ; COPY app.py /app | app.py | /app/app.py
        COPY --link app.py /app | app.py | /app
        COPY --link=false app.py /app | app.py | !which may be a folder or not
        COPY src /app ; COPY --link app.py /app | app.py | /app
        WORKDIR /app ; COPY app.py . | app.py | /app/app.py
        WORKDIR /app ; COPY . . | src/main.py | /app/src/main.py
        WORKDIR /a ; WORKDIR b ; COPY . ./c | app.py | /a/b/c/app.py
        WORKDIR /a ; COPY . ../c/ | app.py | /c/app.py
        COPY . . | app.py | !only the base image knows
        WORKDIR x ; COPY . . | app.py | !only the base image knows
        FROM scratch ; COPY . . | app.py | /app.py
        FROM scratch ; WORKDIR x ; COPY . . | app.py | /x/app.py
        COPY ["my file.txt", "/a b/"] | my file.txt | /a b/my file.txt
        COPY --chown=1:2 ["app.py", "/x/"] | app.py | /x/app.py
        copy \ ; # why ;   src \ ;  ;   /app/ | src/main.py | /app/main.py
        # escape=` ; FROM base ; COPY src ` ;   /app/ | src/main.py | /app/main.py
        ADD src /app | src/main.py | /app/main.py
        ADD app.py /app/ | app.py | !unpacks what it takes for an archive
        ADD site.tar.gz /app/ | site.tar.gz | !unpacks what it takes for an archive
        COPY site.tar.gz /app/ | site.tar.gz | /app/site.tar.gz
        COPY . /app ; COPY src /other | src/main.py | /app/src/main.py /other/main.py
        COPY . /app ; COPY src /app/src | src/main.py | /app/src/main.py
        COPY . /app | Dockerfile | !says how the image is built
        COPY . /app | .dockerignore | !says how the image is built
        COPY . /app | src | !not a plain file
        COPY . /app | link | !not a plain file
        "#,
    );
}

#[test]
fn wildcards_are_those_of_go() {
    check(
        r"
        COPY *.py /app/ | app.py | /app/app.py
        COPY *.py /app/ | src/main.py | !no COPY takes it
        COPY package*.json /app/ | package-lock.json | /app/package-lock.json
        COPY *.py /app | app.py | !which may be a folder or not
        COPY *.json /x.json | package.json | !which may be a folder or not
        WORKDIR /app ; COPY *.py /app | app.py | /app/app.py
        COPY src/*.py /app/ | src/main.py | /app/main.py
        COPY s*c /app/ | src/lib/util.py | /app/lib/util.py
        COPY src/* /app/ | src/lib/util.py | /app/util.py
        COPY src/* /app/ | src/lib/deep/x.py | /app/deep/x.py
        COPY */main.py /app/ | src/main.py | !puts something else there
        COPY web /app ; COPY s[qr]c /app/ | src/main.py | /app/main.py
        COPY s[^r]c /app/ | src/main.py | !no COPY takes it
        COPY ?.conf /etc/ | a.conf | /etc/a.conf
        COPY **/x.py /app/ | src/lib/deep/x.py | !builders differ
        COPY [x /app/ | app.py | !builders differ
        COPY a\*b /app/ | app.py | !\ in a\*b is not known
        COPY *.new.py /app/ | -x.new.py | /app/x.new.py
        COPY l*k /app/ | app.py | !copies through link, which is a link
        ",
    );
}

#[test]
fn flags_are_followed_or_said() {
    check(
        r"
        COPY --parents src/lib /app/ | src/lib/util.py | /app/src/lib/util.py
        COPY --parents src/./lib /app/ | src/lib/util.py | /app/lib/util.py
        COPY --parents src/*.py /app | src/main.py | /app/src/main.py
        COPY --parents */./x /app/ | srcs/x | !builders differ
        COPY --exclude=*.md . /app | app.py | /app/app.py
        COPY --exclude=*.py . /app | app.py | !may leave it out
        COPY --exclude=main.py . /app | src/main.py | !may leave it out
        COPY --exclude=src . /app | src/main.py | !may leave it out
        COPY --exclude=!x . /app | app.py | !may leave it out
        COPY --chmod=755 . /app | app.py | /app/app.py
        COPY --chmod=u+x . /app | app.py | !--chmod=u+x is not a plain number
        COPY --new-flag . /app | app.py | !--new-flag is not known
        ADD --checksum=sha256:x http://h/f /x ; COPY . /app | app.py | /app/app.py
        ",
    );
    let stamp = |text: &str| {
        let text = format!("FROM base\n{text}");
        match Inference::new(&service(), &text).of("app.py", &Names::new(FILES)) {
            Inferred::Lands(landings) => landings[0].stamp.clone(),
            Inferred::Rebuild(doubt) => panic!("{text}: {doubt:?}"),
        }
    };
    for (flags, owner, mode) in [
        ("", "0:0", None),
        ("--chown=7:8 ", "7:8", None),
        ("--chown=7 ", "7:7", None),
        ("--chown=app:www --chmod=0640 ", "app:www", Some(0o640)),
    ] {
        let wanted = Stamp {
            owner: Some(owner.into()),
            mode,
        };
        assert_eq!(stamp(&format!("COPY {flags}. /app")), wanted, "{flags}");
    }
}

#[test]
fn variables_are_filled_in_or_a_reason_to_build() {
    check(
        r#"
        ENV HOME=/app ; COPY . $HOME | app.py | /app/app.py
        ENV A=/a B=$A ; ENV C=$A/c ; COPY . ${C}/x | app.py | /a/c/x/app.py
        ENV A=/a ; ENV A=/b B=$A ; COPY . $B/x | app.py | /a/x/app.py
        ENV A /a b ; COPY [".", "$A"] | app.py | /a b/app.py
        ARG D=/app ; COPY . $D | app.py | /app/app.py
        ARG GIVEN=other ; COPY . /$GIVEN | app.py | /given/app.py
        ARG NONE ; COPY . /$NONE | app.py | !the value of $NONE is not known
        COPY . /$NONE | app.py | !the value of $NONE is not known
        COPY . /${NONE:-app} | app.py | !the value of ${NONE:-app} is not known
        ARG S=src ; COPY $S /app | src/main.py | /app/main.py
        ARG TARGETARCH ; COPY . /$TARGETARCH | app.py | !is not known
        ENV A=/a ; ARG A=/b ; COPY . $A | app.py | !the value of $A is not known
        ARG A=/a ; ENV A=/b ; COPY . $A | app.py | /b/app.py
        ARG W ; WORKDIR $W ; COPY . /app | app.py | /app/app.py
        ARG W ; WORKDIR $W ; COPY . . | app.py | !only the base image knows
        ARG D=/g ; FROM base ; ARG D ; COPY . $D | app.py | /g/app.py
        ARG D=/g ; FROM base ; COPY . $D | app.py | !is not known
        ARG B=one ; FROM x AS one ; ENV D=/d ; FROM $B ; COPY . $D | app.py | /d/app.py
        FROM $B ; COPY . /d | app.py | !the value of $B is not known
        FROM x AS one ; ARG D=/d ; FROM one ; COPY . $D | app.py | !is not known
        COPY '$x' /app/ | $x | !needs it, and it is gone
        "#,
    );
}

#[test]
fn what_happens_after_the_copy_counts() {
    check(
        r#"
        COPY . /app ; RUN make | app.py | !`RUN make` may read it
        RUN make ; COPY . /app | app.py | /app/app.py
        COPY app.py /app/ ; RUN make ; COPY . /app | app.py | !may read it
        COPY app.py /app/ ; RUN make ; COPY . /app | src/main.py | /app/src/main.py
        RUN --mount=type=bind,source=app.py,target=/x make ; COPY . /app | app.py | !mounts it
        RUN --mount=type=bind,src=src,target=/x make ; COPY . /app | src/main.py | !mounts it
        RUN --mount=type=bind,source=src,target=/x make ; COPY . /app | app.py | /app/app.py
        RUN --mount=target=. make ; COPY . /app | app.py | !mounts it
        RUN --mount=type=cache,target=/c make ; COPY . /app | app.py | /app/app.py
        RUN --mount=type=bind,source=$X,target=/x y ; COPY . /app | app.py | !is not known
        RUN <<EOF ; COPY no /no ; EOF ; COPY . /app | app.py | /app/app.py
        COPY . /app ; COPY <<EOF /app/app.py ; x ; EOF | app.py | !puts something else there
        COPY . /app ; COPY <<EOF /etc/x ; x ; EOF | app.py | /app/app.py
        COPY . /app ; COPY web/main.py /app/src/ | src/main.py | !puts something else there
        COPY . /app ; COPY web/main.py /app/src/ | web/main.py | /app/src/main.py /app/web/main.py
        COPY src /app ; COPY web /app | src/main.py | !puts something else there
        COPY src /app ; COPY web /app | web/main.py | /app/main.py
        COPY src /app ; COPY web /app | web/index.html | /app/index.html
        COPY src web /app/ | src/main.py | !puts something else there
        COPY src /app ; ADD http://h/main.py /app/ | src/main.py | !puts something else there
        COPY src /app ; ADD site.tar.gz /app/ | src/main.py | !puts something else there
        COPY src /app ; COPY --from=other:1 /x /app | src/main.py | !puts something else there
        COPY src /app ; COPY --from=other:1 /x /usr/lib | src/main.py | /app/main.py
        COPY src /app ; VOLUME /app | src/main.py | !`VOLUME /app` covers /app/main.py
        VOLUME ["/data", "/app/lib"] ; COPY src /app | src/lib/util.py | !covers
        VOLUME /data ; COPY src /app | src/main.py | /app/main.py
        COPY link /app ; COPY src /x | src/main.py | !copies through link, which is a link
        COPY src /app ; USER x ; EXPOSE 1 ; CMD ["x"] ; ENTRYPOINT y ; LABEL a=b ; HEALTHCHECK NONE ; SHELL ["x"] ; STOPSIGNAL HUP ; MAINTAINER me ; ONBUILD COPY . / | src/main.py | /app/main.py
        COPY src /app ; FUTURE x | src/main.py | !FUTURE is not known
        COPY src /app ; RUN x \\\\ ; CMD x | src/main.py | !builders differ in how they join
        COPY | app.py | !it has no source or no target
        COPY <<A src /x ; A | app.py | !at once
        "#,
    );
}

#[test]
fn stages_are_followed() {
    check(
        r"
        FROM x AS build ; COPY src /src ; RUN make ; FROM y ; COPY --from=build /out /out ; COPY web /web | src/main.py | !takes it into another stage
        FROM x AS build ; COPY src /src ; RUN make ; FROM y ; COPY --from=build /out /out ; COPY web /web | web/index.html | /web/index.html
        FROM x ; COPY src /src ; FROM y ; COPY --from=0 /src /src ; COPY web /web | src/main.py | !takes it into another stage
        FROM x AS a ; COPY src /src ; FROM y AS b ; COPY --from=a /src /src ; FROM z ; COPY --from=B /src /s | src/main.py | !takes it into another stage
        FROM x AS a ; COPY src /src ; FROM y ; RUN --mount=from=a,target=/x make ; COPY src /src | src/main.py | !takes it into another stage
        FROM x AS a ; RUN --mount=target=/x make ; FROM y ; COPY --from=a /o /o ; COPY src /src | src/main.py | !takes it into another stage
        FROM x AS unused ; COPY src /src ; RUN make ; FROM y ; COPY src /app | src/main.py | /app/main.py
        FROM x AS base ; WORKDIR /app ; COPY src . ; FROM base ; COPY web web | src/main.py | /app/main.py
        FROM x AS base ; WORKDIR /app ; COPY src . ; FROM Base AS last ; COPY web web | web/index.html | /app/web/index.html
        FROM x AS base ; COPY src /app ; FROM base ; RUN make | src/main.py | !`RUN make` may read it
        FROM x AS base ; ONBUILD COPY . / ; FROM base ; COPY src /app | src/main.py | !what it triggers
        FROM x AS base ; ENV A=/a ; FROM base ; COPY src $A | src/main.py | /a/main.py
        RUN x ; FROM y ; COPY src /app | src/main.py | !RUN is not known before FROM
        ",
    );
    let text = "FROM x AS dev\nCOPY src /dev\nFROM y AS prod\nCOPY src /prod\nRUN make";
    let context = Names::new(FILES);
    for (target, wanted) in [
        ("dev", "/dev/main.py"),
        ("DEV", "/dev/main.py"),
        ("0", "/dev/main.py"),
        ("prod", "!line 5 of the Dockerfile: `RUN make` may read it"),
        ("none", "!there is no stage none"),
    ] {
        let mut service = service();
        if let Some(build) = &mut service.build {
            build.target = Some(target.into());
        }
        let found = inferred(&service, text, "src/main.py", &context);
        assert_eq!(found, wanted, "{target}");
    }
    assert_eq!(
        inferred(&service(), "", "app.py", &context),
        "!it has no FROM"
    );
}

#[test]
fn deleted_files_are_deleted_unless_something_shows_again() {
    check(
        r"
        COPY . /app | -srcs/x | !its folder is gone too
        COPY . /app | -src/lib/util.py | /app/src/lib/util.py
        COPY . /app | -app.py | /app/app.py
        COPY app.py /app/ | -app.py | !needs it, and it is gone
        COPY *.json /app/ | -package.json | /app/package.json
        COPY web /app ; COPY conf /app | -conf/other.py | /app/other.py
        COPY src /app ; COPY web /app | -web/lib/util.py | !puts something else there
        COPY --from=other /x /app ; COPY . /app | -app.py | !puts something else there
        COPY web/main.py /app/ ; COPY conf /app | -conf/x.py | /app/x.py
        ",
    );
}

#[test]
fn what_the_stack_file_mounts_is_not_the_images() {
    let mut service = service();
    service.volumes.push(Mount {
        kind: MountKind::Volume("data".into()),
        target: "/app/lib/".into(),
        read_only: false,
    });
    let context = Names::new(FILES);
    let text = "FROM x\nCOPY src /app";
    let found = |path| inferred(&service, text, path, &context);
    assert_eq!(found("src/main.py"), "/app/main.py");
    assert!(found("src/lib/util.py").contains("which covers /app/lib/util.py"));
}

#[test]
fn it_is_told_in_words() {
    let context = Names::new(FILES);
    let words = |path: &str| {
        let text = "FROM x\n\nCOPY   src \\\n  /app/src\nCOPY app.py /b/\nRUN make";
        Inference::new(&service(), &text.replace("\nRUN make", ""))
            .of(path, &context)
            .in_words()
    };
    assert_eq!(
        words("src/main.py"),
        "COPY on line 3 (`COPY src /app/src`) puts it at /app/src/main.py"
    );
    assert_eq!(
        words("web/main.py"),
        "rebuilds: no COPY takes it into the image"
    );
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Dockerfile"), "FROM x\nCOPY . /a\nRUN y").expect("written");
    fs::write(folder.path().join("x"), "").expect("written");
    let mut service = service();
    if let Some(build) = &mut service.build {
        build.context = folder.path().into();
        build.dockerfile = folder.path().join("Dockerfile");
    }
    let told = explain(&service, &folder.path().join("x"));
    assert_eq!(
        told.as_deref(),
        Some("rebuilds: line 3 of the Dockerfile: `RUN y` may read it")
    );
    assert_eq!(explain(&service, &PathBuf::from("/elsewhere")), None);
    service.sync = SyncMode::Off;
    assert_eq!(explain(&service, &folder.path().join("x")), None);
}
