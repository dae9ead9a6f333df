//! What Boatyard and a relay in a container say to each other: frames over a socket.
//!
//! A frame is a length (4 bytes, big endian) and that much JSON.

use std::io;
use std::net::IpAddr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::super::limits::Policy;
use super::super::target::Target;
use crate::stack::ServiceName;
use crate::telemetry::Exchange;

/// A longer frame is none of ours.
const LONGEST: u32 = 64 << 20;

/// What a relay is told, in the order in which it is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Told {
    /// Where requests for a service go from now on.
    Target {
        service: ServiceName,
        target: Target,
    },
    /// What is done with them.
    Policy {
        service: ServiceName,
        policy: Policy,
    },
    /// A service left the stack.
    Forget { service: ServiceName },
    /// The ports of a service: they are listened at.
    Ports {
        service: ServiceName,
        ports: Vec<u16>,
    },
    /// Who has this address.
    Caller {
        address: IpAddr,
        service: Option<ServiceName>,
    },
    /// By which names a service is called.
    Names {
        service: ServiceName,
        names: Vec<String>,
    },
    /// Whom a service is declared to call.
    Calls {
        service: ServiceName,
        callees: Vec<ServiceName>,
    },
    /// Answer when all that was said before has been done.
    Ask { id: u64 },
    /// Answer when no request of this run is under way.
    Drained { id: u64, run: u64 },
    /// Let nobody in any more, let what is under way end, and answer when all of it was told.
    Farewell { id: u64 },
}

/// What a relay says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// Which relay this is: the key it was started with.
    Hello { key: String },
    /// The answer to what carried this number.
    Done { id: u64 },
    /// The same, behind all exchanges that have ended before.
    Over { id: u64 },
    /// Exchanges that have ended, and how many more were lost since the last time.
    Exchanges {
        exchanges: Vec<Exchange>,
        dropped: u64,
    },
    /// How many requests for a service are held now.
    Held { service: ServiceName, now: usize },
    /// A connection to this port could have been meant for any of several services.
    Undecided { port: u16 },
    /// This port cannot be listened at.
    Closed { port: u16, why: String },
}

/// A frame, complete.
pub(super) fn frame(word: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, word)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

/// The next frame; `None` at the end of the stream.
pub(super) async fn next<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = u32::from_be_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("a frame that is too long"));
    }
    // What is promised may never come: memory is taken as it does.
    let mut text = Vec::new();
    stream.take(length.into()).read_to_end(&mut text).await?;
    Ok(Some(serde_json::from_slice(&text)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::super::target::Upstream;
    use super::*;
    use crate::stack::Reach;
    use crate::telemetry::{ExchangeStatus, Headers, SpanId, TraceId};

    fn read<T: DeserializeOwned>(mut bytes: &[u8]) -> io::Result<Option<T>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(next(&mut bytes))
    }

    #[test]
    fn an_exchange_comes_back_as_it_was() {
        let exchange = Exchange {
            trace: TraceId(u128::MAX - 5),
            span: SpanId(u64::MAX),
            parent: Some(SpanId(7)),
            caller: Some("web".into()),
            callee: "orders".into(),
            run: 3,
            method: "POST".into(),
            path: "/orders?q=ä".into(),
            status: ExchangeStatus::Failed("refused".into()),
            started: jiff::Timestamp::from_nanosecond(1_700_000_000_123_456_789)
                .unwrap_or_default(),
            took: Duration::from_nanos(1_234_567_891),
            held: Duration::from_micros(3),
            request_bytes: 1,
            response_bytes: u64::MAX,
            request_headers: [("Host", "orders"), ("X", "")].into_iter().collect(),
            response_headers: Headers::default(),
            request_body: crate::telemetry::BodyHead::default(),
            response_body: crate::telemetry::BodyHead::default(),
            injected: None,
        };
        let word = Word::Exchanges {
            exchanges: vec![exchange.clone(), exchange],
            dropped: 2,
        };
        let bytes = frame(&word).unwrap();
        assert_eq!(read::<Word>(&bytes).unwrap(), Some(word));
        assert_eq!(read::<Word>(b"").unwrap(), None);
    }

    #[test]
    fn an_order_comes_back_as_it_was() {
        let address: IpAddr = [172, 18, 0, 5].into();
        let ports = [(8000, ([127, 0, 0, 1], 9).into())].into_iter().collect();
        let upstream = |run, reach| Upstream { run, reach };
        for told in [
            Told::Target {
                service: "orders".into(),
                target: Target::Runs(vec![
                    upstream(1, Reach::Host(address)),
                    upstream(2, Reach::Ports(ports)),
                ]),
            },
            Told::Policy {
                service: "orders".into(),
                policy: Policy::default(),
            },
            Told::Caller {
                address,
                service: None,
            },
        ] {
            assert_eq!(read::<Told>(&frame(&told).unwrap()).unwrap(), Some(told));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Word>(&bytes);
            let _ = read::<Told>(&bytes);
        }
    }
}
