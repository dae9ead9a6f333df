//! Where one file lands, given the recipe.

use super::recipe::Recipe;
use super::step::{Copying, Kind, Origin, Source, Step};
use super::{Context, Doubt, Found, Landing, wildcard};
use crate::adapters::ignore_rules::DockerIgnore;

/// What a landing does not survive, in the words of a sentence that begins with the step.
const OVERLAID: &str = "puts something else there";

/// Every path at which a file is the content of the image.
///
/// # Errors
/// Why only a build can tell.
pub(super) fn landings(
    recipe: &Recipe,
    path: &str,
    context: &dyn Context,
    mounts: &[String],
) -> Result<Vec<Landing>, Doubt> {
    for step in &recipe.beside {
        no_link(step, context)?;
        if takes(step, path) {
            return Err(Doubt::by(
                step,
                "takes it into another stage, from which the image is made",
            ));
        }
    }
    let gone = match context.found(path) {
        Found::File => false,
        Found::Nothing => true,
        Found::Folder | Found::Other => return Err(Doubt::whole("it is not a plain file")),
    };
    let chain = &recipe.chain;
    let mut landings: Vec<Landing> = Vec::new();
    for (index, step) in chain.iter().enumerate() {
        no_link(step, context)?;
        match &step.kind {
            Kind::Copy(copying) if takes(step, path) => {
                let places = places(copying, path, &chain[..index], context);
                for to in places.map_err(|why| Doubt::by(step, why))? {
                    stays(chain, index, &to, path, (gone, context))?;
                    landings.retain(|earlier| earlier.to != to);
                    landings.push(Landing {
                        to,
                        stamp: copying.stamp.clone(),
                        line: step.line,
                        by: step.text.clone(),
                    });
                }
            }
            Kind::Run { .. } if takes(step, path) => return Err(Doubt::by(step, "mounts it")),
            Kind::Run { .. } if !landings.is_empty() => {
                return Err(Doubt::by(step, "may read it"));
            }
            Kind::Run { .. } | Kind::Copy(_) | Kind::Folder(_) | Kind::Volume(_) => {}
        }
    }
    if landings.is_empty() {
        return Err(Doubt::whole("no COPY takes it into the image"));
    }
    for landing in &landings {
        not_covered(chain, &landing.to, mounts)?;
    }
    Ok(landings)
}

/// What is copied through a symbolic link lands where no name tells.
fn no_link(step: &Step, context: &dyn Context) -> Result<(), Doubt> {
    let Kind::Copy(copying) = &step.kind else {
        return Ok(());
    };
    for source in &copying.sources {
        for (found, _) in expand(&source.path, context) {
            let ends = found.match_indices('/').map(|(at, _)| at);
            for end in ends.chain([found.len()]) {
                if context.found(&found[..end]) == Found::Other {
                    let why = format!("copies through {}, which is a link", &found[..end]);
                    return Err(Doubt::by(step, why));
                }
            }
        }
    }
    Ok(())
}

/// Whether a step takes this file out of the context.
fn takes(step: &Step, path: &str) -> bool {
    match &step.kind {
        Kind::Copy(copying) => copying
            .sources
            .iter()
            .any(|source| taken(source, path).is_some()),
        Kind::Run { context, .. } => context.iter().any(|mounted| below(path, mounted).is_some()),
        Kind::Folder(_) | Kind::Volume(_) => false,
    }
}

/// How a source takes a file: the part of its path that is the source, or what the source's wildcards match.
fn taken<'p>(source: &Source, path: &'p str) -> Option<&'p str> {
    if !wildcard::is_wild(&source.path) {
        return below(path, &source.path).map(|_| &path[..source.path.len()]);
    }
    let depth = source.path.split('/').count();
    let mut ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    let matched = &path[..ends.nth(depth - 1)?];
    (wildcard::matches(&source.path, matched) == Some(true)).then_some(matched)
}

