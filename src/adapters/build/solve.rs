//! One build by BuildKit.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveRequest, StatusRequest};
use tokio::time::timeout;
use tonic::Status;
use tonic::transport::Channel;

use super::control;
use super::failure::{Facts, explain};
use super::filesync::{Files, Ledger};
use super::model::{BuildOrder, Sink, Stopped, Transfer};
use super::pack::Packed;
use super::progress::Progress;
use super::session;
use crate::adapters::Endpoint;

/// How long the rest of a build's output is waited for after the build itself has ended.
const REST: Duration = Duration::from_secs(2);

/// What came of a build by BuildKit.
pub(super) struct Solved {
    pub transfer: Transfer,
    /// The id of the image, where the builder tells it.
    pub image: Option<String>,
}

/// Has an image made and named. Dropping the future cancels the build. `strict`: a file that changes while it is sent ends
/// the build, so that what was built is what was packed.
pub(super) async fn solve(
    endpoint: &Endpoint,
    order: &BuildOrder,
    packed: &Packed,
    strict: bool,
    sink: &Sink,
) -> Result<Solved, Stopped> {
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let files = Files {
        context: Arc::clone(&packed.context),
        recipe: Arc::clone(&packed.recipe),
        ledger: Arc::clone(&ledger),
        strict,
    };
    let id = unique_id();
    let opened = async {
        let session = session::open(
            endpoint,
            &id,
            &order.shared_key,
            files,
            packed.secrets.clone(),
        );
        tokio::try_join!(session, control::connect(endpoint))
    };
    let (_session, mut control) = opened.await.map_err(|error| unreachable_builder(&error))?;
    let progress = Arc::new(Mutex::new(Progress::default()));
    let mut watching = watch(
        control.clone(),
        id.clone(),
        Arc::clone(&progress),
        Arc::clone(sink),
    );
    let solving = control.solve(request(order, packed, &id));
    tokio::pin!(solving);
    let mut is_watching = true;
    let result = loop {
        tokio::select! {
            biased;
            result = &mut solving => break result,
            () = &mut watching, if is_watching => is_watching = false,
        }
    };
    match result {
        Ok(answer) => {
            if is_watching {
                tokio::spawn(timeout(REST, watching));
            }
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            let mut told = answer.into_inner().exporter_response;
            Ok(Solved {
                transfer: ledger.transfer.clone(),
                image: told.remove("containerimage.digest"),
            })
        }
        Err(status) => {
            if is_watching {
                drop(timeout(REST, watching).await);
            }
            Err(failed(&status, packed, &ledger, &progress, sink))
        }
    }
}

fn unreachable_builder(error: &io::Error) -> Stopped {
    Stopped::message(format!(
        "BuildKit in the container engine does not answer: {error}"
    ))
}

/// Turns the status of a build into output until there is no more.
fn watch(
    mut control: ControlClient<Channel>,
    id: String,
    progress: Arc<Mutex<Progress>>,
    sink: Sink,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let request = StatusRequest { r#ref: id };
        let Ok(answer) = control.status(request).await else {
            return;
        };
        let mut stream = answer.into_inner();
        while let Ok(Some(status)) = stream.message().await {
            let told = progress
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .apply(status);
            told.into_iter().for_each(&*sink);
        }
        let told = progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish();
        told.into_iter().for_each(&*sink);
    })
}

fn failed(
    status: &Status,
    packed: &Packed,
    ledger: &Mutex<Ledger>,
    progress: &Mutex<Progress>,
    sink: &Sink,
) -> Stopped {
    if let Some(torn) = &ledger.lock().unwrap_or_else(PoisonError::into_inner).torn {
        return Stopped::Torn(torn.clone());
    }
    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    progress.finish().into_iter().for_each(&**sink);
    let (step, last_lines) = match progress.failed() {
        Some((name, _, lines)) => (Some(name), lines),
        None => (None, Vec::new()),
    };
    Stopped::Failed(explain(Facts {
        message: status.message(),
        step,
        last_lines,
        bases: &packed.bases,
        syntax: packed.syntax.as_deref(),
    }))
}

fn request(order: &BuildOrder, packed: &Packed, id: &str) -> SolveRequest {
    let build = &order.build;
    let mut attrs = HashMap::from([("filename".to_owned(), packed.dockerfile_name.clone())]);
    let labels = build.labels.iter().chain(&order.labels);
    attrs.extend(labels.map(|(name, value)| (format!("label:{name}"), value.clone())));
    let args = build.args.iter();
    attrs.extend(args.map(|(name, value)| (format!("build-arg:{name}"), value.clone())));
    attrs.extend(
        build
            .target
            .clone()
            .map(|target| ("target".to_owned(), target)),
    );
    attrs.extend(
        build
            .network
            .clone()
            .map(|mode| ("force-network-mode".to_owned(), mode)),
    );
    if order.fresh || build.no_cache {
        attrs.insert("no-cache".to_owned(), String::new());
    }
    if build.pull {
        attrs.insert("image-resolve-mode".to_owned(), "pull".to_owned());
    }
    let is_host = build.network.as_deref() == Some("host");
    SolveRequest {
        r#ref: id.to_owned(),
        session: id.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attrs,
        exporter_deprecated: "moby".to_owned(),
        exporter_attrs_deprecated: HashMap::from([("name".to_owned(), order.tags.join(","))]),
        entitlements: is_host
            .then(|| "network.host".to_owned())
            .into_iter()
            .collect(),
        ..SolveRequest::default()
    }
}

/// An id that no other build of this engine has.
fn unique_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let now = jiff::Timestamp::now().as_nanosecond();
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("boatyard{:x}{now:x}{count:x}", std::process::id())
}
