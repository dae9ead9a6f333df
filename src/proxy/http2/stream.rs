//! One stream: a request and its answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use hyper::http::{request, response};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};

use super::pump::{Ended, Pump, Way};
use super::{Shared, grpc};
use crate::proxy::answer::{in_words, wants_html};
use crate::proxy::fault::{self, Injected, Strike};
use crate::proxy::headers::{continue_trace, is_event_stream, kept};
use crate::proxy::live::{InFlight, Live};
use crate::proxy::passage::root_cause;
use crate::proxy::record::{Opening, Recording};
use crate::proxy::relay::Stage;
use crate::proxy::seek::{Refusal, Seeker};
use crate::proxy::solo::Inside;
use crate::telemetry::ExchangeStatus;
use crate::telemetry::grpc::UNAVAILABLE;

/// How often a request is sent again that a run has said it never looked at.
const AGAIN: usize = 3;

/// A caller's stream.
struct Stream {
    shared: Arc<Shared>,
    respond: SendResponse<Bytes>,
    recording: Option<Recording>,
    kind: Kind,
    /// Whether a person's browser would show the relay's words.
    html: bool,
    /// Bytes a second of each body, if that is bounded.
    bandwidth: Option<u64>,
}

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Grpc,
    /// Extended CONNECT (RFC 8441): a connection of bytes within a stream.
    Bytes,
}

/// A request that a run has.
struct Sent {
    live: Arc<Live>,
    in_flight: InFlight,
    response: ResponseFuture,
    up: Pump,
    up_is_over: bool,
}

/// What comes first while an answer is awaited.
enum Event {
    Interim(Response<()>),
    Answer(Response<RecvStream>),
    /// The run did not answer.
    Broke(h2::Error),
    /// The caller wants no answer any more.
    CallerLeft(Option<Reason>),
}

/// Relays a stream until it ends.
pub(super) async fn relay(
    shared: Arc<Shared>,
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
) {
    let (mut head, body) = request.into_parts();
    let kind = match head.method {
        Method::CONNECT => Kind::Bytes,
        _ if grpc::is_grpc(&head.headers) => Kind::Grpc,
        _ => Kind::Plain,
    };
    let mut stream = Stream {
        html: wants_html(&head.headers),
        shared,
        respond,
        recording: None,
        kind,
        bandwidth: None,
    };
    if kind == Kind::Bytes && head.extensions.get::<Protocol>().is_none() {
        let callee = &stream.shared.edge.callee;
        let words = format!("this is {callee}, which is no proxy to elsewhere: CONNECT is refused");
        stream.say(in_words(405, &words, stream.html));
        return;
    }
    let Some(inside) = stream.enters().await else {
        return;
    };
    if let Some(injected) = stream.begin(&mut head, inside)
        && stream.suffers(&injected).await
    {
        return;
    }
    stream.pass_on(head, body).await;
}

impl Stream {
    /// Waits until it is let in; `None` if the caller left before that.
    async fn enters(&mut self) -> Option<Option<Inside>> {
        let Self {
            shared, respond, ..
        } = self;
        if !shared.route.policy().trace {
            return Some(None);
        }
        tokio::select! {
            biased;
            _ = poll_fn(|cx| respond.poll_reset(cx)) => None,
            inside = shared.relay.routes.enter(&shared.edge) => Some(inside),
        }
    }

