//! One accepted connection: what it speaks is found out, and it is handed to whoever relays that.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::http;
use super::http2::{self, Greeting, greeting};
use super::link::Eager;
use super::live::Live;
use super::recognise::{Spoken, recognise};
use super::relay::{Relay, Stage};
use super::route::Route;
use super::seek::connect;
use super::target::Edge;
use super::tunnel;

/// How long the beginning of something that may still become HTTP is waited for to go on.
const UNSURE: Duration = Duration::from_secs(1);

/// How long a caller is waited for whose callee has said what a server of HTTP/2 says first, when it is its turn.
const ITS_TURN: Duration = Duration::from_secs(5);

/// What came first.
enum First {
    /// The caller spoke HTTP/1.x.
    Http,
    /// The caller spoke HTTP/2.
    Http2,
    /// The caller spoke something else, or the callee spoke first.
    Bytes,
    /// There is nothing to relay.
    Nothing,
}

/// A connection of which it is not known yet what it speaks.
struct Fresh {
    caller: TcpStream,
    said: BytesMut,
    eager: Option<Eager>,
    connected: Option<(Arc<Live>, TcpStream)>,
    /// Whether the callee has said what a server of HTTP/2 says first.
    greeted: bool,
}

/// Relays one connection over this edge until it ends.
pub(super) async fn relay(relay: Relay, edge: Arc<Edge>, caller: TcpStream) {
    // Without it small answers wait for acknowledgements; a socket that refuses it works all the same.
    drop(caller.set_nodelay(true));
    let route = relay.routes.route(&edge.callee);
    let mut fresh = Fresh {
        caller,
        said: BytesMut::new(),
        eager: None,
        connected: None,
        greeted: false,
    };
    let mut stage = relay.stage.clone();
    let first = tokio::select! {
        first = fresh.first(&relay, &edge, &route) => first,
        () = Stage::reached(&mut stage, Stage::Closing) => Ok(First::Nothing),
    };
    let Fresh {
        caller,
        said,
        eager,
        connected,
        ..
    } = fresh;
    let caller: (TcpStream, Bytes) = (caller, said.freeze());
    match first {
        Ok(First::Http) => {
            http::serve(relay, edge, route, caller, early(connected, eager)).await;
        }
        Ok(First::Http2) => {
            let http = http2::relay(relay, edge, route, caller, early(connected, eager));
            tokio::select! {
                () = Box::pin(http) => {}
                () = Stage::reached(&mut stage, Stage::Over) => {}
            }
        }
        Ok(First::Bytes) => tunnel::bytes(relay, edge, route, caller, connected).await,
        Ok(First::Nothing) | Err(_) => {}
    }
}

impl Fresh {
    /// Waits for the first words of either side. A run is connected to meanwhile, because in some protocols it speaks first.
    async fn first(&mut self, relay: &Relay, edge: &Edge, route: &Route) -> io::Result<First> {
        let mut aim = route.follow();
        self.connect_early(relay, edge, route);
        loop {
            tokio::select! {
                biased;
                read = self.caller.read_buf(&mut self.said) => match (read?, recognise(&self.said)) {
                    (0, _) => return Ok(self.ended()),
                    (_, Spoken::Http1) if self.greeted => return Ok(First::Bytes),
                    (_, Spoken::Http1) => return Ok(First::Http),
                    (_, Spoken::Http2) => return Ok(First::Http2),
                    (_, Spoken::Bytes) => return Ok(First::Bytes),
                    (_, Spoken::Unsure) => {}
                },
                stream = connecting(self.eager.as_mut()) => {
                    let live = self.eager.take().map(|eager| eager.live);
                    self.connected = live.zip(stream.ok());
                }
                spoken = spoken(self.connected.as_ref()), if !self.greeted => match spoken {
                    // It may be on its way out: what the caller says later goes to another run.
                    Ok(Said::Nothing) | Err(_) => self.connected = None,
                    Ok(Said::Greeting) => self.greeted = true,
                    Ok(Said::Else) => return Ok(First::Bytes),
                },
                changed = aim.changed() => match changed {
                    Ok(()) => self.connect_early(relay, edge, route),
                    Err(_) => return Ok(First::Nothing),
                },
                () = sleep(UNSURE), if !self.said.is_empty() => return Ok(First::Bytes),
                () = sleep(ITS_TURN), if self.greeted => return Ok(First::Bytes),
            }
        }
    }

    /// Begins to connect to the next run in turn; keeps what there is while its run takes requests.
    fn connect_early(&mut self, relay: &Relay, edge: &Edge, route: &Route) {
        let begun = self.eager.as_ref().map(|eager| &eager.live);
        let live = begun.or(self.connected.as_ref().map(|(live, _)| live));
        if live.is_some_and(|live| route.takes(live.upstream.run)) {
            return;
        }
        self.connected = None;
        self.greeted = false;
        let (port, within) = (edge.port, relay.limits.connect);
        self.eager = route.glance().map(|live| Eager {
            live: Arc::clone(&live),
            stream: Box::pin(async move { connect(&live, port, within).await }),
        });
    }

    /// The caller has ended before it could be recognised.
    fn ended(&self) -> First {
        if self.said.is_empty() && self.connected.is_none() && self.eager.is_none() {
            First::Nothing
        } else {
            First::Bytes
        }
    }
}

/// The early connection, once it is there.
async fn connecting(eager: Option<&mut Eager>) -> io::Result<TcpStream> {
    match eager {
        Some(eager) => eager.stream.as_mut().await,
        None => std::future::pending().await,
    }
}

/// What the callee has said before its caller.
enum Said {
    /// It has ended.
    Nothing,
    /// What a server of HTTP/2 says first, or the beginning of it; many of them do not wait for their caller.
    Greeting,
    Else,
}

async fn spoken(connected: Option<&(Arc<Live>, TcpStream)>) -> io::Result<Said> {
    let Some((_, stream)) = connected else {
        return std::future::pending().await;
    };
    let mut first = [0; 9];
    let length = stream.peek(&mut first).await?;
    Ok(match (length, greeting(&first[..length])) {
        (0, _) => Said::Nothing,
        (_, Greeting::Other) => Said::Else,
        (_, Greeting::Http2 { .. } | Greeting::Unsure) => Said::Greeting,
    })
}

/// The connection that was begun before the caller had said anything, however far it has come.
fn early(connected: Option<(Arc<Live>, TcpStream)>, begun: Option<Eager>) -> Option<Eager> {
    let connected = connected.map(|(live, stream)| Eager {
        live,
        stream: Box::pin(async { Ok(stream) }),
    });
    connected.or(begun)
}
