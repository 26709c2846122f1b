//! What the core costs: workloads, the server they run against, and what a bare HTTP client costs.
//!
//! A driver is a program that runs one workload and prints what it measured as one line of JSON:
//!
//! ```text
//! bench-driver meta                                  {"name", "version", "margin_s", "skip"}
//! bench-driver WORKLOAD BASE_URL [NAME=VALUE...]     {"ns": 31.2, ...} or {"error": "..."}
//! ```
//!
//! `bench-driver` is ours; `bench-floor` is reqwest with a header made once, below which nobody gets;
//! `bench-server` is the server of both. `cargo xtask bench` runs them. Other libraries have drivers of
//! the same form.

pub mod call;
pub mod fault;
pub mod floor;
pub mod measure;
pub mod ours;
pub mod server;
pub mod subject;
pub mod workloads;