    /// Continues the request's trace and begins to record it, if that is wanted; what is done to it on purpose.
    fn begin(&mut self, head: &mut request::Parts, inside: Option<Inside>) -> Option<Injected> {
        let policy = self.shared.route.policy();
        let injected = fault::draw(&policy, &self.shared.edge, false);
        // h2 writes the `Host` of a request without `:authority` only into one that has come from elsewhere.
        head.version = match head.uri.authority() {
            Some(_) => Version::HTTP_2,
            None => Version::HTTP_11,
        };
        if !policy.trace {
            return injected;
        }
        let as_it_came = kept(&head.headers, &policy.redact);
        let (context, parent) = continue_trace(&mut head.headers);
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let method = match self.kind {
            Kind::Grpc => "gRPC",
            Kind::Plain | Kind::Bytes => head.method.as_str(),
        };
        let opening = Opening {
            edge: &self.shared.edge,
            context,
            parent,
            method,
            path: path.to_owned(),
            headers: as_it_came,
            redact: policy.redact,
            inside,
        };
        let mut recording = Recording::begin(&self.shared.relay.recorder, opening);
        if self.kind == Kind::Grpc {
            recording.ends_within(grpc::timeout(&head.headers));
        }
        self.recording = Some(recording);
        injected
    }

    /// Does to the exchange what is to be done on purpose before it is passed on; whether that ended it.
    async fn suffers(&mut self, injected: &Injected) -> bool {
        self.bandwidth = injected.bandwidth;
        if let Some(recording) = &mut self.recording {
            recording.injected(&injected.words);
        }
        let strike = tokio::select! {
            biased;
            // The recording says that the caller left when it is dropped.
            _ = poll_fn(|cx| self.respond.poll_reset(cx)) => return true,
            strike = injected.strikes() => strike,
        };
        match strike {
            None => false,
            Some(Strike::Abort) => {
                self.respond.send_reset(Reason::INTERNAL_ERROR);
                if let Some(recording) = self.recording.take() {
                    recording.end(ExchangeStatus::Failed(fault::ABORTED.into()));
                }
                true
            }
            Some(Strike::Error(status)) => {
                let words = fault::said(&self.shared.edge, status);
                let (answer, status) = match self.kind {
                    Kind::Grpc => {
                        let code = grpc::code_for(status);
                        let answer = grpc::refusal(code, &words).map(|()| Bytes::new());
                        (answer, ExchangeStatus::Grpc(code))
                    }
                    Kind::Plain | Kind::Bytes => (
                        in_words(status, &words, self.html),
                        ExchangeStatus::Http(status),
                    ),
                };
                self.end_with(answer, status);
                true
            }
        }
    }

    /// Passes the request on until a run has answered it or the caller left.
    async fn pass_on(mut self, head: request::Parts, mut body: RecvStream) {
        for tries in 0.. {
            let mut sent = match self.send(&head, body).await {
                Ok(Some(sent)) => sent,
                // The caller left while the request was held; its recording says so when it is dropped.
                Ok(None) => return,
                Err(refusal) => return self.refuse(&refusal),
            };
            let error = match self.answer_of(&mut sent).await {
                Ok(Some(answer)) => return self.answer(answer, sent).await,
                Ok(None) => return,
                Err(error) => error,
            };
            let live = Arc::clone(&sent.live);
            let repeatable =
                is_unseen(&error) || (head.method.is_idempotent() && live.is_retired());
            drop((sent.in_flight, sent.response));
            match sent.up.into_untouched() {
                Some(untouched) if repeatable && tries < AGAIN => body = untouched,
                _ => return self.broke_off(&live, &error),
            }
        }
    }

    /// Gives the request to the next run in turn, once there is one; `None` if the caller left before.
    async fn send(
        &mut self,
        head: &request::Parts,
        body: RecvStream,
    ) -> Result<Option<Sent>, Refusal> {
        let Self {
            shared,
            respond,
            recording,
            kind,
            ..
        } = self;
        let is_connect = *kind == Kind::Bytes;
        let begun = {
            let sending = begin_at_a_run(shared, head, is_connect, &body, recording.as_mut());
            tokio::select! {
                biased;
                _ = poll_fn(|cx| respond.poll_reset(cx)) => return Ok(None),
                begun = sending => begun?,
            }
        };
        let (in_flight, response, to) = begun;
        let counted = self
            .recording
            .as_ref()
            .map(|recording| Arc::clone(&recording.bodies));
        let up_is_over = !is_connect && body.is_end_stream();
        Ok(Some(Sent {
            live: Arc::clone(in_flight.live()),
            in_flight,
            response,
            up: Pump::new(body, to, counted.map(|bodies| (bodies, Way::Up))).at(self.bandwidth),
            up_is_over,
        }))
    }

