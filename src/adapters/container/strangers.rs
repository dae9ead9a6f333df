//! Containers that somebody else made for the same project of Compose: with them running, the stack would run twice.

use std::collections::HashMap;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::find::ContainerEngine;
use super::labels::{ONE_OFF, PROJECT, WORKING_DIR, are_ours};
use super::words::reason;
use crate::adapters::Identity;

/// Why the stack cannot be run beside what there is, with what to do; `None`: nothing stands in its way.
///
/// # Errors
/// In words, when the engine cannot even list what there is.
pub async fn strangers(
    engine: &ContainerEngine,
    identity: &Identity,
) -> Result<Option<String>, String> {
    let Some(project) = &identity.compose else {
        return Ok(None);
    };
    let filters = HashMap::from([("label", vec![format!("{PROJECT}={}", project.project)])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let listed = engine.client.list_containers(Some(options)).await;
    let mut found = listed.map_err(|error| reason(&error))?;
    found.retain(|container| {
        let labels = container.labels.as_ref();
        // What `docker compose run` left is nobody's service.
        labels.is_some_and(|it| {
            !are_ours(it, identity) && it.get(ONE_OFF).is_none_or(|one| one != "True")
        })
    });
    Ok((!found.is_empty()).then(|| refusal(&project.project, &found)))
}

fn refusal(project: &str, found: &[ContainerSummary]) -> String {
    let label = |name: &str| {
        let mut all = found.iter().filter_map(|it| it.labels.as_ref()?.get(name));
        all.next().cloned()
    };
    let shown: Vec<String> = found.iter().map(shown).collect();
    let by = match label(Identity::DIRECTORY) {
        Some(folder) => format!("Boatyard made for the stack in {folder}"),
        None => match label(WORKING_DIR) {
            Some(folder) => format!("Compose made in {folder}"),
            None => "Compose made".into(),
        },
    };
    let is_boatyard = label(Identity::DIRECTORY).is_some();
    let down = if is_boatyard {
        "`boatyard down` in that folder".to_owned()
    } else {
        format!("`docker compose -p {project} down`")
    };
    format!(
        "error: project {project} has containers that {by}; run again, it would be there twice\n  {}\nhelp: remove them with \
         {down} (volumes stay), or run a second copy beside them with `--isolated`",
        shown.join("\n  ")
    )
}

fn shown(container: &ContainerSummary) -> String {
    let names = container.names.iter().flatten();
    let name = names.map(|name| name.trim_start_matches('/')).next();
    let state = match container.state {
        Some(State::RUNNING) => "runs",
        Some(State::PAUSED) => "is paused",
        Some(State::RESTARTING) => "restarts",
        Some(_) | None => "is stopped",
    };
    format!("{} {state}", name.unwrap_or("a container without a name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(name: &str, state: State, labels: &[(&str, &str)]) -> ContainerSummary {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        ContainerSummary {
            names: Some(vec![format!("/{name}")]),
            state: Some(state),
            labels: Some(labels.collect()),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn it_says_which_and_what_to_do() {
        let of_compose = [
            container("shop-web-1", State::RUNNING, &[(WORKING_DIR, "/shop")]),
            container("shop-db-1", State::EXITED, &[(WORKING_DIR, "/shop")]),
        ];
        insta::assert_snapshot!(refusal("shop", &of_compose), @r"
        error: project shop has containers that Compose made in /shop; run again, it would be there twice
          shop-web-1 runs
          shop-db-1 is stopped
        help: remove them with `docker compose -p shop down` (volumes stay), or run a second copy beside them with `--isolated`
        ");
        let of_boatyard = [container(
            "shop-web-1",
            State::RUNNING,
            &[(Identity::DIRECTORY, "/other/shop")],
        )];
        insta::assert_snapshot!(refusal("shop", &of_boatyard), @r"
        error: project shop has containers that Boatyard made for the stack in /other/shop; run again, it would be there twice
          shop-web-1 runs
        help: remove them with `boatyard down` in that folder (volumes stay), or run a second copy beside them with `--isolated`
        ");
    }
}
