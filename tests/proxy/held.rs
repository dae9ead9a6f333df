//! Held requests: counted for those who watch, and bounded as the stack file says.

use std::sync::Arc;
use std::time::Duration;

use boatyard::proxy::{Limits, Policy, Routes};
use boatyard::stack::Holding;
use boatyard::telemetry::Telemetry;
use tokio::task::JoinSet;

use super::harness::{OK, Relay, Run, orders};
use super::until::until;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn holding(time: Duration, requests: u32) -> Policy {
    Policy {
        hold: Some(Holding { time, requests }),
        ..Policy::default()
    }
}

#[tokio::test]
async fn they_are_counted_while_they_are_held() {
    let telemetry = Arc::new(Telemetry::default());
    let routes = Arc::new(Routes::counted_in(Arc::clone(&telemetry)));
    let relay = Arc::new(Relay::with_routes(routes, Limits::default()).await);
    let mut changes = telemetry.changes();
    changes.mark_unchanged();
    let mut asking = JoinSet::new();
    for _ in 0..3 {
        let relay = Arc::clone(&relay);
        asking.spawn(async move { relay.ask(GET).await });
    }
    until("three are held", || telemetry.held().total() == 3).await;
    assert!(changes.has_changed().unwrap(), "views are told");
    assert_eq!(telemetry.held().of(&orders()).unwrap().most, 3);
    let (run, _) = Run::answering(OK).await;
    relay.send_to(&[(7, run.address)]);
    for answer in asking.join_all().await {
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    assert_eq!(telemetry.held().of(&orders()), None);
}

#[tokio::test]
async fn where_nothing_is_held_a_request_is_refused_at_once_with_the_reason() {
    let relay = Relay::holding(Limits::default()).await;
    relay
        .routes
        .set_policy(&orders(), holding(Duration::ZERO, 0));
    let answer = relay.ask(GET).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(
        answer.contains("orders is not ready, and its requests are not held (`hold = false`"),
        "{answer}"
    );
    assert!(relay.exchange().await.held.is_zero());
    let (run, _) = Run::answering(OK).await;
    relay.send_to(&[(7, run.address)]);
    assert!(relay.ask(GET).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_service_has_bounds_of_its_own() {
    let relay = Arc::new(Relay::holding(Limits::default()).await);
    let brief = holding(Duration::from_millis(50), 10);
    relay.routes.set_policy(&orders(), brief);
    let answer = relay.ask(GET).await;
    assert!(answer.contains("became ready within 0.1 s"), "{answer}");
    let one = holding(Duration::from_secs(60), 1);
    relay.routes.set_policy(&orders(), one);
    let mut asking = JoinSet::new();
    let first = Arc::clone(&relay);
    asking.spawn(async move { first.ask(GET).await });
    until("one is held", || relay.routes.held(&orders()) == 1).await;
    let answer = relay.ask(GET).await;
    assert!(
        answer.contains("1 request for it is held already"),
        "{answer}"
    );
    let (run, _) = Run::answering(OK).await;
    relay.send_to(&[(7, run.address)]);
    assert!(
        asking
            .join_next()
            .await
            .unwrap()
            .unwrap()
            .starts_with("HTTP/1.1 200")
    );
}