    /// Waits for the head of the answer and passes interim ones on; `None` if the caller left.
    async fn answer_of(
        &mut self,
        sent: &mut Sent,
    ) -> Result<Option<Response<RecvStream>>, h2::Error> {
        loop {
            match poll_fn(|cx| sent.poll(&mut self.respond, cx)).await {
                // A hint that cannot be given is none.
                Event::Interim(interim) => drop(self.respond.send_informational(interim)),
                Event::Answer(answer) => return Ok(Some(answer)),
                Event::Broke(error) => return Err(error),
                Event::CallerLeft(reason) => {
                    sent.up.to.send_reset(reason.unwrap_or(Reason::CANCEL));
                    return Ok(None);
                }
            }
        }
    }

    /// Gives the answer's head back, then its body as it comes, while the request's body may still go on.
    async fn answer(mut self, answer: Response<RecvStream>, sent: Sent) {
        let (head, from) = answer.into_parts();
        if let Some(recording) = &mut self.recording {
            recording.answered(&head.headers);
        }
        let Sent {
            live,
            in_flight,
            mut up,
            mut up_is_over,
            ..
        } = sent;
        let lasting = self.kind == Kind::Bytes || is_event_stream(&head.headers);
        let in_flight = (!lasting).then_some(in_flight);
        let is_all = self.kind != Kind::Bytes && from.is_end_stream();
        let response = Response::from_parts(head_of(&head), ());
        let Ok(to) = self.respond.send_response(response, is_all) else {
            up.to.send_reset(Reason::CANCEL);
            return;
        };
        if is_all {
            self.end(&head, None);
        } else {
            let bodies = self
                .recording
                .as_ref()
                .map(|recording| Arc::clone(&recording.bodies));
            let bodies = bodies.map(|bodies| (bodies, Way::Down));
            let mut down = Pump::new(from, to, bodies).at(self.bandwidth);
            let mut stage = self.shared.relay.stage.clone();
            let ended = tokio::select! {
                ended = poll_fn(|cx| poll_both(&mut up, &mut up_is_over, &mut down, cx)) => ended,
                () = Stage::reached(&mut stage, Stage::Closing), if lasting => {
                    down.to.send_reset(Reason::CANCEL);
                    Ended::Receiver(None)
                }
            };
            match ended {
                Ended::Complete(trailers) => self.end(&head, trailers.as_ref()),
                Ended::Receiver(reason) => {
                    up.to.send_reset(reason.unwrap_or(Reason::CANCEL));
                    return;
                }
                Ended::Sender(error) => {
                    return self.broke_within(&live, &head, &error, down.to).await;
                }
            }
        }
        if !up_is_over {
            // A run may answer before it has read everything, and read on all the same.
            poll_fn(|cx| up.poll(cx)).await;
        }
        drop(in_flight);
    }

    /// Hands on the recording of an exchange whose answer is complete.
    fn end(&mut self, head: &response::Parts, trailers: Option<&HeaderMap>) {
        let Some(recording) = self.recording.take() else {
            return;
        };
        let code = trailers
            .and_then(grpc::status)
            .or_else(|| grpc::status(&head.headers));
        recording.end(match (self.kind, code) {
            (Kind::Bytes, _) if head.status.is_success() => ExchangeStatus::Bytes,
            (Kind::Grpc, Some(code)) => ExchangeStatus::Grpc(code),
            (Kind::Grpc, None) if head.status == StatusCode::OK => {
                ExchangeStatus::Failed("the answer ended without a grpc-status".into())
            }
            _ => ExchangeStatus::Http(head.status.as_u16()),
        });
    }

