//! How what others signed fails.

/// How a signed token is refused. The words of the error hold nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JwtFault {
    /// It is not a JWS in compact form (RFC 7515 7.1) with one JSON object in each part.
    Malformed,
    /// It is signed by an algorithm that is not allowed here, or by none (RFC 8725 3.1).
    Algorithm,
    /// It is a token of another use (RFC 8725 3.11).
    Type,
    /// Its header demands what is not understood here (RFC 7515 4.1.11).
    Critical,
    /// The signature is not of its issuer's key.
    Signature,
    /// A claim is missing.
    MissingClaim,
    /// A claim has the wrong JSON type, or a value that cannot be.
    BadClaim,
    /// It is of another issuer.
    Issuer,
    /// It is for another client, or also for another.
    Audience,
    /// It has expired.
    Expired,
    /// It is not valid yet, or was issued in the future.
    NotYet,
    /// It was issued too long ago, or before the one it follows.
    Stale,
    /// It belongs to another login than the one that was begun.
    Nonce,
    /// It belongs to another access token or code.
    Hash,
    /// It is about another user than before.
    Subject,
    /// The user logged in too long ago, or not as strongly as was asked for.
    Authentication,
}

impl JwtFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Malformed => "Jwt.Malformed",
            Self::Algorithm => "Jwt.Algorithm",
            Self::Type => "Jwt.Type",
            Self::Critical => "Jwt.Critical",
            Self::Signature => "Jwt.Signature",
            Self::MissingClaim => "Jwt.MissingClaim",
            Self::BadClaim => "Jwt.BadClaim",
            Self::Issuer => "Jwt.Issuer",
            Self::Audience => "Jwt.Audience",
            Self::Expired => "Jwt.Expired",
            Self::NotYet => "Jwt.NotYet",
            Self::Stale => "Jwt.Stale",
            Self::Nonce => "Jwt.Nonce",
            Self::Hash => "Jwt.Hash",
            Self::Subject => "Jwt.Subject",
            Self::Authentication => "Jwt.Authentication",
        }
    }

    /// Whether a setting, or the clock of this machine, is the likely cause.
    pub(super) fn wants_another_setting(self) -> bool {
        matches!(
            self,
            Self::Algorithm
                | Self::Issuer
                | Self::Audience
                | Self::Expired
                | Self::NotYet
                | Self::Stale
        )
    }

    /// Whether another login is what mends it.
    pub(super) fn wants_another_login(self) -> bool {
        matches!(self, Self::Nonce | Self::Subject | Self::Authentication)
    }
}

/// How no key is found to check a signature with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JwksFault {
    /// The issuer publishes no such key, also after another look.
    NoKey,
    /// Several of its keys could be meant, and the token does not say which.
    Ambiguous,
    /// The key cannot be used: too short, off its curve, or damaged.
    BadKey,
}

impl JwksFault {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::NoKey => "Jwks.NoKey",
            Self::Ambiguous => "Jwks.Ambiguous",
            Self::BadKey => "Jwks.BadKey",
        }
    }
}
