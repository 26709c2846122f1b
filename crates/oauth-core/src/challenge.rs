//! `WWW-Authenticate` (RFC 9110 11.6.1, RFC 6750 3): several challenges, quoted pairs, junk.

use http::HeaderMap;

use crate::error::OAuthError;
use crate::secret::Secret;
use crate::secret::escape_without;
use crate::token::{Scopes, TokenType};

/// The challenges to a token: those of `Bearer`, and before them those of `DPoP` to one that was shown with a
/// proof (RFC 9449 7.1).
fn challenges(headers: &HeaderMap, is_proven: bool) -> impl Iterator<Item = Challenge> {
    let mut challenges: Vec<Challenge> = headers
        .get_all(http::header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse)
        .filter(move |challenge| {
            TokenType::Bearer.is(&challenge.scheme)
                || is_proven && TokenType::Dpop.is(&challenge.scheme)
        })
        .collect();
    challenges.sort_by_key(|challenge| TokenType::Bearer.is(&challenge.scheme));
    challenges.into_iter()
}

/// The scopes an API wants, where a challenge says `insufficient_scope` (RFC 6750 3.1).
///
/// The token that was sent is struck out: APIs echo what they were sent.
pub(crate) fn insufficient_scope(
    headers: &HeaderMap,
    sent: &Secret,
    is_proven: bool,
) -> Option<Scopes> {
    challenges(headers, is_proven)
        .find(|challenge| challenge.parameter("error") == Some("insufficient_scope"))
        .map(|challenge| {
            let scopes = challenge.parameter("scope").unwrap_or("");
            Scopes::granted(&escape_without(scopes, std::slice::from_ref(sent)), ' ')
        })
}

/// What an API says of a token it refuses (RFC 6750 3.1), escaped, the tokens it was sent struck out.
pub(crate) fn token_error(
    headers: &HeaderMap,
    sent: &[Secret],
    is_proven: bool,
) -> Option<OAuthError> {
    let shown = |text: &str| escape_without(text, sent);
    challenges(headers, is_proven).find_map(|challenge| {
        let code = shown(challenge.parameter("error")?);
        let description = challenge.parameter("error_description").map(shown);
        let uri = challenge.parameter("error_uri").map(shown);
        Some(OAuthError::new(
            &code,
            description.as_deref(),
            uri.as_deref(),
        ))
    })
}

/// One challenge; a token68 in the place of parameters is skipped.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads challenges until something is no challenge any more.
fn parse(text: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, behind) = token(rest);
        if word.is_empty() {
            return challenges;
        }
        let spaced = behind.trim_start_matches([' ', '\t']);
        if let (Some(value), Some(last)) = (spaced.strip_prefix('='), challenges.last_mut()) {
            let Some((value, behind)) = parameter_value(value.trim_start_matches([' ', '\t']))
            else {
                return challenges;
            };
            last.parameters.push((word.to_owned(), value));
            rest = behind;
        } else {
            challenges.push(Challenge {
                scheme: word.to_owned(),
                parameters: Vec::new(),
            });
            rest = skip_token68(spaced);
        }
    }
}

fn token(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !is_token_character(c))
        .unwrap_or(text.len());
    text.split_at(end)
}

fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

/// A token or a quoted string, and what stands behind it.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = token(text);
        return Some((value.to_owned(), behind));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

/// Passes over a token68 (`Negotiate YII=`), which ends at a comma or the end.
fn skip_token68(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)))
        .unwrap_or(text.len());
    let behind = text[end..].trim_start_matches([' ', '\t']);
    let is_token68 = end > 0
        && (behind.is_empty() || behind.starts_with(','))
        && !text[..end].trim_end_matches('=').contains('=');
    if is_token68 { behind } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemes(text: &str) -> Vec<(String, usize)> {
        parse(text)
            .into_iter()
            .map(|challenge| (challenge.scheme, challenge.parameters.len()))
            .collect()
    }

    #[test]
    fn r162_reads_several_challenges_in_one_header() {
        assert_eq!(
            schemes(r#"Negotiate YII=, Basic realm="a, b", Bearer error="x", scope="y \"z\"""#),
            [
                ("Negotiate".into(), 0),
                ("Basic".into(), 1),
                ("Bearer".into(), 2)
            ]
        );
        assert_eq!(schemes("Bearer"), [("Bearer".into(), 0)]);
        assert_eq!(
            schemes("Bearer realm = x , error=y"),
            [("Bearer".into(), 2)]
        );
    }

    #[test]
    fn r162_junk_ends_the_reading_without_harm() {
        for junk in [
            "",
            ",,, ,",
            "=",
            "\"",
            "Bearer \"",
            "Bearer a=\"x",
            "Bearer a=\"\\",
            "é",
            "Bearer é=1",
            "a=b=c",
            "Bearer =====",
        ] {
            let _ = parse(junk);
        }
    }

    fn headers(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::WWW_AUTHENTICATE, value.parse().unwrap())])
    }

    #[test]
    fn the_token_is_struck_out_of_what_the_api_says() {
        let sent = Secret::new("s3cret-token");
        let echo = headers(r#"Bearer error="s3cret-token", error_description="no s3cret-token""#);
        let said = token_error(&echo, std::slice::from_ref(&sent), false).unwrap();
        assert_eq!(said.code, "[REDACTED]");
        assert_eq!(said.description.as_deref(), Some("no [REDACTED]"));
        let echo = headers(r#"Bearer error="insufficient_scope", scope="a s3cret-token""#);
        let scopes = insufficient_scope(&echo, &sent, false).unwrap();
        assert!(!scopes.to_string().contains("s3cret"), "{scopes}");
    }

    #[test]
    fn r156_only_a_challenge_of_the_tokens_scheme_says_what_scope_is_wanted() {
        let sent = Secret::new("s3cret-token");
        let wanted = |value| insufficient_scope(&headers(value), &sent, false);
        let scopes = wanted(r#"bEARER error="insufficient_scope", scope="a b""#).unwrap();
        assert_eq!(scopes.to_string(), "a b");
        assert_eq!(
            wanted(r#"Bearer error=insufficient_scope"#),
            Some(Scopes::none())
        );
        assert_eq!(wanted(r#"Bearer error="invalid_token""#), None);
        assert_eq!(wanted(r#"DPoP error="insufficient_scope""#), None);
        let proven = r#"dPoP algs="ES256", error="insufficient_scope", scope="c""#;
        let scopes = insufficient_scope(&headers(proven), &sent, true).unwrap();
        assert_eq!(scopes.to_string(), "c");
    }

    #[test]
    fn r156_to_a_token_with_a_proof_the_challenge_of_its_own_scheme_counts_first() {
        let both = r#"Bearer error="invalid_token", DPoP error="use_dpop_nonce""#;
        let code = |is_proven| {
            let said = token_error(&headers(both), &[], is_proven);
            said.unwrap().code
        };
        assert_eq!(code(true), "use_dpop_nonce");
        assert_eq!(code(false), "invalid_token");
    }
}
