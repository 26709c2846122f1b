//! What a user writes.

use std::path::Path;

use oauth_core::adapter::{Adapter, connect_file};
use oauth_core::client::AuthorizedClient;
use oauth_core::client_auth::ClientAuth;
use oauth_core::config::Span;
use oauth_core::env::Env;
use oauth_core::error::{Error, Recovery};
use oauth_core::grant::ClientCredentials;
use oauth_core::secret::SecretRef;
use oauth_core::server::{AuthorizationServer, Departures, ResourceServer};
use oauth_core::source::RenewingToken;
use oauth_core::token::Scopes;
use serde::Deserialize;

use crate::canaries::Canaries;
use crate::support::{builder, clock};
use crate::table::{Row, not_here, row};

/// An adapter as a user configures one.
struct Probe;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    token_url: String,
    api_url: String,
    client_id: String,
    client_secret: SecretRef,
    #[serde(default)]
    scopes: Scopes,
    #[serde(default)]
    departures: Departures,
    #[expect(dead_code, reason = "only read by serde")]
    patience: Option<Span>,
}

impl Adapter for Probe {
    const NAME: &'static str = "probe";
    type Config = Config;
    type Client = AuthorizedClient;

    fn connect(env: &Env, config: Config) -> Result<AuthorizedClient, Error> {
        let server = AuthorizationServer::configured(env, "token_url", &config.token_url)?
            .departing(config.departures)?;
        let client = ClientAuth::secret_basic(env, config.client_id, config.client_secret)?;
        let grant = ClientCredentials {
            scopes: config.scopes,
            ..ClientCredentials::default()
        };
        let source = RenewingToken::client_credentials(env, server, client, grant)?;
        let api = ResourceServer::new(env, "api_url", &config.api_url)?;
        Ok(AuthorizedClient::new(env, api, source))
    }
}

const GOOD: &str = "token_url = \"https://a.example/token\"\napi_url = \"https://a.example/\"\nclient_id = \"id\"\n\
    client_secret = \"env:SECRET\"\n";

/// Connects with a file of that name and content, the secret in the environment as it is given.
fn connected(name: &str, content: &[u8], secret: &[u8], canaries: &Canaries) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    connected_in(folder.path(), name, content, secret, canaries)
}

