//! The two servers of RFC 6749 1.1: the one that issues tokens and the one that takes them.

mod authorization_server;
mod departures;
mod endpoint_kind;
mod facts;
mod resource_server;

pub use crate::server::authorization_server::{AuthorizationServer, DiscoveryKind, Endpoints};
pub use crate::server::departures::{
    AssertionDepartures, BasicEncoding, Departures, ErrorDepartures, LifetimeDepartures, Presence,
    RequestDepartures, ResponseDepartures, RotationPolicy,
};
pub use crate::server::endpoint_kind::EndpointKind;
pub use crate::server::facts::ServerFacts;
pub use crate::server::resource_server::{BodyRefusal, Placement, ResourceServer};
