//! From the parameters of a grant, under the RFCs' names, to the request that is declared: pure, no IO.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Map, Value};
use url::Url;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Recovery};
use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::server::{
    BodyEncoding, BodyFormat, Dialect, ParameterPlace, RequestDepartures, TokenMethod, TokenRequest,
};
use crate::text::escape;

/// What a request is made of.
pub(super) struct Made<'a> {
    pub url: &'a Url,
    pub parameters: &'a Parameters,
    /// Those of this attempt, such as the client's authentication.
    pub headers: HeaderMap,
    /// What is declared of this request.
    pub declared: &'a RequestDepartures,
    /// What the answer is declared to be.
    pub format: BodyFormat,
    pub at: DateTime<Utc>,
}

impl Made<'_> {
    /// The request as it is declared.
    pub fn request(self) -> Result<TokenRequest, Error> {
        let declared = self.declared;
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static(match self.format {
                BodyFormat::Json => "application/json",
                BodyFormat::Form | BodyFormat::Token => "*/*",
            }),
        );
        for (name, value) in &declared.headers {
            // checked when they were declared
            if let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name), HeaderValue::try_from(value))
            {
                headers.insert(name, value);
            }
        }
        headers.extend(self.headers);
        let (method, default_place) = match declared.method {
            TokenMethod::Post => (Method::POST, declared.parameters_in),
            TokenMethod::Get => (Method::GET, ParameterPlace::Query),
        };
        let mut request = TokenRequest {
            method,
            url: self.url.clone(),
            headers,
            query: Vec::new(),
            body: Vec::new(),
            raw_body: None,
            at: self.at,
        };
        let own: Vec<String> = self
            .url
            .query_pairs()
            .map(|(n, _)| n.into_owned())
            .collect();
        let mut names = BTreeMap::new();
        for (name, value) in self.parameters.pairs() {
            if declared.omitted.contains(name) {
                continue;
            }
            let value = match declared.grant_types.get(value.expose()) {
                Some(word) if name == "grant_type" => Secret::new(word),
                _ => value.clone(),
            };
            if let Some(place) = declared.in_headers.get(name) {
                put_header(&mut request.headers, &place.name, &place.prefix, &value)?;
                continue;
            }
            let sent = declared.renamed.get(name).unwrap_or(name).clone();
            let is_in_body =
                default_place == ParameterPlace::Body && !declared.query.contains(name);
            let is_other = names
                .insert(sent.clone(), name)
                .is_some_and(|known| known != name);
            if is_other || !is_in_body && own.contains(&sent) {
                let problem = format!(
                    "the parameter `{}` would be sent twice (RFC 6749 3.2)",
                    escape(&sent)
                );
                return Err(Error::config("departures.request", problem)
                    .remedy("give it another name in `renamed`, or take it out of the URL"));
            }
            match is_in_body {
                true => request.body.push((sent, value)),
                false => request.query.push((sent, value)),
            }
        }
        Ok(request)
    }
}

/// A header that holds a parameter; one that is there is not overwritten.
fn put_header(
    headers: &mut HeaderMap,
    name: &str,
    prefix: &str,
    value: &Secret,
) -> Result<(), Error> {
    let field = "departures.request.in_headers";
    let text = Zeroizing::new(format!("{prefix}{}", value.expose()));
    let (Ok(name), Ok(mut held)) = (
        HeaderName::try_from(name),
        HeaderValue::try_from(text.as_str()),
    ) else {
        return Err(Error::config(field, "a value does not fit into its header"));
    };
    if headers.contains_key(&name) {
        let problem =
            format!("`{name}` is there already, such as from the client's authentication");
        return Err(
            Error::config(field, problem).remedy("choose `client_secret_post`, or another header")
        );
    }
    held.set_sensitive(true);
    headers.insert(name, held);
    Ok(())
}

