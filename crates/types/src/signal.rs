use serde::{Deserialize, Serialize};

use crate::SignalName;

/// What a node waits to be told from outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AwaitedSignal {
    /// The name of the signal.
    pub name: SignalName,
    /// What becomes of what comes with it.
    #[serde(default)]
    pub reply: SignalReply,
}

/// What becomes of what comes with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignalReply {
    /// It is what the node gives.
    #[default]
    Items,
    /// It is a decision, `{"approved": true, "by": …, "comment": …}`: the node's items go on by the
    /// first output or by the second one, each with the decision.
    Approval,
}
