//! Who is told how a call ended: its circuit and the audit trail.

use jackfield_types::NodeFailure;

use crate::audit::CallAudit;
use crate::breaker::Ticket;

/// Who waits to be told how a call ended, whatever ended it.
pub(crate) struct Watch {
    audit: Option<CallAudit>,
    ticket: Option<Ticket>,
}

impl Watch {
    pub(crate) fn new(audit: Option<CallAudit>, ticket: Option<Ticket>) -> Self {
        Self { audit, ticket }
    }

    /// Whether nobody does.
    pub(crate) fn is_idle(&self) -> bool {
        self.audit.is_none() && self.ticket.is_none()
    }

    pub(crate) fn ended(self, failure: Option<&NodeFailure>) {
        if let Some(ticket) = self.ticket {
            ticket.ended(failure);
        }
        if let Some(audit) = self.audit {
            audit.ended(failure);
        }
    }
}
