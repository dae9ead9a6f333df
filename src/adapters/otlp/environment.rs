//! What services are given so that OpenTelemetry in them reports here, with no configuration.

use super::origin::{RUN, SERVICE};
use crate::stack::ServiceName;

/// Variables that say where to, each of which means that the service has been told already.
const TOLD: [&str; 4] = [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
];

/// The variables for a run that reaches the receiver at this `HOST:PORT` (either port). What the service sets itself stays
/// as it is, and one that says itself where to is told nothing but its name.
///
/// The protocol is left to each SDK: both are spoken at this address, so that whichever exporter is installed works. So
/// are propagators and samplers, whose defaults (`tracecontext`, all) are what is wanted. Spans and log records are sent
/// after 200 ms instead of 5 s, metrics every 5 s instead of every minute.
pub fn environment(
    service: &ServiceName,
    run: u64,
    receiver: &str,
    has: impl Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let attributes = format!("service.instance.id={service}-{run},{SERVICE}={service},{RUN}={run}");
    let mut variables = vec![
        ("OTEL_SERVICE_NAME", service.to_string()),
        ("OTEL_RESOURCE_ATTRIBUTES", attributes),
    ];
    if !TOLD.iter().any(|name| has(name)) {
        variables.extend([
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{receiver}")),
            ("OTEL_BSP_SCHEDULE_DELAY", "200".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "200".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "5000".to_owned()),
        ]);
    }
    let own = variables.into_iter().filter(|(name, _)| !has(name));
    own.map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(has: &[&str]) -> Vec<String> {
        let variables = environment(&"orders".into(), 7, "127.0.0.1:4320", |name| {
            has.contains(&name)
        });
        let mut lines: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn what_a_service_sets_itself_stays() {
        let all = [
            "OTEL_BLRP_SCHEDULE_DELAY=200",
            "OTEL_BSP_SCHEDULE_DELAY=200",
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4320",
            "OTEL_METRIC_EXPORT_INTERVAL=5000",
            "OTEL_RESOURCE_ATTRIBUTES=service.instance.id=orders-7,boatyard.service=orders,boatyard.run=7",
            "OTEL_SERVICE_NAME=orders",
        ];
        assert_eq!(given(&[]), all);
        assert_eq!(
            given(&["OTEL_SERVICE_NAME", "OTEL_BSP_SCHEDULE_DELAY"]).len(),
            4
        );
        assert_eq!(given(&["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]), all[4..]);
    }
}
