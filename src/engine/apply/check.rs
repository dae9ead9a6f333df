//! Facts about smoke checks.

use super::super::turn::{Turn, millis};
use super::super::{CheckId, CheckOutcome, CheckProgress, CheckState, Goal, Moment, Notice, State};

/// One try has ended: the check is done, or is tried again a little later.
pub(super) fn ended(
    state: &mut State,
    now: Moment,
    id: CheckId,
    outcome: CheckOutcome,
    turn: &mut Turn,
) {
    let Goal::Smoke(smoke) = &mut state.goal else {
        return;
    };
    let is_it = |check: &&mut CheckState| check.progress == CheckProgress::Running { check: id };
    let Some(check) = smoke.checks.iter_mut().find(is_it) else {
        return;
    };
    if !outcome.failures.is_empty() && check.tries <= check.spec.retries {
        check.progress = CheckProgress::Waiting {
            not_before: now + check.spec.retry_delay,
        };
        return;
    }
    turn.tell(told(check, &outcome));
    check.progress = CheckProgress::Done { outcome };
}

fn told(check: &CheckState, outcome: &CheckOutcome) -> Notice {
    let name = check.spec.name.clone();
    let ms = millis(outcome.took);
    let tries = check.tries;
    let trace = outcome.trace.clone();
    if outcome.failures.is_empty() {
        return Notice::CheckPassed {
            check: name,
            ms,
            tries,
            trace,
        };
    }
    Notice::CheckFailed {
        check: name,
        ms,
        tries,
        failures: outcome.failures.clone(),
        answer: outcome.answer.clone(),
        trace,
    }
}