/// Lets an adapter's dialect rewrite the request; the values it added, which nobody is to read.
pub(super) fn rewrite(
    dialect: &dyn Dialect,
    request: &mut TokenRequest,
) -> Result<Vec<Secret>, Error> {
    let origin = request.url.origin();
    let before: Vec<Secret> = values(request).collect();
    // it is foreign code: a panic of its own must not take the renewal with it
    let written = catch_unwind(AssertUnwindSafe(|| dialect.write(request)));
    written.unwrap_or_else(|_| {
        let problem = "the adapter's dialect panicked, and nothing was sent";
        Err(Error::new(ErrorKind::Config, problem)
            .remedy("look in the log for its panic, and report it")
            .with_recovery(Recovery::Report))
    })?;
    if request.url.origin() != origin {
        let problem = "the adapter's dialect would send the request to another origin";
        return Err(Error::new(ErrorKind::ForeignOrigin, problem).with_recovery(Recovery::Report));
    }
    let added = values(request).filter(|value| !before.contains(value));
    Ok(added.collect())
}

fn values(request: &TokenRequest) -> impl Iterator<Item = Secret> {
    let pairs = request.query.iter().chain(&request.body);
    let headers = request.headers.values();
    pairs
        .map(|(_, value)| value)
        .chain(request.raw_body.iter().map(|(_, body)| body))
        .cloned()
        .chain(headers.filter_map(|value| value.to_str().ok().map(Secret::new)))
}

/// The request as it is sent.
pub(super) fn encode(request: TokenRequest, encoding: BodyEncoding) -> reqwest::Request {
    let TokenRequest {
        method,
        mut url,
        headers,
        query,
        body,
        raw_body,
        at: _,
    } = request;
    if !query.is_empty() {
        let mut pairs = url.query_pairs_mut();
        for (name, value) in &query {
            pairs.append_pair(name, value.expose());
        }
    }
    let has_body = method != Method::GET;
    let mut sent = reqwest::Request::new(method, url);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let json = HeaderValue::from_static("application/json");
    let (kind, text) = match (raw_body, encoding) {
        (Some((kind, text)), _) => (kind, Zeroizing::new(text.expose().to_owned())),
        (None, _) if !has_body => {
            *sent.headers_mut() = headers;
            return sent;
        }
        (None, BodyEncoding::Form) => (form, form_of(&body)),
        (None, BodyEncoding::Json) => (json, json_of(&body)),
    };
    let all = sent.headers_mut();
    *all = headers;
    all.insert(CONTENT_TYPE, kind);
    *sent.body_mut() = Some(text.to_string().into());
    sent
}

/// RFC 6749 Appendix B.
fn form_of(pairs: &[(String, Secret)]) -> Zeroizing<String> {
    let mut form = Serializer::new(String::new());
    for (name, value) in pairs {
        form.append_pair(name, value.expose());
    }
    Zeroizing::new(form.finish())
}

