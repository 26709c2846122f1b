//! The two servers of RFC 6749 1.1: the one that issues tokens and the one that takes them.

mod authorization_server;
mod carried;
mod departures;
mod dialect;
mod endpoint_kind;
mod facts;
mod placement;
mod resource_server;

pub(crate) use crate::server::carried::carried;
#[cfg(test)]
pub(crate) use crate::server::departures::OWN_PARAMETERS;
pub(crate) use crate::server::departures::is_own_parameter;

pub use crate::server::authorization_server::{AuthorizationServer, DiscoveryKind, Endpoints};
pub use crate::server::departures::{
    AssertionDepartures, AuthorizationDepartures, BasicCredentials, BasicEncoding, BodyEncoding,
    BodyFormat, Departures, ErrorDepartures, ExpiryForm, FactDeparture, InHeader, IssParameter,
    JsonPointer, LifetimeDepartures, MemberPointers, ParameterPlace, Presence, RefreshDepartures,
    RequestDepartures, ResponseDepartures, RotationPolicy, ScopeForm, SuccessRule, TokenMethod,
    Word,
};
pub use crate::server::dialect::{Dialect, TokenAnswer, TokenRequest};
pub use crate::server::endpoint_kind::EndpointKind;
pub use crate::server::facts::ServerFacts;
pub use crate::server::placement::Placement;
pub use crate::server::resource_server::{
    BodyRefusal, RefusalDepartures, ResourceDepartures, ResourceServer,
};
