//! Faults as tables of the stack file's keys.

use toml::{Table, Value};

use crate::stack::{Callers, Fault, ServiceFault, Share};

use super::super::{duration, size};
use super::put::Put;

/// A fault of a service.
pub(super) fn table(fault: &Fault) -> Value {
    Value::Table(keys(fault))
}

/// A fault of a smoke check.
pub(super) fn of_check(fault: &ServiceFault) -> Value {
    let mut out = Table::new();
    out.put("service", fault.service.as_str());
    out.extend(keys(&fault.fault));
    Value::Table(out)
}

fn keys(fault: &Fault) -> Table {
    let mut out = Table::new();
    match &fault.from {
        Callers::Anybody => {}
        Callers::FrontDoor => out.put("from", Callers::FRONT_DOOR),
        Callers::Service(name) => out.put("from", name.as_str()),
    }
    for (key, time) in [("latency", fault.latency), ("jitter", fault.jitter)] {
        if !time.is_zero() {
            out.put(key, duration::show(time));
        }
    }
    if let Some(error) = fault.error {
        let status = i64::from(error.status);
        if error.share == Share::ALL {
            out.put("error", status);
        } else {
            let mut table = Table::new();
            table.put("status", status);
            table.put("rate", error.share.number());
            out.put("error", table);
        }
    }
    if let Some(share) = fault.abort {
        match share {
            Share::ALL => out.put("abort", true),
            share => out.put("abort", share.number()),
        }
    }
    if let Some(bytes) = fault.bandwidth {
        out.put("bandwidth", format!("{}/s", size::show(bytes)));
    }
    out
}
