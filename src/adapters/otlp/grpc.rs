//! OTLP over gRPC: one message asked, one answered ("gRPC over HTTP2").
//!
//! Not by tonic's server: it unpacks whatever a message becomes before it looks at its size, and brings a router and a
//! transport for what is three paths here.

use std::fmt::Write;

use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use prost::Message;

use super::body::{self, BodyError, LARGEST};
use super::message::{ExportResponse, PartialSuccess};
use super::serve::{Answer, Shared, header};
use super::store::{Encoding, Refused, Signal};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPTED: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// A status that is not OK, with its code in `google.rpc.Code`.
struct Failure(u8, String);

const INVALID_ARGUMENT: u8 = 3;
const RESOURCE_EXHAUSTED: u8 = 8;
const UNIMPLEMENTED: u8 = 12;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;

pub(super) async fn answer(request: Request<Incoming>, shared: &Shared) -> Response<Answer> {
    match taken(request, shared).await {
        Ok(refused) => success(refused),
        Err(failure) => failed(failure),
    }
}

async fn taken(request: Request<Incoming>, shared: &Shared) -> Result<Refused, Failure> {
    let path = request.uri().path();
    let signal = match path {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Signal::Traces,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Signal::Logs,
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Signal::Metrics,
        _ => return Err(Failure(UNIMPLEMENTED, format!("no such method: {path}"))),
    };
    let coding = header(request.headers(), &ENCODING).to_owned();
    let held = body::read(request.into_body(), &shared.room).await;
    let held = held.map_err(not_taken)?;
    let message = unframe(held.bytes.clone(), &coding)?;
    let refused = shared.store.take(signal, Encoding::Protobuf, message);
    refused.map_err(|why| Failure(INVALID_ARGUMENT, why))
}

/// The one message of a body: a byte that tells whether it is packed, its length in four bytes, and itself.
fn unframe(mut body: Bytes, coding: &str) -> Result<Bytes, Failure> {
    let broken = || Failure(INTERNAL, "the body is not one whole message".into());
    let Some(&[packed, a, b, c, d]) = body.first_chunk::<5>() else {
        return Err(broken());
    };
    let message = body.split_off(5);
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return Err(broken());
    }
    match packed {
        0 => Ok(message),
        1 => body::unpack(message, coding).map_err(not_taken),
        _ => Err(broken()),
    }
}

fn not_taken(error: BodyError) -> Failure {
    match error {
        BodyError::TooLarge => Failure(
            RESOURCE_EXHAUSTED,
            format!("a message may have {LARGEST} bytes, packed and unpacked"),
        ),
        BodyError::NoRoom => Failure(UNAVAILABLE, "too many requests at once".into()),
        BodyError::Lost(why) => Failure(UNAVAILABLE, why),
        BodyError::UnknownCoding(coding) => Failure(
            UNIMPLEMENTED,
            format!("the encoding {coding} is not known, only gzip and deflate are"),
        ),
        BodyError::Broken(why) => Failure(INVALID_ARGUMENT, why),
    }
}

fn success(refused: Refused) -> Response<Answer> {
    let message = response(refused).encode_to_vec();
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(0));
    framed.extend_from_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let body = Full::new(framed.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut answer = Response::new(body.boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, GRPC);
    answer
}

fn failed(Failure(code, why): Failure) -> Response<Answer> {
    let mut answer = Response::new(Empty::new().boxed_unsync());
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(STATUS, HeaderValue::from(u16::from(code)));
    headers.insert(ACCEPTED, HeaderValue::from_static("identity,gzip,deflate"));
    if let Ok(why) = HeaderValue::try_from(escaped(&why)) {
        headers.insert(MESSAGE, why);
    }
    answer
}

/// What an `Export…` is answered.
pub(super) fn response(refused: Refused) -> ExportResponse {
    let partial = (refused.count > 0).then(|| PartialSuccess {
        rejected: i64::try_from(refused.count).unwrap_or(i64::MAX),
        error_message: refused.why,
    });
    ExportResponse {
        partial_success: partial,
    }
}

/// A message as a header has it: what is not printable ASCII, and `%`, as `%XX`.
fn escaped(message: &str) -> String {
    let mut escaped = String::with_capacity(message.len());
    for byte in message.bytes().take(2000) {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_whole_message_is_a_body() {
        let framed = |bytes: &[u8]| unframe(Bytes::copy_from_slice(bytes), "");
        assert_eq!(framed(&[0, 0, 0, 0, 2, 7, 8]).ok().unwrap(), &[7, 8][..]);
        assert!(framed(&[0, 0, 0, 0, 0]).ok().unwrap().is_empty());
        for wrong in [
            &[][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 0, 3, 7],
            &[0, 0, 0, 0, 1, 7, 8],
            &[2, 0, 0, 0, 0],
        ] {
            assert!(framed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn messages_are_escaped() {
        assert_eq!(escaped("50 % ü\n"), "50 %25 %C3%BC%0A");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40), coding in "(gzip|deflate|)") {
            drop(unframe(bytes.into(), &coding));
        }
    }
}
