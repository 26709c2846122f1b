//! How an answer in the front channel fails to belong to what was asked.

/// How the answer to an authorization request does not belong to it. No token request follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindingFault {
    /// `state` is missing or another one (RFC 6749 10.12).
    State,
    /// `iss` is missing, or names another server, or was not promised (RFC 9207 2.4).
    Issuer,
    /// It came where another server's or connection's answers come, or would be redeemed elsewhere
    /// (draft-ietf-oauth-security-topics-update 2.2).
    Context,
    /// Another user session began it (draft-ietf-oauth-security-topics-update 2.3).
    Session,
}

impl BindingFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::State => "Binding.State",
            Self::Issuer => "Binding.Issuer",
            Self::Context => "Binding.Context",
            Self::Session => "Binding.Session",
        }
    }
}