/// One object; what repeats is a list.
fn json_of(pairs: &[(String, Secret)]) -> Zeroizing<String> {
    let mut object = Map::new();
    for (name, value) in pairs {
        let value = Value::from(value.expose());
        match object.get_mut(name) {
            None => drop(object.insert(name.clone(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(single) => *single = Value::Array(vec![single.take(), value]),
        }
    }
    Zeroizing::new(Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::InHeader;

    fn made(declare: impl FnOnce(&mut RequestDepartures)) -> Result<TokenRequest, Error> {
        let mut parameters = Parameters::default();
        for (name, value) in [
            ("grant_type", "client_credentials"),
            ("resource", "a"),
            ("resource", "b"),
            ("client_id", "x&y"),
        ] {
            parameters.push(name, value).unwrap();
        }
        let mut declared = RequestDepartures::default();
        declare(&mut declared);
        let url = "https://auth.example/token?tenant=1".parse().unwrap();
        Made {
            url: &url,
            parameters: &parameters,
            headers: HeaderMap::new(),
            declared: &declared,
            format: BodyFormat::Json,
            at: DateTime::UNIX_EPOCH,
        }
        .request()
    }

    fn body(request: &reqwest::Request) -> &str {
        std::str::from_utf8(request.body().unwrap().as_bytes().unwrap()).unwrap()
    }

    #[test]
    fn nothing_declared_is_a_form_in_a_post() {
        let sent = encode(made(|_| ()).unwrap(), BodyEncoding::Form);
        assert_eq!(sent.method(), Method::POST);
        assert_eq!(sent.url().query(), Some("tenant=1"));
        assert_eq!(
            body(&sent),
            "grant_type=client_credentials&resource=a&resource=b&client_id=x%26y"
        );
        assert_eq!(sent.headers()[ACCEPT], "application/json");
    }

    #[test]
    fn what_repeats_is_a_list_in_json() {
        let sent = encode(made(|_| ()).unwrap(), BodyEncoding::Json);
        assert_eq!(
            serde_json::from_str::<Value>(body(&sent)).unwrap(),
            serde_json::json!({
                "grant_type": "client_credentials", "resource": ["a", "b"], "client_id": "x&y"
            })
        );
    }

    #[test]
    fn a_get_has_all_in_the_query_and_no_body() {
        let request = made(|declared| declared.method = TokenMethod::Get).unwrap();
        let sent = encode(request, BodyEncoding::Form);
        assert_eq!(
            sent.url().query(),
            Some("tenant=1&grant_type=client_credentials&resource=a&resource=b&client_id=x%26y")
        );
        assert!(sent.body().is_none() && !sent.headers().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn a_parameter_takes_no_header_that_is_there() {
        let place = |declared: &mut RequestDepartures| {
            for parameter in ["grant_type", "client_id"] {
                let (name, prefix) = ("x-both".to_owned(), String::new());
                declared
                    .in_headers
                    .insert(parameter.into(), InHeader { name, prefix });
            }
        };
        let error = made(place).unwrap_err().to_string();
        assert!(error.contains("`x-both` is there already"), "{error}");
    }

    #[derive(Debug)]
    struct Bad(bool);

    impl Dialect for Bad {
        fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
            assert!(self.0, "a fault of the adapter's");
            request.url = "https://evil.example/".parse().unwrap();
            Ok(())
        }
    }

    #[test]
    fn a_dialect_neither_leaves_the_origin_nor_takes_the_process_along() {
        for (bad, kind) in [(true, "ForeignOrigin"), (false, "Config")] {
            let error = rewrite(&Bad(bad), &mut made(|_| ()).unwrap()).unwrap_err();
            assert_eq!(error.kind().name(), kind);
        }
    }

    #[derive(Debug)]
    struct Signing;

    impl Dialect for Signing {
        fn write(&self, request: &mut TokenRequest) -> Result<(), Error> {
            let signature = HeaderValue::from_static("canary-signature");
            request.headers.insert("x-signature", signature);
            request
                .body
                .push(("sign".into(), Secret::new("canary-sign")));
            Ok(())
        }
    }

    #[test]
    fn what_a_dialect_adds_is_nobodys_to_read() {
        let mut request = made(|_| ()).unwrap();
        let added = rewrite(&Signing, &mut request).unwrap();
        let mut added: Vec<&str> = added.iter().map(Secret::expose).collect();
        added.sort_unstable();
        assert_eq!(added, ["canary-sign", "canary-signature"]);
    }

    #[test]
    fn r005_nothing_declared_makes_a_parameter_stand_twice() {
        let renamed = |from: &'static str, to: &'static str| {
            move |declared: &mut RequestDepartures| {
                declared.renamed.insert(from.into(), to.into());
            }
        };
        made(renamed("client_id", "client_key")).unwrap();
        let error = made(renamed("client_id", "resource")).unwrap_err();
        assert!(error.to_string().contains("`resource`"), "{error}");
        // also where the endpoint's own query has it
        let error = made(|declared| {
            declared.renamed.insert("client_id".into(), "tenant".into());
            declared.query.insert("client_id".into());
        });
        assert!(error.unwrap_err().to_string().contains("`tenant`"));
    }
}
