//! What can go wrong.

/// Why a workload could not be run.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;