    /// The run broke off before it answered.
    fn broke_off(mut self, live: &Live, error: &h2::Error) {
        let words = self.words(live, "broke off before it answered", error);
        match reason_for_caller(error) {
            Some(reason) => {
                self.respond.send_reset(reason);
                self.failed(words);
            }
            None => self.refuse(&Refusal::Unreachable(words)),
        }
    }

    /// The run broke off within its answer.
    async fn broke_within(
        mut self,
        live: &Live,
        head: &response::Parts,
        error: &h2::Error,
        mut to: SendStream<Bytes>,
    ) {
        let answered = format!("answered {}, then broke off", head.status.as_u16());
        let words = self.words(live, &answered, error);
        // A reset takes back what has not gone out yet, which what came before the end should.
        tokio::task::yield_now().await;
        match reason_for_caller(error) {
            Some(reason) => to.send_reset(reason),
            // What the caller's library says of a connection that broke off.
            None if self.kind == Kind::Grpc => {
                drop(to.send_trailers(grpc::trailers(UNAVAILABLE, &words)));
            }
            None => to.send_reset(Reason::INTERNAL_ERROR),
        }
        self.failed(words);
    }

    fn words(&self, live: &Live, what: &str, error: &h2::Error) -> String {
        let (callee, run) = (&self.shared.edge.callee, live.upstream.run);
        format!("{callee} (run {run}) {what}: {}", root_cause(error))
    }

    fn failed(&mut self, words: String) {
        // A run that gives up a call whose time is over says so by a reset; dropped, the recording tells the deadline.
        if let Some(recording) = self.recording.take()
            && !recording.is_past_deadline()
        {
            recording.end(ExchangeStatus::Failed(words));
        }
    }

    /// Answers a request that no run gets.
    fn refuse(mut self, refusal: &Refusal) {
        let words = refusal.words(&self.shared.edge.callee);
        let (answer, status) = match (self.kind, refusal) {
            (Kind::Grpc, _) => (
                grpc::refusal(UNAVAILABLE, &words).map(|()| Bytes::new()),
                ExchangeStatus::Grpc(UNAVAILABLE),
            ),
            _ => (
                in_words(refusal.status(), &words, self.html),
                ExchangeStatus::Http(refusal.status()),
            ),
        };
        let status = match refusal {
            Refusal::Unreachable(why) => ExchangeStatus::Failed(why.clone()),
            _ => status,
        };
        self.end_with(answer, status);
    }

    /// Gives an answer of the relay's own, which ends the exchange.
    fn end_with(&mut self, answer: Response<Bytes>, status: ExchangeStatus) {
        if let Some(mut recording) = self.recording.take() {
            recording.answered(answer.headers());
            recording.bodies.answered.pass(answer.body());
            recording.end(status);
        }
        self.say(answer);
    }

    /// Gives the caller words of the relay's own. Who has left does not hear them.
    fn say(&mut self, answer: Response<Bytes>) {
        let (head, words) = answer.into_parts();
        let is_all = words.is_empty();
        let sent = self
            .respond
            .send_response(Response::from_parts(head, ()), is_all);
        if let Ok(mut to) = sent
            && !is_all
        {
            drop(to.send_data(words, true));
        }
    }
}

