//! Fixtures: what an adapter does against a server that is written down, over real HTTP.
//!
//! A scenario is one YAML file, `fixtures/<adapter>/<scenario>.yaml`, and one trial. Its first document
//! is ours; each of the others is a static mock of httpmock, here a *stub*.
//!
//! # Our document
//!
//! Unknown keys, keys that stand twice and wrong types are refused, each by its path.
//!
//! ```yaml
//! title: A token is fetched once and borne by every call     # no other scenario of the folder has it
//! provenance:
//!   kind: documented            # recorded | documented | synthetic
//!   source: RFC 6749 4.4        # what says that servers do this
//!   date: 2026-01-31            # when it was recorded or read
//! files:                        # optional: secret files by name, written to {dir}, mode 0600, before connecting
//!   token: "t-1\n"
//! config:                       # exactly what a user would write
//!   token_url: "{server}/token"
//!   client_secret: literal:a-secret-of-the-fixture
//! steps:                        # what is done, one after the other
//! - call: item                  # a name that the adapter's `Subject::call` knows
//!   args: {id: "7"}             # optional, null where left out
//!   value: {id: "7"}            # all that must come back
//! - advance: 30m                # the clock, by a span such as 500ms, 30s, 10m, 1h, 90d
//! - call: item
//!   args: {id: "8"}
//!   slept: [7s]                 # optional: every pause that was waited out meanwhile, in order
//!   error:
//!     kind: Refused             # `ErrorKind::name()`
//!     recovery: Report          # `Recovery::name()`
//!     after: 40s                # optional: how long the server asks to wait
//!     says: [audience, scopes]  # a text or several, each part of the message
//! requests:                     # every request that is made, in order for each endpoint (method and path)
//! - method: POST
//!   path: /token
//!   query: {tenant: a}          # all of its parameters; left out: none
//!   headers: {accept: application/json, authorization: "<basic my-client:a-secret>"}
//!   form: {grant_type: client_credentials, resource: [a, b]}    # all parameters; a list: as often as it is long
//! - method: POST
//!   path: /api/items
//!   headers: {authorization: Bearer access-1}
//!   json: {name: a}             # all of it
//! ```
//!
//! Where connecting itself must fail, `connect: {error: {…}}` stands in the place of `steps`; `requests`
//! is `[]` then. A body is one of `form`, `json` and `body` (its very text); without any there is none.
//! The content type follows from `form` and `json`; `content_type` says another, and the one of `body`.
//! Headers that are not listed are not looked at, unless they carry credentials: those must be listed.
//! Where the form holds `client_assertion: <assertion>`, the request's `assertion: {header: {…}, claims:
//! {…}}` lists all members of both; its signature is checked with the public half of `{key}` or, by RS384,
//! of `{rsa_key}`, by another library than the one that signs.
//!
//! More requests than listed, fewer, or a stub that was not called (with `up_to_n_times`: not that often)
//! fail a scenario, as does a text of an error that holds a secret. All differences are told, not only
//! the first.
//!
//! # Placeholders
//!
//! Within `requests`, in the place of a whole text:
//!
//! | placeholder | matches |
//! |---|---|
//! | `<any>` | anything but nothing |
//! | `<absent>` | nothing: the header must be missing |
//! | `<fresh>` | at least 22 characters (128 bits in base64url) that stood nowhere in this run |
//! | `<now>`, `<now+60>`, `<now-5>` | that moment of the scenario's clock, in whole seconds since 1970 |
//! | `<kid>`, `<rsa_kid>` | the RFC 7638 thumbprint of `{key}`, of `{rsa_key}` |
//! | `<basic ID:SECRET>` | HTTP Basic credentials of exactly these bytes: form-encoded where they must be (RFC 6749 2.3.1) |
//! | `<assertion>` | a client assertion, looked into by `assertion` |
//!
//! # Stubs
//!
//! A stub is a mapping of `when` and `then`, in the terms of httpmock's mock files. The first that
//! matches and is not used up (`up_to_n_times`) answers. httpmock ignores what it does not know, so such
//! keys are refused here; refused too are `delay` (a scenario waits for nothing) and cookie matchers
//! (httpmock is built without them, and would match everything). `body_from_file` names a file beside
//! the scenario.
//!
//! # Holes
//!
//! Everywhere, in any text: `{server}` is the base URL of the server, without a slash at its end; `{dir}`
//! a folder of this run; `{key}` the path of a P-384 private key and `{rsa_key}` that of an RSA key of 2048
//! bits, made for this run (PKCS#8, PEM). Other words in braces are refused. The clock starts at 2026-01-01T00:00:00Z and moves by `advance` and by
//! the pauses the client makes. Literal secrets are allowed, loopback `http` too; there is no proxy and
//! no environment variable.

mod assertion;
mod document;
mod holes;
mod judge;
mod key;
mod outcome;
mod placeholder;
mod play;
mod request;
mod secrets;
mod stub;
mod tap;
#[cfg(test)]
mod tests;
mod tree;

use std::path::{Path, PathBuf};

use crate::subject::Played;

/// Plays one scenario, on a runtime of its own; the error lists all differences, a line each, without a
/// secret.
pub(crate) type Runner = Box<dyn FnOnce() -> Result<(), String> + Send>;

/// The scenarios below a folder, each named `<prefix>/<file without .yaml>`, sorted.
///
/// A folder that cannot be read, or that holds none, is one that fails.
pub(crate) fn scenarios<P: Played>(prefix: &str, folder: &Path) -> Vec<(String, Runner)> {
    let fault = match files(folder) {
        Ok(files) if files.is_empty() => format!("{} holds no scenario", folder.display()),
        Ok(files) => {
            return files
                .into_iter()
                .map(|file| scenario::<P>(prefix, folder, file))
                .collect();
        }
        Err(error) => format!("{}: {error}", folder.display()),
    };
    vec![(format!("{prefix}/fixtures"), Box::new(move || Err(fault)))]
}

fn scenario<P: Played>(prefix: &str, folder: &Path, file: PathBuf) -> (String, Runner) {
    let name = file
        .strip_prefix(folder)
        .unwrap_or(&file)
        .with_extension("");
    let name = format!("{prefix}/{}", name.to_string_lossy().replace('\\', "/"));
    (name, Box::new(move || play::play::<P>(&file)))
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
