//! One caller's HTTP/1.x connection: each request is passed on to a run, and its answer back.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};
use hyper::http::request;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version, upgrade};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::answer::{in_words, wants_html};
use super::asked::{Asked, Gate};
use super::fault::{self, Injected, Strike};
use super::headers::{continue_trace, is_event_stream, kept, set_upgrade, strip_hop_by_hop};
use super::link::{Drivers, Eager, Link, Links};
use super::live::{InFlight, Live};
use super::passage::{Answer, Passage, Relayed, Turn, root_cause};
use super::record::{Opening, Recording};
use super::relay::{Relay, Stage};
use super::route::Route;
use super::seek::{Refusal, Seeker};
use super::solo::Inside;
use super::target::Edge;
use super::tunnel;
use super::wire::{Phase, Wire, WireState};
use crate::telemetry::ExchangeStatus;

/// The caller's side of a connection that speaks HTTP/1.x.
struct Caller {
    relay: Relay,
    edge: Arc<Edge>,
    route: Arc<Route>,
    wire: Arc<WireState>,
    links: Arc<Links>,
}

/// Serves the connection until it ends; `read_before` was read to recognise it.
pub(super) async fn serve(
    relay: Relay,
    edge: Arc<Edge>,
    route: Arc<Route>,
    (stream, read_before): (TcpStream, Bytes),
    eager: Option<Eager>,
) {
    let state = Arc::new(WireState::default());
    let wire = Wire::new(stream, read_before, Arc::clone(&state));
    let mut shutdown = relay.stage.clone();
    let links = Links::new(eager);
    let mut drivers = Drivers::of(&links);
    let caller = Arc::new(Caller {
        relay,
        edge,
        route,
        wire: Arc::clone(&state),
        links,
    });
    let service = service_fn(move |request| {
        let caller = Arc::clone(&caller);
        async move { caller.handle(request).await }
    });
    let connection = Builder::new()
        .preserve_header_case(true)
        .auto_date_header(false)
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // What goes wrong here has been answered by hyper, or is recorded with the exchange it broke.
    let is_over = tokio::select! {
        biased;
        () = served(connection.as_mut(), &mut drivers) => true,
        () = Stage::reached(&mut shutdown, Stage::Closing) => state.phase() == Phase::Streaming,
    };
    if !is_over {
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            () = served(connection.as_mut(), &mut drivers) => {}
            () = Stage::reached(&mut shutdown, Stage::Over) => {}
        }
    }
    drivers.let_go();
}

/// Ends when the caller's connection does; moves the bytes of its links meanwhile.
async fn served(
    mut connection: Pin<&mut impl Future<Output = hyper::Result<()>>>,
    drivers: &mut Drivers,
) {
    poll_fn(|cx| {
        // Answers come,
        drivers.poll(cx);
        if connection.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        // and requests go.
        drivers.poll(cx);
        Poll::Pending
    })
    .await;
}

impl Caller {
    /// The answer; an error breaks the connection off.
    async fn handle(&self, mut request: Request<Incoming>) -> io::Result<Response<Answer>> {
        let turn = Turn::begin(&self.wire);
        if let Some(refused) = self.refused_as_it_is(&request) {
            return Ok(refused);
        }
        let from_caller = upgrade::on(&mut request);
        let (mut head, body) = request.into_parts();
        let policy = self.route.policy();
        let injected = fault::draw(&policy, &self.edge, false);
        let mut recording = None;
        if policy.trace {
            let inside = self.relay.routes.enter(&self.edge).await;
            recording = Some(self.begin(&mut head, policy.redact, inside));
        }
        if let Some(injected) = &injected {
            let html = wants_html(&head.headers);
            if let Some(end) = self.suffer(injected, html, &mut recording).await {
                return end;
            }
        }
        let bandwidth = injected.and_then(|injected| injected.bandwidth);
        let expects = head.headers.contains_key(EXPECT) && head.version == Version::HTTP_11;
        let asked_upgrade = strip_hop_by_hop(&mut head.headers);
        let wants_upgrade = asked_upgrade.is_some();
        if let Some(protocols) = asked_upgrade {
            set_upgrade(&mut head.headers, protocols);
        }
        let mut body = Asked::new(body, bandwidth, &self.wire);
        if let Some(recording) = &recording {
            body.count_in(&recording.bodies);
        }
        let gate = expects.then(Arc::<Gate>::default);
        if let Some(gate) = &gate {
            body.wait_for(gate);
        }
        let html = wants_html(&head.headers);
        let hears = Hears {
            hints: head.version == Version::HTTP_11,
            gate: gate.clone(),
        };
        prepare(&mut head, &body);
        Ok(
            match self.pass_on(head, body, hears, recording.as_mut()).await {
                Ok(Passed {
                    response,
                    link,
                    in_flight,
                }) => {
                    let passage = Passage {
                        recording,
                        link,
                        links: Arc::clone(&self.links),
                        in_flight: Some(in_flight),
                        gate,
                        turn,
                    };
                    let upgrade = wants_upgrade.then_some(from_caller);
                    self.answer(response, passage, upgrade, (html, bandwidth))
                }
                Err(refusal) => self.refuse(&refusal, html, recording),
            },
        )
    }

