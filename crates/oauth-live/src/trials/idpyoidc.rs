//! idpyoidc, which exchanges tokens.

mod login;
mod token_exchange;

use oauth_contract::Suite;

pub(super) fn suites() -> Vec<Suite> {
    vec![
        token_exchange::suite(),
        login::authorization_code(),
        login::client_authentication(),
    ]
}