/// What of a path lies below a folder; empty: it is the folder itself.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    match path.strip_prefix(folder)? {
        rest if folder.is_empty() || rest.is_empty() => Some(rest),
        rest => rest.strip_prefix('/'),
    }
}

/// The same for absolute paths, of which one may be the root.
fn inside<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    below(path.trim_start_matches('/'), folder.trim_matches('/'))
}

fn join(folder: &str, rest: &str) -> String {
    let folder = folder.trim_end_matches('/');
    format!("{folder}/{rest}").trim_end_matches('/').to_owned()
}

/// Where one step puts a file.
fn places(
    copying: &Copying,
    path: &str,
    before: &[Step],
    context: &dyn Context,
) -> Result<Vec<String>, String> {
    if let Some(unclear) = &copying.unclear {
        return Err(format!("cannot be followed: {unclear}"));
    }
    if left_out(copying, path) {
        return Err("may leave it out by --exclude".into());
    }
    let target = copying.target.as_deref();
    let target =
        target.ok_or("goes into a folder that only the base image knows; give a WORKDIR")?;
    let mut places: Vec<String> = Vec::new();
    for source in &copying.sources {
        let Some(matched) = taken(source, path) else {
            continue;
        };
        let place = if copying.parents {
            join(target, &path[source.pivot.min(path.len())..])
        } else if matched == path {
            if context.found(path) == Found::Nothing && !wildcard::is_wild(&source.path) {
                return Err("needs it, and it is gone".into());
            }
            let wild = wildcard::is_wild(&source.path);
            file_target(copying, target, path, (before, context), wild)?
        } else {
            join(target, below(path, matched).unwrap_or_default())
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Where a file goes that a step names: into the target, if that is a folder, else in its place.
fn file_target(
    copying: &Copying,
    target: &str,
    path: &str,
    (before, context): (&[Step], &dyn Context),
    one_of_many: bool,
) -> Result<String, String> {
    if copying.adds {
        return Err("unpacks what it takes for an archive; COPY does not".into());
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_folder = copying.into_folder || target == "/";
    let made = |folder: &str| {
        before
            .iter()
            .any(|step| makes_folder(step, folder, context))
    };
    if is_folder || !copying.link && made(target) {
        return Ok(join(target, name));
    }
    let (parent, target_name) = target.rsplit_once('/').unwrap_or(("", target));
    let is_file = is_like(name, target_name) || name == target_name && made(parent);
    if !one_of_many && (copying.link || is_file) {
        return Ok(target.to_owned());
    }
    Err(format!(
        "goes to {target}, which may be a folder or not; end it with / if it is one"
    ))
}

/// Whether a target is surely a file's new name: it has the same ending, and not that of folders such as `conf.d`.
fn is_like(name: &str, target: &str) -> bool {
    let ending = |name: &str| name.rsplit_once('.').map(|(_, ending)| ending.to_owned());
    ending(name).is_some_and(|mine| mine != "d" && ending(target) == Some(mine))
}

/// Whether a folder is there after a step, because it is made or something is put into it.
fn makes_folder(step: &Step, folder: &str, context: &dyn Context) -> bool {
    match &step.kind {
        Kind::Folder(made) => inside(made, folder).is_some(),
        Kind::Copy(copying) => copying.target.as_deref().is_some_and(|target| {
            let is_folder = |source: &Source| context.found(&source.path) == Found::Folder;
            let copies_folder = || copying.sources.iter().any(is_folder);
            let rest = inside(target, folder);
            rest.is_some_and(|rest| copying.into_folder || !rest.is_empty() || copies_folder())
        }),
        Kind::Run { .. } | Kind::Volume(_) => false,
    }
}

/// Whether `--exclude` may mean this file, in any reading of its patterns.
fn left_out(copying: &Copying, path: &str) -> bool {
    if copying
        .exclude
        .iter()
        .any(|pattern| pattern.starts_with('!'))
    {
        return true;
    }
    let rules = DockerIgnore::from_patterns(copying.exclude.iter().map(String::as_str));
    let starts = path.match_indices('/').map(|(at, _)| at + 1);
    !rules.problems().is_empty()
        || [0]
            .into_iter()
            .chain(starts)
            .any(|start| rules.excludes(&path[start..], false))
}

/// Whether nothing else has a say in what is at a place: neither the same step, nor a later one, nor, for a file that is
/// gone, an earlier one that then shows again.
fn stays(
    chain: &[Step],
    index: usize,
    to: &str,
    path: &str,
    (gone, context): (bool, &dyn Context),
) -> Result<(), Doubt> {
    let first = if gone { 0 } else { index };
    for (number, step) in chain.iter().enumerate().skip(first) {
        if let Kind::Copy(copying) = &step.kind
            && makes_otherwise(copying, to, path, &chain[..number], context)
        {
            return Err(Doubt::by(step, OVERLAID));
        }
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    if gone && !folder.is_empty() && context.found(folder) != Found::Folder {
        return Err(Doubt::whole("its folder is gone too"));
    }
    Ok(())
}

/// Whether a step may put something at `to` that is not this file.
fn makes_otherwise(
    copying: &Copying,
    to: &str,
    path: &str,
    before: &[Step],
    context: &dyn Context,
) -> bool {
    let Some(target) = copying.target.as_deref() else {
        return true;
    };
    let Some(rest) = inside(to, target) else {
        return false;
    };
    if copying.origin != Origin::Context {
        return true;
    }
    let other = |candidate: &str| candidate != path && context.found(candidate) != Found::Nothing;
    copying.sources.iter().any(|source| {
        expand(&source.path, context).iter().any(|(found, what)| {
            if copying.parents {
                let start = &source.path[..source.pivot.min(source.path.len())];
                return other(&format!("{start}{rest}"));
            }
            match what {
                Found::Folder => other(join(found, rest).trim_start_matches('/')),
                Found::File if found == path => false,
                Found::File => {
                    let wild = wildcard::is_wild(&source.path);
                    let place = file_target(copying, target, found, (before, context), wild);
                    place.map_or(true, |place| place == to)
                }
                Found::Other => true,
                Found::Nothing => false,
            }
        })
    })
}

/// What a source is in the context as it is now, and what that is.
fn expand(source: &str, context: &dyn Context) -> Vec<(String, Found)> {
    if !wildcard::is_wild(source) {
        return vec![(source.to_owned(), context.found(source))];
    }
    let mut found = vec![String::new()];
    // The builder looks for matches in true folders only.
    let mut wild = false;
    for part in source.split('/') {
        let mut next = Vec::new();
        for folder in &found {
            let into = |name: &str| join(folder, name).trim_start_matches('/').to_owned();
            if wildcard::is_wild(part) {
                let names = context.names(folder).into_iter();
                let matching = names.filter(|name| wildcard::matches(part, name) == Some(true));
                next.extend(matching.map(|name| into(&name)));
            } else if !wild || context.found(folder) == Found::Folder {
                next.push(into(part));
            }
        }
        wild |= wildcard::is_wild(part);
        found = next;
    }
    let with_kind = |path: String| {
        let what = context.found(&path);
        (path, what)
    };
    let all = found.into_iter().map(with_kind);
    all.filter(|(_, what)| *what != Found::Nothing).collect()
}

/// What is mounted over a place is not what the image has there.
fn not_covered(chain: &[Step], to: &str, mounts: &[String]) -> Result<(), Doubt> {
    if let Some(mount) = mounts.iter().find(|mount| inside(to, mount).is_some()) {
        let why = format!("the stack file mounts something at {mount}, which covers {to}");
        return Err(Doubt::whole(why));
    }
    for step in chain {
        if let Kind::Volume(folders) = &step.kind
            && folders.iter().any(|folder| inside(to, folder).is_some())
        {
            return Err(Doubt::by(step, format!("covers {to}")));
        }
    }
    Ok(())
}