fn connected_in(
    folder: &Path,
    name: &str,
    content: &[u8],
    secret: &[u8],
    canaries: &Canaries,
) -> Result<(), Error> {
    use std::os::unix::ffi::OsStringExt as _;
    let file = folder.join(name);
    std::fs::write(&file, content).unwrap();
    let secret = std::ffi::OsString::from_vec(secret.to_vec());
    let env = builder(&clock(), |_| ())
        .variables(move |name| (name == "SECRET").then(|| secret.clone()))
        .build()
        .unwrap();
    let outcome = connect_file::<Probe>(&env, &file).map(|_| ());
    if let Err(error) = &outcome {
        assert_eq!(error.kind().name(), "Config", "{error}");
        assert_eq!(error.recovery(), Recovery::FixConfig);
        let line = error.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    canaries.are_nowhere(outcome.as_ref().err());
    outcome
}

/// That text in a file, with `$secret` and `$hidden` filled in, is refused and the message says so.
fn refuses(
    name: &'static str,
    content: impl Into<String>,
    says: &'static str,
) -> impl Fn() + Send + Sync {
    let content = content.into();
    move || {
        let canaries = Canaries::new();
        let content = content
            .replace("$secret", &canaries.secret)
            .replace("$hidden", &canaries.hidden);
        let error = connected(name, content.as_bytes(), b"s3cret", &canaries).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

/// [`GOOD`] with one line more, or another one in its place.
fn with(line: &str) -> String {
    let key = line.split([' ', '=']).next().unwrap_or_default();
    let kept = GOOD
        .lines()
        .filter(|old| !old.starts_with(&format!("{key} ")));
    let mut lines: Vec<&str> = kept.collect();
    lines.push(line);
    lines.join("\n")
}

pub fn rows() -> Vec<Row> {
    let mut rows = keys();
    rows.extend(secrets());
    rows.extend(values());
    rows.extend(files());
    rows
}

fn all(line: &'static str, cases: impl IntoIterator<Item = (String, &'static str)>) -> Row {
    cases.into_iter().fold(row(line), |row, (content, says)| {
        row.own(refuses("a.toml", content, says))
    })
}

fn keys() -> Vec<Row> {
    vec![
        all(
            "CFG-001",
            [
                (with("client_secert = \"$secret\""), "client_secert: unknown key; did you mean `client_secret`?"),
                (with("Client_ID = \"$hidden\""), "unknown key"),
                (with("password = \"$secret\""), "password: unknown key"),
                (with("[departures]\nresponce = {}"), "departures.responce: unknown key; did you mean `response`?"),
                (
                    with("[departures.response]\ntokentype = \"$hidden\""),
                    "departures.response.tokentype: unknown key; did you mean `token_type`?",
                ),
                (with("\"\\u001b[2J\" = \"$hidden\""), "unknown key"),
                (with("\"client_secret \" = \"$secret\""), "unknown key"),
            ],
        )
        .elsewhere("lib config::parse::tests::r197_names_every_fault_at_once_and_no_value"),
        all(
            "CFG-003",
            [
                (format!("{GOOD}client_secret = \"$secret\"\n"), "a key stands twice"),
                (format!("{GOOD}[departures]\n[departures]\n"), "line "),
                (format!("{GOOD}departures = {{}}\n[departures.response]\n"), "line "),
                (format!("{GOOD}\"client_id\" = \"$hidden\"\n"), "a key stands twice"),
            ],
        )
        .own(refuses(
            "a.json",
            r#"{"client_id": "a", "client_id": "$hidden"}"#,
            "a key stands twice",
        ))
        .own(refuses(
            "a.json",
            r#"{"departures": {"response": {}, "response": {}}}"#,
            "a key stands twice",
        )),
        all(
            "CFG-023",
            [
                (format!("{GOOD}client_secret = \"file:secret\"\n"), "a key stands twice"),
                (with("client_secret = [\"env:SECRET\", \"file:secret\"]"), "client_secret"),
                (with("client_secret = { env = \"SECRET\", file = \"secret\" }"), "client_secret"),
                (with("client_secret = \"env:SECRET,file:secret\""), "client_secret"),
                (with("client_secret_file = \"secret\""), "client_secret_file: unknown key"),
            ],
        ),
        row("CFG-012").elsewhere(
            "test:authenticates claims::r028_one_key_for_two_servers_is_refused_where_one_could_use_it_at_the_other",
        ),
        row("CFG-013").elsewhere("test:renews expiry::r106_two_token_endpoints_under_one_issuer_are_refused"),
    ]
}

/// A secret in the environment is taken, or refused without being shown.
fn secret(content: fn(&str) -> Vec<u8>, is_taken: bool) -> impl Fn() + Send + Sync {
    move || {
        let canaries = Canaries::new();
        let secret = content(&canaries.hidden);
        let outcome = connected("a.toml", GOOD.as_bytes(), &secret, &canaries);
        assert_eq!(outcome.is_ok(), is_taken, "{outcome:?}");
    }
}

fn secrets() -> Vec<Row> {
    let reference = |text: &str| {
        (
            with(&format!("client_secret = \"{text}\"")),
            "client_secret",
        )
    };
    vec![
        all(
            "CFG-005",
            [
                reference("env:${A:-${B}}"),
                reference("env:${A"),
                reference("env:$A"),
                reference("env:A$$B"),
                reference("env:%A%"),
                reference("env:"),
                reference("env:A B"),
                reference("env:A=$secret"),
                reference("${SECRET}"),
                reference("$$"),
                reference("file:~/secret"),
                (with("token_url = \"${URL}\""), "token_url"),
                (with("token_url = \"https://${HOST}/token\""), "token_url"),
            ],
        ),
        all(
            "CFG-006",
            [
                reference("$secret"),
                reference("literal:$secret"),
                reference("$hidden"),
                reference("LITERAL:$secret"),
                reference("plain:$secret"),
                reference("exec:echo $secret"),
                reference(""),
                (with("client_secret = 7"), "client_secret"),
            ],
        )
        .elsewhere("lib secret::tests::r198_refuses_a_literal_unless_allowed"),
        row("CFG-007")
            .own(secret(|word| format!("{word}\n").into_bytes(), true))
            .own(secret(|word| format!("{word}\r\n").into_bytes(), true))
            .own(secret(|word| word.as_bytes().to_vec(), true))
            .elsewhere("lib secret::tests::reads_a_changed_file_at_once_and_strips_one_newline"),
        row("CFG-008")
            .own(secret(|word| format!("{word}\n\n").into_bytes(), false))
            .own(secret(|word| format!("{word}\0").into_bytes(), false))
            .own(secret(|word| format!("{word}\tx").into_bytes(), false))
            .own(secret(|word| format!("{word}\u{7f}").into_bytes(), false))
            .own(secret(|word| format!("{word}\u{85}").into_bytes(), false))
            .own(secret(
                |word| [word.as_bytes(), b"\xff\xfe"].concat(),
                false,
            ))
            .own(secret(|_| b"\n".to_vec(), false))
            .own(secret(|_| Vec::new(), false)),
        not_here(
            "CFG-021",
            "a secret is never what a program prints: there is no `exec:`",
        ),
        not_here(
            "CFG-022",
            "no file is watched: a program that reloads its configuration connects anew",
        ),
    ]
}

fn values() -> Vec<Row> {
    let span = |text: &str| (with(&format!("patience = {text}")), "patience");
    let scopes = |text: &str| (with(&format!("scopes = {text}")), "scopes");
    vec![
        all(
            "CFG-015",
            [
                span("\"-5s\""),
                span("\"0s\""),
                span("\"1000000000000s\""),
                span("\"99999999999999999999999d\""),
                span("\"5\""),
                span("5"),
                span("-1"),
                span("0.5"),
                span("\"1.5s\""),
                span("\"5 s\""),
                span("\"5S\""),
                span("\"5w\""),
                span("\"\""),
                span("\"s\""),
                span("\"$hidden\""),
                span("true"),
                (
                    with("[departures.lifetime]\ndefault_expires_in = 3600"),
                    "departures.lifetime.default_expires_in",
                ),
                (
                    with("[departures.assertion]\nlifetime = \"10m\""),
                    "departures.assertion.lifetime",
                ),
                (
                    with("[departures.lifetime]\nrotation = \"grace -1s\""),
                    "departures.lifetime.rotation",
                ),
            ],
        ),
        all(
            "CFG-016",
            [
                scopes("\"read,write\""),
                scopes("\"re\\\"ad\""),
                scopes("\"re\\nad\""),
                scopes("\"re\\\\ad\""),
                scopes("\"lesen-für-alle\""),
                scopes("[\"read write\"]"),
                scopes("[\"\"]"),
                scopes("7"),
                scopes("\"a\\u0000b\""),
            ],
        ),
    ]
}

/// A file in this form is read.
fn reads(name: &'static str, content: impl Into<Vec<u8>>) -> impl Fn() + Send + Sync {
    let content = content.into();
    move || connected(name, &content, b"s3cret", &Canaries::new()).unwrap()
}

/// A file of these bytes is refused.
fn refuses_bytes(content: Vec<u8>) -> impl Fn() + Send + Sync {
    move || {
        let canaries = Canaries::new();
        let error = connected("a.toml", &content, b"s3cret", &canaries).unwrap_err();
        assert!(error.to_string().contains("a.toml: "), "{error}");
    }
}

fn files() -> Vec<Row> {
    let utf_16 = |mark: &[u8]| {
        let mut bytes = mark.to_vec();
        bytes.extend(GOOD.encode_utf16().flat_map(u16::to_le_bytes));
        bytes
    };
    let path = |reference: &'static str, says: &'static str| {
        refuses(
            "a.toml",
            with(&format!("client_secret = \"{reference}\"")),
            says,
        )
    };
    vec![
        row("CFG-018")
            .own(reads("a.toml", format!("\u{feff}{GOOD}")))
            .own(reads("a.toml", GOOD.replace('\n', "\r\n")))
            .own(reads("a.toml", GOOD.replace(" = ", "\t=\t")))
            .own(reads("a.toml", format!("# a comment\n\n{GOOD}\n")))
            .own(reads(
                "a.json",
                "\u{feff}{\"token_url\": \"https://a.example/token\",\r\n\t\"api_url\": \"https://a.example/\",\
                 \"client_id\": \"id\", \"client_secret\": \"env:SECRET\"}",
            ))
            .own(refuses_bytes(utf_16(b"\xff\xfe")))
            .own(refuses_bytes(utf_16(b"")))
            .own(refuses_bytes(GOOD.replace('i', "\u{e9}").chars().map(|c| u8::try_from(c).unwrap()).collect()))
            .own(refuses_bytes(vec![b'#'; 2 << 20]))
            .own(refuses("a.toml", "client_secret = \"$secret", "line 1"))
            .own(refuses("a.json", "{\"client_secret\": \"$secret\"", "not well-formed JSON")),
        row("CFG-020")
            .own(path("file:~/secret", "`~` is not expanded"))
            .own(path("file:missing", "missing"))
            .own(path("file:.", ""))
            .own(path("file:", "client_secret"))
            .own(path("file:../nowhere/secret", "nowhere"))
            .own(|| {
                let canaries = Canaries::new();
                let folder = tempfile::tempdir().unwrap();
                std::fs::write(folder.path().join("secret"), &canaries.hidden).unwrap();
                let content = with("client_secret = \"file:secret\"");
                connected_in(folder.path(), "a.toml", content.as_bytes(), b"", &canaries).unwrap();
            })
            .own(|| {
                let env = builder(&clock(), |_| ()).build().unwrap();
                for place in ["nowhere/a.toml", "."] {
                    let error = connect_file::<Probe>(&env, Path::new(place)).unwrap_err();
                    assert_eq!(error.kind().name(), "Config", "{error}");
                }
            }),
    ]
}
