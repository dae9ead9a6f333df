//! What BuildKit's status says, as steps and lines.

use std::collections::{BTreeMap, VecDeque};

use bollard_buildkit_proto::google::protobuf::Timestamp as ProtoTimestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex};
use indexmap::IndexMap;
use jiff::Timestamp;

use super::lines::Lines;
use super::model::Output;
use crate::engine::BuildStep;

/// How many last lines of a step are kept for when it fails.
pub(super) const LAST_LINES: usize = 30;

/// Everything that was said of one build so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    vertexes: IndexMap<String, Seen>,
    /// Number of steps of each stage.
    stages: BTreeMap<String, u32>,
    started: u32,
}

#[derive(Debug, Default)]
struct Seen {
    name: String,
    label: Option<Label>,
    is_started: bool,
    is_cached: bool,
    is_done: bool,
    began: Option<Timestamp>,
    lines: Lines,
    tail: VecDeque<String>,
    error: Option<String>,
}

/// `[stage 3/7] RUN make`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Label {
    stage: String,
    number: u32,
    total: u32,
    text: String,
}

impl Progress {
    /// Takes in a status; what is to be told because of it.
    pub(super) fn apply(&mut self, status: StatusResponse) -> Vec<Output> {
        let mut told = Vec::new();
        for vertex in &status.vertexes {
            let seen = self.vertexes.entry(vertex.digest.clone()).or_default();
            seen.name.clone_from(&vertex.name);
            seen.label = label(&vertex.name);
            if let Some(label) = &seen.label {
                self.stages.insert(label.stage.clone(), label.total);
            }
        }
        for vertex in &status.vertexes {
            self.vertex(vertex, &mut told);
        }
        for log in status.logs {
            let at = log.timestamp.and_then(time).unwrap_or_else(Timestamp::now);
            if let Some(seen) = self.vertexes.get_mut(&log.vertex) {
                for bytes in seen.lines.push(&log.msg) {
                    seen.keep(&bytes);
                    told.push(Output::Line { at, bytes });
                }
            }
        }
        for warning in status.warnings {
            let bytes = [b"warning: ", warning.short.as_slice()].concat();
            told.push(Output::Line {
                at: Timestamp::now(),
                bytes,
            });
        }
        told
    }

    /// Lines that were never ended.
    pub(super) fn finish(&mut self) -> Vec<Output> {
        let mut told = Vec::new();
        for seen in self.vertexes.values_mut() {
            if let Some(bytes) = seen.lines.finish() {
                seen.keep(&bytes);
                told.push(Output::Line {
                    at: Timestamp::now(),
                    bytes,
                });
            }
        }
        told
    }

    /// The step that failed: its name, its error and its last lines. A step that was only stopped because another one
    /// failed is not meant.
    pub(super) fn failed(&self) -> Option<(&str, &str, Vec<String>)> {
        let failed = self
            .vertexes
            .values()
            .filter_map(|seen| Some((seen, seen.error.as_deref()?)));
        let (seen, error) = failed.min_by_key(|(_, error)| error.contains("context canceled"))?;
        Some((&seen.name, error, seen.tail.iter().cloned().collect()))
    }

    fn vertex(&mut self, vertex: &Vertex, told: &mut Vec<Output>) {
        let is_one_stage = self.stages.len() == 1;
        let all: u32 = self.stages.values().sum();
        let Some(seen) = self.vertexes.get_mut(&vertex.digest) else {
            return;
        };
        let began = vertex.started.and_then(time);
        if (vertex.started.is_some() || vertex.cached) && !seen.is_started {
            seen.is_started = true;
            seen.is_cached = vertex.cached;
            seen.began = began;
            if let Some(label) = &seen.label {
                self.started += 1;
                let number = if is_one_stage {
                    label.number
                } else {
                    self.started
                };
                told.push(Output::Step(BuildStep {
                    number,
                    total: all,
                    name: label.text.clone(),
                    cached: vertex.cached,
                }));
            }
            if !seen.name.starts_with("[internal]") {
                let note = if vertex.cached { "  (cached)" } else { "" };
                told.push(line(began, format!("{}{note}", seen.name)));
            }
        }
        if !vertex.error.is_empty() && seen.error.is_none() {
            seen.error = Some(vertex.error.clone());
            told.push(line(None, format!("{}: {}", seen.name, vertex.error)));
        }
        if let Some(ended) = vertex.completed.and_then(time)
            && !seen.is_done
        {
            seen.is_done = true;
            told.extend(seen.ending(vertex.cached, ended));
        }
    }
}

impl Seen {
    fn keep(&mut self, bytes: &[u8]) {
        if self.tail.len() == LAST_LINES {
            self.tail.pop_front();
        }
        self.tail
            .push_back(String::from_utf8_lossy(bytes).into_owned());
    }

