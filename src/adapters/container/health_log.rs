//! The checks that the engine made of a container, as it remembers them.

use bollard::models::{ContainerState, HealthcheckResult};

use crate::adapters::{Checked, Executed};

/// They stand in a container's state, oldest first; what is incomplete is left out.
pub(super) fn read(state: Option<ContainerState>) -> Vec<Checked> {
    let health = state.and_then(|state| state.health);
    let log = health.and_then(|health| health.log).unwrap_or_default();
    log.into_iter().filter_map(checked).collect()
}

fn checked(result: HealthcheckResult) -> Option<Checked> {
    let code = result.exit_code?;
    Some(Checked {
        began: result.start?.parse().ok()?,
        ended: result.end?.parse().ok()?,
        end: Executed {
            code: i32::try_from(code).unwrap_or(-1),
            stdout: result.output.unwrap_or_default().into_bytes(),
            stderr: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::Health;

    #[test]
    fn what_is_incomplete_is_left_out() {
        let result = |start: &str, code| HealthcheckResult {
            start: Some(start.into()),
            end: Some("2026-01-02T03:04:06.5+01:00".into()),
            exit_code: code,
            output: Some("no route\n".into()),
        };
        let log = vec![
            result("yesterday", Some(0)),
            result("2026-01-02T02:04:06Z", None),
            result("2026-01-02T02:04:06Z", Some(1)),
        ];
        let state = ContainerState {
            health: Some(Health {
                log: Some(log),
                ..Health::default()
            }),
            ..ContainerState::default()
        };
        let [only] = read(Some(state)).try_into().unwrap();
        assert_eq!(only.ended.duration_since(only.began).as_millis(), 500);
        assert_eq!(
            (only.end.code, only.end.stdout.as_slice()),
            (1, &b"no route\n"[..])
        );
        assert_eq!(read(None), []);
    }
}