    /// Does to the exchange what is to be done on purpose before it is passed on; how it ended, if that ends it.
    async fn suffer(
        &self,
        injected: &Injected,
        html: bool,
        recording: &mut Option<Recording>,
    ) -> Option<io::Result<Response<Answer>>> {
        if let Some(recording) = recording {
            recording.injected(&injected.words);
        }
        match injected.strikes().await? {
            Strike::Error(status) => {
                let answer = in_words(status, &fault::said(&self.edge, status), html);
                Some(Ok(say(
                    answer,
                    ExchangeStatus::Http(status),
                    recording.take(),
                )))
            }
            Strike::Abort => {
                if let Some(recording) = recording.take() {
                    recording.end(ExchangeStatus::Failed(fault::ABORTED.into()));
                }
                self.wire.abort();
                Some(Err(fault::aborted()))
            }
        }
    }

    /// The answer to a request that no relay of one service may pass on.
    fn refused_as_it_is(&self, request: &Request<Incoming>) -> Option<Response<Answer>> {
        if request.method() == Method::CONNECT {
            let callee = &self.edge.callee;
            let words =
                format!("this is {callee}, which is no proxy to elsewhere: CONNECT is refused");
            return Some(own(in_words(405, &words, wants_html(request.headers()))));
        }
        if self.wire.is_ambiguous() && request.headers().contains_key(TRANSFER_ENCODING) {
            let words =
                "the request tells its length twice, by Content-Length and by Transfer-Encoding";
            let mut answer = in_words(400, words, wants_html(request.headers()));
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
            return Some(own(answer));
        }
        None
    }

    /// Continues the request's trace and begins to record it.
    fn begin(
        &self,
        head: &mut request::Parts,
        redact: Arc<[String]>,
        inside: Option<Inside>,
    ) -> Recording {
        let as_it_came = kept(&head.headers, &redact);
        let (context, parent) = continue_trace(&mut head.headers);
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        Recording::begin(
            &self.relay.recorder,
            Opening {
                edge: &self.edge,
                context,
                parent,
                method: head.method.as_str(),
                path: path.to_owned(),
                headers: as_it_came,
                redact,
                inside,
            },
        )
    }

    /// Listens to the interim answers to this request.
    fn hear_interim(&self, request: &mut Request<Asked>, hears: &Hears) {
        let (wire, Hears { hints, gate }) = (Arc::clone(&self.wire), hears.clone());
        hyper::ext::on_informational(request, move |interim| {
            if interim.status() != 100 {
                if hints {
                    wire.send_interim(&interim_head(interim.status(), interim.headers()));
                }
            } else if let Some(gate) = &gate {
                gate.open();
            }
        });
    }

    /// Passes the request on until a run has answered it.
    async fn pass_on(
        &self,
        head: request::Parts,
        body: Asked,
        hears: Hears,
        mut recording: Option<&mut Recording>,
    ) -> Result<Passed, Refusal> {
        let mut spare = Spare::of(&head, &body);
        let mut request = Request::from_parts(head, body);
        let mut seeker = Seeker::new(&self.edge, &self.route, &self.relay.limits);
        loop {
            self.hear_interim(&mut request, &hears);
            let found = seeker.next(self.links.preferred()).await;
            if let Some(recording) = &mut recording {
                recording.held(seeker.held);
            }
            let in_flight = found?;
            let live = Arc::clone(in_flight.live());
            if let Some(recording) = &mut recording {
                recording.given_to(live.upstream.run);
            }
            match self.attempt(&live, request, &seeker).await {
                Attempt::Passed(response, link) => {
                    return Ok(Passed {
                        response,
                        link,
                        in_flight,
                    });
                }
                // A kept connection that the run has closed meanwhile says nothing about the run.
                Attempt::Unsent {
                    request: unsent,
                    error: None,
                } => request = unsent,
                Attempt::Unsent {
                    request: unsent,
                    error: Some(error),
                } => {
                    // While it waits for another try, the run does not have it.
                    drop(in_flight);
                    seeker.failed(&live, &error).await?;
                    request = unsent;
                }
                Attempt::Broken { reused, error } => {
                    let again = spare.take().filter(|_| reused || live.is_retired());
                    request = again.ok_or_else(|| self.broke_off(&live, &error))?;
                }
            }
        }
    }

    /// Sends the request to this run, over a kept connection or a new one.
    async fn attempt(
        &self,
        live: &Arc<Live>,
        request: Request<Asked>,
        seeker: &Seeker<'_>,
    ) -> Attempt {
        let kept = self.links.take(live).await;
        let reused = kept.is_some();
        let opened = match kept {
            Some(link) => Ok(link),
            None => self.links.open(live, seeker.connect(live)).await,
        };
        let mut link = match opened {
            Ok(link) => link,
            Err(error) => {
                return Attempt::Unsent {
                    request,
                    error: Some(error),
                };
            }
        };
        let mut error = match link.sender.try_send_request(request).await {
            Ok(response) => return Attempt::Passed(response, link),
            Err(error) => error,
        };
        match error.take_message() {
            Some(request) => {
                let error = (!reused).then(|| io::Error::other(error.into_error()));
                Attempt::Unsent { request, error }
            }
            None => Attempt::Broken {
                reused,
                error: error.into_error(),
            },
        }
    }

