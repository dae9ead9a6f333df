//! Services from a compose file. What cannot be said in a stack file is noted, never left out silently.

use super::super::file::normalise;
use super::compose_service;
use super::proposal::Draft;
use super::yaml::Yaml;

/// A stack file with the services of this compose file.
pub(super) fn propose(text: &str, file: &str) -> Result<Draft, String> {
    let yaml = Yaml::parse(text)?;
    let mut draft = Draft {
        found: vec![file.to_owned()],
        ..Draft::default()
    };
    for (key, value) in yaml.entries() {
        top_level(key, value, &mut draft);
    }
    if draft.services.is_empty() {
        return Err(
            "no service in it has build or image; extends and include are not followed".into(),
        );
    }
    Ok(draft)
}

fn top_level(key: &str, value: &Yaml, draft: &mut Draft) {
    match key {
        // `version` has had no meaning for years, and `x-` keys are there for anchors, which are filled in by now.
        "version" => {}
        key if key.starts_with("x-") => {}
        "name" => {
            let name = value.scalar().unwrap_or_default();
            let normal = normalise(&name);
            if normal == name {
                draft.name = Some(name);
            } else {
                draft.note(None, format!("the name {name:?} is not carried over"));
            }
        }
        "services" => {
            for (name, service) in value.entries() {
                compose_service::propose(name, service, draft);
            }
        }
        "volumes" => {
            for (name, options) in value.entries() {
                draft.volumes.push(name.clone());
                let keys: Vec<&str> = options
                    .entries()
                    .iter()
                    .map(|(key, _)| key.as_str())
                    .collect();
                if !keys.is_empty() {
                    draft.note(
                        None,
                        format!("volume {name}: {} not carried over", keys.join(", ")),
                    );
                }
            }
        }
        "networks" => {
            let names: Vec<&str> = value
                .entries()
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            let names = names.join(", ");
            draft.note(
                None,
                format!("networks ({names}) not carried over: all services share one network"),
            );
        }
        other => draft.note(None, format!("top-level {other} not carried over")),
    }
}