    /// What to say when a step is done: how long it took, unless its heading has said that it was cached.
    fn ending(&self, cached: bool, ended: Timestamp) -> Option<Output> {
        let label = self
            .label
            .as_ref()
            .filter(|_| !self.is_cached && self.error.is_none())?;
        let mark = &self.name[..self.name.len() - label.text.len()];
        if cached {
            return Some(line(Some(ended), format!("{mark}cached")));
        }
        let took = ended.duration_since(self.began?).as_secs_f64();
        Some(line(Some(ended), format!("{mark}done in {took:.2} s")))
    }
}

fn line(at: Option<Timestamp>, text: String) -> Output {
    Output::Line {
        at: at.unwrap_or_else(Timestamp::now),
        bytes: text.into_bytes(),
    }
}

fn time(proto: ProtoTimestamp) -> Option<Timestamp> {
    Timestamp::new(proto.seconds, proto.nanos).ok()
}

fn label(name: &str) -> Option<Label> {
    let (inside, text) = name.strip_prefix('[')?.split_once("] ")?;
    let (stage, count) = inside.rsplit_once(' ').unwrap_or(("", inside));
    let (number, total) = count.split_once('/')?;
    Some(Label {
        stage: stage.trim().to_owned(),
        number: number.trim().parse().ok()?,
        total: total.trim().parse().ok()?,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard_buildkit_proto::moby::buildkit::v1::VertexLog;

    /// A time; 0: none.
    fn at(seconds: i64) -> Option<ProtoTimestamp> {
        (seconds > 0).then_some(ProtoTimestamp { seconds, nanos: 0 })
    }

    fn vertex(name: &str, from: i64, to: i64) -> Vertex {
        Vertex {
            digest: name.into(),
            name: name.into(),
            started: at(from),
            completed: at(to),
            ..Vertex::default()
        }
    }

    fn of(vertexes: Vec<Vertex>) -> StatusResponse {
        StatusResponse {
            vertexes,
            ..StatusResponse::default()
        }
    }

    fn shown(told: &[Output]) -> Vec<String> {
        let one = |output: &Output| match output {
            Output::Step(step) => format!(
                "{}/{} {} {}",
                step.number, step.total, step.name, step.cached
            ),
            Output::Line { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
        };
        told.iter().map(one).collect()
    }

    #[test]
    fn steps_of_one_stage_keep_their_numbers() {
        let mut progress = Progress::default();
        let announced = of(vec![
            vertex("[internal] load build context", 1, 2),
            vertex("[1/2] FROM a", 0, 0),
            vertex("[2/2] RUN b", 0, 0),
        ]);
        assert!(progress.apply(announced).is_empty());
        let cached = Vertex {
            cached: true,
            ..vertex("[1/2] FROM a", 3, 3)
        };
        let told = progress.apply(of(vec![cached, vertex("[2/2] RUN b", 3, 0)]));
        assert_eq!(
            shown(&told),
            [
                "1/2 FROM a true",
                "[1/2] FROM a  (cached)",
                "2/2 RUN b false",
                "[2/2] RUN b"
            ]
        );
        let told = progress.apply(of(vec![vertex("[2/2] RUN b", 3, 5)]));
        assert_eq!(shown(&told), ["[2/2] done in 2.00 s"]);
    }

    #[test]
    fn steps_of_several_stages_are_counted_through() {
        let mut progress = Progress::default();
        let told = progress.apply(of(vec![
            vertex("[build 1/2] FROM a", 1, 1),
            vertex("[build 2/2] RUN b", 1, 0),
            vertex("[stage-1 1/1] COPY --from=build / /", 0, 0),
        ]));
        let steps: Vec<_> = shown(&told)
            .into_iter()
            .filter(|text| !text.starts_with('['))
            .collect();
        assert_eq!(steps, ["1/3 FROM a false", "2/3 RUN b false"]);
    }

    #[test]
    fn the_failing_step_is_known_with_its_last_lines() {
        let mut progress = Progress::default();
        progress.apply(of(vec![
            vertex("[1/2] RUN slow", 1, 0),
            vertex("[2/2] RUN bad", 1, 0),
        ]));
        let log = |text: &str| VertexLog {
            vertex: "[2/2] RUN bad".into(),
            msg: text.into(),
            ..VertexLog::default()
        };
        let logs = vec![log("one\ntw"), log("o\nrest")];
        let told = progress.apply(StatusResponse {
            logs,
            ..StatusResponse::default()
        });
        assert_eq!(shown(&told), ["one", "two"]);
        assert_eq!(shown(&progress.finish()), ["rest"]);
        progress.apply(of(vec![
            Vertex {
                error: "rpc: context canceled".into(),
                ..vertex("[1/2] RUN slow", 1, 2)
            },
            Vertex {
                error: "exit code: 3".into(),
                ..vertex("[2/2] RUN bad", 1, 2)
            },
        ]));
        let (name, error, lines) = progress.failed().unwrap();
        assert_eq!((name, error), ("[2/2] RUN bad", "exit code: 3"));
        assert_eq!(lines, ["one", "two", "rest"]);
    }
}