    /// Gives the answer's head back, and its body as it comes.
    fn answer(
        &self,
        response: Response<Incoming>,
        mut passage: Passage,
        from_caller: Option<upgrade::OnUpgrade>,
        (html, bandwidth): (bool, Option<u64>),
    ) -> Response<Answer> {
        let mut response = response;
        let from_run = upgrade::on(&mut response);
        let (mut head, body) = response.into_parts();
        if let Some(recording) = &mut passage.recording {
            recording.answered(&head.headers);
            if head.status == StatusCode::SWITCHING_PROTOCOLS || is_event_stream(&head.headers) {
                recording.goes_on();
            }
        }
        let upgraded_to = strip_hop_by_hop(&mut head.headers);
        head.version = Version::HTTP_11;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let (Some(protocols), Some(from_caller)) = (upgraded_to, from_caller) else {
                let callee = &self.edge.callee;
                let words = format!("{callee} switched protocols without being asked to");
                return self.refuse(&Refusal::Unreachable(words), html, passage.recording);
            };
            set_upgrade(&mut head.headers, protocols);
            self.wire.upgrade();
            let relay = self.relay.clone();
            tokio::spawn(tunnel::upgraded(
                relay,
                from_caller,
                from_run,
                passage.recording,
                bandwidth,
            ));
            return Response::from_parts(head, Answer::Own(None));
        }
        if is_event_stream(&head.headers) {
            passage.in_flight = None;
            passage.turn.wire().set_phase(Phase::Streaming);
        }
        let relayed = Relayed::new(body, bandwidth, head.status.as_u16(), passage);
        Response::from_parts(head, Answer::Relayed(Box::new(relayed)))
    }

    fn refuse(
        &self,
        refusal: &Refusal,
        html: bool,
        recording: Option<Recording>,
    ) -> Response<Answer> {
        let words = refusal.words(&self.edge.callee);
        let answer = in_words(refusal.status(), &words, html);
        let status = match refusal {
            Refusal::Unreachable(why) => ExchangeStatus::Failed(why.clone()),
            _ => ExchangeStatus::Http(refusal.status()),
        };
        say(answer, status, recording)
    }

    fn broke_off(&self, live: &Live, error: &hyper::Error) -> Refusal {
        let (callee, run) = (&self.edge.callee, live.upstream.run);
        Refusal::Unreachable(format!(
            "{callee} (run {run}) broke off before it answered: {}",
            root_cause(error)
        ))
    }
}

/// Who is told of a request's interim answers.
#[derive(Clone)]
struct Hears {
    /// The caller knows interim answers.
    hints: bool,
    /// The body waits for `100 Continue`.
    gate: Option<Arc<Gate>>,
}

/// How one try to pass a request on ended.
enum Attempt {
    /// The run answers.
    Passed(Response<Incoming>, Link),
    /// The run has seen nothing of the request; the error, if the run could not be connected to.
    Unsent {
        request: Request<Asked>,
        error: Option<io::Error>,
    },
    /// The run may have seen it.
    Broken { reused: bool, error: hyper::Error },
}

/// A request that was passed on.
struct Passed {
    response: Response<Incoming>,
    link: Link,
    in_flight: InFlight,
}

/// A copy of a request that may be sent twice: without a body, and of a method that is idempotent (RFC 9110, section 9.2.2).
struct Spare(Option<request::Parts>);

impl Spare {
    fn of(head: &request::Parts, body: &Asked) -> Self {
        let repeatable = head.method.is_idempotent() && body.is_end_stream();
        Self(repeatable.then(|| head.clone()))
    }

    fn take(&mut self) -> Option<Request<Asked>> {
        Some(Request::from_parts(self.0.take()?, Asked::empty()))
    }
}

/// Makes the request ready for the next hop.
fn prepare(head: &mut request::Parts, body: &Asked) {
    head.version = Version::HTTP_11;
    if !body.is_end_stream() && !head.headers.contains_key(CONTENT_LENGTH) {
        // hyper's client leaves the body of a GET without a length out unless it is told.
        head.headers
            .insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// An answer of the relay's own, which ends the exchange.
fn say(
    answer: Response<Bytes>,
    status: ExchangeStatus,
    recording: Option<Recording>,
) -> Response<Answer> {
    if let Some(mut recording) = recording {
        recording.answered(answer.headers());
        recording.bodies.answered.pass(answer.body());
        recording.end(status);
    }
    own(answer)
}

fn own(answer: Response<Bytes>) -> Response<Answer> {
    answer.map(|words| Answer::Own(Some(words)))
}

/// An interim answer as it stands on the wire.
fn interim_head(status: StatusCode, headers: &HeaderMap) -> Vec<u8> {
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}
