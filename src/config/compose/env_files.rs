//! `env_file` and `label_file`: what a service takes from files, below what it says itself.

use std::path::PathBuf;

use super::super::problem::quoted;
use super::environment::{Environment, Origin, Setting, read_env_file};
use super::node::{Map, Node, Spot, Value};
use super::reading::Reading;

/// Fills in what files say of every service, and notes what set each of its variables.
pub(super) fn read(
    model: &mut Node,
    environment: &Environment,
    settings: &mut Vec<Setting>,
    reading: &mut Reading,
) {
    let services = model.get_mut("services").and_then(Node::as_map_mut);
    for (name, service) in services.into_iter().flatten() {
        variables(name, service, environment, settings, reading);
        labels(service, reading);
    }
}

fn variables(
    name: &str,
    service: &mut Node,
    environment: &Environment,
    settings: &mut Vec<Setting>,
    reading: &mut Reading,
) {
    let files = service.remove("env_file");
    let own = service.get("environment").and_then(Node::as_map).cloned();
    let own = own.unwrap_or_default();
    let mut setting = |name_of: &str, value: Option<String>, origin: Origin| {
        settings.push(Setting {
            name: name_of.to_owned(),
            value,
            origin,
            service: Some(name.to_owned()),
        });
    };
    let mut all = Map::new();
    for entry in files.iter().flat_map(|files| files.members().iter()) {
        let Some(file) = File::of(entry, reading) else {
            continue;
        };
        for (variable, value) in file.values(&own, &all, environment, reading) {
            let origin = Origin::EnvFile(file.path.clone());
            setting(&variable, Some(value.clone()), origin);
            let node = Node {
                key: Some(file.asked.clone()),
                ..Node::text(value, &file.asked)
            };
            all.insert(variable, node);
        }
    }
    for (variable, node) in own {
        let origin = Origin::Compose(node.key_spot().place());
        setting(&variable, node.scalar(), origin);
        all.insert(variable, node);
    }
    if !all.is_empty() {
        let at = service.get("environment").unwrap_or(service).at.clone();
        service.set("environment", Node::new(Value::Map(all), &at));
    }
}

/// One entry of `env_file`, whose file is there.
struct File {
    path: PathBuf,
    asked: Spot,
    /// Whether values stand as they are: no quotes, no variables.
    is_raw: bool,
}

impl File {
    fn of(entry: &Node, reading: &mut Reading) -> Option<Self> {
        let at = entry.get("path").map_or(&entry.at, |path| &path.at);
        let path = PathBuf::from(entry.text_of("path").filter(|path| !path.is_empty())?);
        reading.depends_on(&path);
        let is_required = entry.get("required").and_then(Node::as_bool) != Some(false)
            && entry.text_of("required") != Some("false");
        if !path.exists() {
            if is_required {
                let message = format!("there is no env file {}", reading.shown(&path));
                reading
                    .error(at, message)
                    .help("make the file, or write \"required: false\" beside its \"path\"");
            }
            return None;
        }
        let format = entry.get("format").filter(|format| !format.is_null());
        let is_raw = match format.map(|format| format.as_text().unwrap_or_default()) {
            None | Some("") => false,
            Some("raw") => true,
            Some(other) => {
                let message = format!("{} is not a format of env files", quoted(other));
                let at = &format.unwrap_or(entry).at;
                reading
                    .error(at, message)
                    .help("the only one with a name is \"raw\"");
                return None;
            }
        };
        Some(Self {
            path,
            asked: at.clone(),
            is_raw,
        })
    }

    /// What the file says. Its variables are those of the project, then what the service says itself, then what
    /// earlier files say.
    fn values(
        &self,
        own: &Map,
        earlier: &Map,
        environment: &Environment,
        reading: &mut Reading,
    ) -> Vec<(String, String)> {
        let text_of = |map: &Map, name: &str| map.get(name).and_then(Node::scalar);
        let lookup = |name: &str| {
            let project = environment.get(name);
            let project = project.or_else(|| text_of(own, name));
            project.or_else(|| text_of(earlier, name))
        };
        if self.is_raw {
            return self.raw(&lookup, reading);
        }
        read_env_file(&self.path, &self.asked, &lookup, reading).unwrap_or_default()
    }

    fn raw(
        &self,
        lookup: &dyn Fn(&str) -> Option<String>,
        reading: &mut Reading,
    ) -> Vec<(String, String)> {
        let Ok(source) = reading.source(&self.path) else {
            let message = format!("{} cannot be read", reading.shown(&self.path));
            reading.error(&self.asked, message);
            return Vec::new();
        };
        let pair = |line: &str| {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                return None;
            }
            match line.split_once('=') {
                Some((name, value)) => Some((name.to_owned(), value.to_owned())),
                None => Some((line.to_owned(), lookup(line)?)),
            }
        };
        source.text.lines().filter_map(pair).collect()
    }
}

fn labels(service: &mut Node, reading: &mut Reading) {
    let Some(files) = service.remove("label_file") else {
        return;
    };
    let mut all = Map::new();
    for file in files.members() {
        let Some(text) = file.as_text().filter(|text| !text.is_empty()) else {
            continue;
        };
        let path = PathBuf::from(text);
        reading.depends_on(&path);
        let values = read_env_file(&path, &file.at, &|_| None, reading);
        for (name, value) in values.unwrap_or_default() {
            all.insert(name, Node::text(value, &file.at));
        }
    }
    let own = service.get("labels").and_then(Node::as_map).cloned();
    all.extend(own.unwrap_or_default());
    if !all.is_empty() {
        let at = service.get("labels").unwrap_or(service).at.clone();
        service.set("labels", Node::new(Value::Map(all), &at));
    }
}