/// Begins the request at a run, once there is one.
async fn begin_at_a_run(
    shared: &Shared,
    head: &request::Parts,
    is_connect: bool,
    body: &RecvStream,
    mut recording: Option<&mut Recording>,
) -> Result<(InFlight, ResponseFuture, SendStream<Bytes>), Refusal> {
    let mut seeker = Seeker::new(&shared.edge, &shared.route, &shared.relay.limits);
    loop {
        let found = seeker.next(None).await;
        if let Some(recording) = &mut recording {
            recording.held(seeker.held);
        }
        let in_flight = found?;
        let live = Arc::clone(in_flight.live());
        if let Some(recording) = &mut recording {
            recording.given_to(live.upstream.run);
        }
        let within = shared.relay.limits.connect;
        let unmet = match shared.links.to(&live, seeker.connect(&live), within).await {
            Ok(mut link) => {
                let is_all = !is_connect && body.is_end_stream();
                let request = Request::from_parts(head.clone(), ());
                match link.sender.send_request(request, is_all) {
                    Ok((response, to)) => return Ok((in_flight, response, to)),
                    Err(error) => std::io::Error::other(error),
                }
            }
            Err(unmet) => {
                let (callee, run) = (&shared.edge.callee, live.upstream.run);
                let words = || format!("{callee} (run {run}) does not speak HTTP/2");
                unmet
                    .into_error()
                    .ok_or_else(|| Refusal::Unreachable(words()))?
            }
        };
        // While it waits for another try, the run does not have it.
        drop(in_flight);
        seeker.failed(&live, &unmet).await?;
    }
}

impl Sent {
    fn poll(&mut self, respond: &mut SendResponse<Bytes>, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(reset) = respond.poll_reset(cx) {
            return Poll::Ready(Event::CallerLeft(reset.ok()));
        }
        if let Poll::Ready(Some(error)) = poll_up(&mut self.up, &mut self.up_is_over, cx) {
            return Poll::Ready(Event::CallerLeft(error.reason()));
        }
        // The answer itself is asked for only when no interim one can come before it any more.
        match self.response.poll_informational(cx) {
            Poll::Ready(Some(Ok(interim))) => return Poll::Ready(Event::Interim(interim)),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Event::Broke(error)),
            Poll::Ready(None) => {}
            Poll::Pending => return Poll::Pending,
        }
        Pin::new(&mut self.response)
            .poll(cx)
            .map(|answer| answer.map_or_else(Event::Broke, Event::Answer))
    }
}

/// Moves the request's body on. Ready with the error if its caller left; what a run says by wanting no more of it, it
/// says by its answer.
fn poll_up(up: &mut Pump, is_over: &mut bool, cx: &mut Context<'_>) -> Poll<Option<h2::Error>> {
    if *is_over {
        return Poll::Ready(None);
    }
    let Poll::Ready(ended) = up.poll(cx) else {
        return Poll::Pending;
    };
    *is_over = true;
    Poll::Ready(match ended {
        Ended::Sender(error) => Some(error),
        Ended::Complete(_) | Ended::Receiver(_) => None,
    })
}

fn poll_both(
    up: &mut Pump,
    up_is_over: &mut bool,
    down: &mut Pump,
    cx: &mut Context<'_>,
) -> Poll<Ended> {
    if let Poll::Ready(Some(error)) = poll_up(up, up_is_over, cx) {
        return Poll::Ready(Ended::Receiver(error.reason()));
    }
    down.poll(cx)
}

/// Whether the run has said that it never looked at the request (RFC 9113, section 8.7), so that it may be sent again.
fn is_unseen(error: &h2::Error) -> bool {
    let reason = error.reason();
    error.is_remote()
        && (reason == Some(Reason::REFUSED_STREAM)
            || (error.is_go_away() && reason == Some(Reason::NO_ERROR)))
}

/// The reset that tells the caller what the run has told; `None` if the run said nothing.
fn reason_for_caller(error: &h2::Error) -> Option<Reason> {
    if is_unseen(error) {
        return Some(Reason::REFUSED_STREAM);
    }
    error
        .reason()
        .filter(|_| error.is_remote() && error.is_reset())
}

/// The head once more, for the caller.
fn head_of(head: &response::Parts) -> response::Parts {
    let mut copy = Response::new(()).into_parts().0;
    copy.status = head.status;
    copy.version = Version::HTTP_2;
    copy.headers = head.headers.clone();
    copy
}
