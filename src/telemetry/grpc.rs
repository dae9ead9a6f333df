//! The status codes of gRPC ([list](https://grpc.github.io/grpc/core/md_doc_statuscodes.html)): names, and what they are among HTTP's.

/// For each code from 0 on: its name, and the HTTP status that says the same (`google.rpc.Code`).
const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

/// The call ended because its time was over.
pub const DEADLINE_EXCEEDED: u16 = 4;

/// The callee cannot be reached, or is not ready.
pub const UNAVAILABLE: u16 = 14;

/// The code's name (`UNAVAILABLE`); one that the list does not have is `UNKNOWN`, as every client takes it.
pub fn name(code: u16) -> &'static str {
    known(code).0
}

/// The code in digits (`14`); empty for one that the list does not have.
pub fn digits(code: u16) -> &'static str {
    const DIGITS: [&str; 17] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    ];
    DIGITS.get(usize::from(code)).copied().unwrap_or("")
}

/// The HTTP status that says the same, so that one filter (`status>=500`) finds the faults of both.
pub fn as_http(code: u16) -> u16 {
    known(code).1
}

/// Whether the callee is to blame: the codes that OpenTelemetry counts as errors of a server, which are those that
/// stand for 500 and above.
pub fn is_fault(code: u16) -> bool {
    as_http(code) >= 500
}

fn known(code: u16) -> (&'static str, u16) {
    let known = CODES.get(usize::from(code));
    *known.unwrap_or(&CODES[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_those_that_opentelemetry_counts() {
        // Semantic conventions for gRPC, server spans: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
        let faults: Vec<u16> = (0..17).filter(|code| is_fault(*code)).collect();
        assert_eq!(faults, [2, 4, 12, 13, 14, 15]);
        assert_eq!(
            (name(DEADLINE_EXCEEDED), as_http(4)),
            ("DEADLINE_EXCEEDED", 504)
        );
        assert_eq!(
            (name(UNAVAILABLE), name(99), is_fault(99)),
            ("UNAVAILABLE", "UNKNOWN", true)
        );
    }
}
