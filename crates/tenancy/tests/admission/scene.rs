use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::FutureExt;
use jackfield_tenancy::{
    Admission, AdmissionLimits, ExecutionPermit, QuotaExceeded, TenantAdmission, TryCall,
    TryExecution,
};
use jackfield_types::{Quotas, Span, TenantId};

pub(crate) fn id(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

/// An instance without bounds.
pub(crate) fn open() -> Admission {
    Admission::new(AdmissionLimits::default())
}

/// An instance that runs so many executions and calls at once.
pub(crate) fn at_once(count: u32) -> Admission {
    let count = NonZeroU32::new(count);
    Admission::new(AdmissionLimits {
        executions: count,
        calls: count,
    })
}

pub(crate) fn tenant(quotas: &Quotas) -> TenantAdmission {
    open().tenant(&id("acme"), quotas)
}

pub(crate) fn seconds(seconds: u64) -> Span {
    Span::from(Duration::from_secs(seconds))
}

pub(crate) fn admitted(tried: TryExecution) -> ExecutionPermit {
    match tried {
        TryExecution::Admitted(permit) => permit,
        other => panic!("not admitted: {other:?}"),
    }
}

pub(crate) fn refused(tried: TryExecution) -> QuotaExceeded {
    match tried {
        TryExecution::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn call_admitted(tried: &TryCall) -> bool {
    matches!(tried, TryCall::Admitted(_))
}

/// What a future that waits for others only gives now.
pub(crate) fn now<F: Future + Unpin>(future: F) -> Option<F::Output> {
    future.now_or_never()
}
