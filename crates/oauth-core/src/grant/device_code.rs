//! The device code (RFC 8628 3.4).

use crate::secret::Secret;
use crate::token::Scopes;

/// A device code (RFC 8628 3.4): made by a device authorization, and polled with until the user has decided.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// The code.
    pub device_code: Secret,
    /// The scopes that were asked for with the code: they count where the answer names none, and are not
    /// sent.
    pub scopes: Scopes,
}
