//! The request of a check.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};

use super::Around;
use crate::adapters::ask::{Answer, ask, status_words};
use crate::stack::{Check, CheckKind, HttpRequest, RequestBody, ServiceName};
use crate::telemetry::TraceContext;

/// Of a body, this much is read and judged.
const BODY_LIMIT: usize = 4 << 20;

const TRACEPARENT: &str = "traceparent";

/// The trace that the check's own headers ask for.
pub(super) fn given_context(check: &Check) -> Option<TraceContext> {
    let CheckKind::Http { request, .. } = &check.kind else {
        return None;
    };
    let mut headers = request.headers.iter();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case(TRACEPARENT))?;
    TraceContext::parse(value.as_bytes())
}

/// Sends the request, with this trace, and reads the answer.
pub(super) async fn ask_for(
    request: &HttpRequest,
    context: TraceContext,
    around: &Around,
    limit: Duration,
) -> Result<Answer, String> {
    let uri: Uri = request
        .url
        .parse()
        .map_err(|error| format!("the URL {} is wrong: {error}", request.url))?;
    let address = address(&uri, &request.url, around).await?;
    let message = message(request, &uri, context)?;
    ask(address, message, limit, BODY_LIMIT)
        .await
        .map_err(|why| format!("no answer from {} ({address}): {why}", request.url))
}

/// The answer as a report shows it: status and body.
pub(super) fn shown(answer: &Answer) -> Vec<u8> {
    let mut shown = format!("{}\n", status_words(answer.status)).into_bytes();
    shown.extend_from_slice(&answer.body);
    shown
}

/// The front door of the service that the URL names, else the host of that name.
async fn address(uri: &Uri, url: &str, around: &Around) -> Result<SocketAddr, String> {
    match uri.scheme_str() {
        Some("http") => {}
        Some(other) => return Err(format!("checks speak http, and {url} wants {other}")),
        None => return Err(format!("{url} is no URL; write http://SERVICE/PATH")),
    }
    let host = uri.host().unwrap_or_default();
    if let Some(address) = (around.door)(&ServiceName::new(host)) {
        return Ok(address);
    }
    let port = uri.port_u16().unwrap_or(80);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut found = tokio::net::lookup_host((host, port)).await.map_err(|_| {
        format!("{host} is neither a service with a front door (ports) nor a host that is known")
    })?;
    found
        .next()
        .ok_or_else(|| format!("the host {host} has no address"))
}

fn message(
    request: &HttpRequest,
    uri: &Uri,
    context: TraceContext,
) -> Result<Request<Full<Bytes>>, String> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut message = Request::builder().method(request.method.as_str()).uri(path);
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    let (body, kind) = match &request.body {
        RequestBody::Empty => (Bytes::new(), None),
        RequestBody::Text(text) => (Bytes::from(text.clone()), Some("text/plain; charset=utf-8")),
        RequestBody::Json(value) => (Bytes::from(value.to_string()), Some("application/json")),
    };
    let mut message = message
        .body(Full::new(body))
        .map_err(|error| format!("the request is wrong: {error}"))?;
    let host = uri
        .authority()
        .map_or("localhost", |authority| authority.as_str());
    let trace = context.to_string();
    let mut defaults = vec![
        (HOST.as_str(), host),
        (USER_AGENT.as_str(), "boatyard-smoke"),
        (ACCEPT.as_str(), "*/*"),
        (TRACEPARENT, trace.as_str()),
    ];
    defaults.extend(kind.map(|kind| (CONTENT_TYPE.as_str(), kind)));
    for (name, value) in defaults {
        if message.headers().contains_key(name) {
            continue;
        }
        let name = hyper::header::HeaderName::try_from(name).map_err(|error| error.to_string())?;
        let value = value
            .parse()
            .map_err(|_| format!("the header {name} is wrong"))?;
        message.headers_mut().insert(name, value);
    }
    Ok(message)
}
