//! Somebody at a server's pages, without a browser: redirects, cookies, forms.

use std::collections::BTreeMap;

use oauth_contract::Failure;
use reqwest::header::{COOKIE, HeaderMap, LOCATION, REFERER, SET_COOKIE};
use serde_json::Value;
use url::Url;

use crate::expect::some;

/// What follows redirects and keeps cookies, all of one server.
pub(crate) struct Browser {
    http: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

/// Where somebody comes to.
pub(crate) enum Landed {
    /// A page of the server.
    Page(Page),
    /// The server sends them away, to another origin.
    Away(Url),
}

/// A page.
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) status: u16,
    html: String,
}

/// No login has as many redirects.
const LONGEST: usize = 12;

impl Browser {
    /// `http` follows no redirects.
    pub(crate) fn new(http: reqwest::Client) -> Self {
        Self {
            http,
            cookies: BTreeMap::new(),
        }
    }

    /// Goes there, and on from redirect to redirect.
    ///
    /// # Errors
    /// The server does not answer, or sends them in circles.
    pub(crate) async fn open(&mut self, url: &Url) -> Result<Landed, Failure> {
        self.go(self.http.get(url.clone()), url.clone()).await
    }

    /// Submits the page's form with its hidden fields, and what is `filled` in.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub(crate) async fn submit(
        &mut self,
        page: &Page,
        filled: &[(&str, &str)],
    ) -> Result<Landed, Failure> {
        let mut form = page.hidden();
        form.extend(
            filled
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let request = self.http.post(page.url.clone()).form(&form);
        self.go(request.header(REFERER, page.url.as_str()), page.url.clone())
            .await
    }

    async fn go(
        &mut self,
        mut request: reqwest::RequestBuilder,
        mut url: Url,
    ) -> Result<Landed, Failure> {
        let broken = |error: reqwest::Error| Failure::new(error.without_url().to_string());
        for _ in 0..LONGEST {
            let cookies = self.cookies.iter();
            let cookies: Vec<String> = cookies
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let request_now = request.header(COOKIE, cookies.join("; "));
            let answer = request_now.send().await.map_err(broken)?;
            self.keep(answer.headers());
            let status = answer.status();
            if !status.is_redirection() {
                let html = answer.text().await.map_err(broken)?;
                let status = status.as_u16();
                return Ok(Landed::Page(Page { url, status, html }));
            }
            let target = answer.headers().get(LOCATION);
            let target = target.and_then(|value| value.to_str().ok());
            let target = target.and_then(|target| url.join(target).ok());
            let target = some("the target of a redirect", target)?;
            if target.origin() != url.origin() {
                return Ok(Landed::Away(target));
            }
            request = self.http.get(target.clone());
            url = target;
        }
        Err(Failure::new("the pages go in circles"))
    }

    /// Keeps what is set, and forgets what is emptied (RFC 6265 5.3).
    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next();
            match pair.and_then(|pair| pair.split_once('=')) {
                Some((name, "" | "\"\"")) => drop(self.cookies.remove(name)),
                Some((name, value)) => drop(self.cookies.insert(name.into(), value.into())),
                None => {}
            }
        }
    }
}

impl Landed {
    /// The page.
    ///
    /// # Errors
    /// The server sent them away.
    pub(crate) fn page(self) -> Result<Page, Failure> {
        match self {
            Self::Page(page) => Ok(page),
            Self::Away(_) => Err(Failure::new(
                "a page was awaited, and the server sent the user away",
            )),
        }
    }

    /// Where the server sent them.
    ///
    /// # Errors
    /// It shows a page.
    pub(crate) fn away(self) -> Result<Url, Failure> {
        match self {
            Self::Away(url) => Ok(url),
            Self::Page(page) => Err(Failure::new(format!(
                "the server was to send the user away, and shows {} ({}, error {})",
                page.url.path(),
                page.status,
                page.json()["error"]
            ))),
        }
    }
}

impl Page {
    /// What it says, where it is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.html).unwrap_or_default()
    }

    /// The hidden fields of its form, with their values.
    fn hidden(&self) -> Vec<(String, String)> {
        let inputs = self.html.split("<input").skip(1);
        let tags = inputs.filter_map(|rest| rest.split_once('>').map(|(tag, _)| tag));
        tags.filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"))
            .filter_map(|tag| {
                let value = attribute(tag, "value").unwrap_or_default();
                Some((attribute(tag, "name")?, value))
            })
            .collect()
    }
}

/// The value of an attribute in double quotes, as Django writes them.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    let plain = value
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&amp;", "&");
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_kept_until_it_is_emptied() {
        let mut browser = Browser::new(reqwest::Client::new());
        let mut set = |cookie: &'static str| {
            let mut headers = HeaderMap::new();
            headers.append(SET_COOKIE, cookie.parse().unwrap());
            browser.keep(&headers);
            browser.cookies.clone()
        };
        assert_eq!(set("b=x=y; path=/")["b"], "x=y");
        assert_eq!(set("a=1").len(), 2);
        assert_eq!(
            set("a=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT").len(),
            1
        );
        assert_eq!(set("b=").len(), 0);
    }

    #[test]
    fn a_form_is_sent_with_its_hidden_fields_as_they_were_meant() {
        let page = Page {
            url: "https://a.example/".parse().unwrap(),
            status: 200,
            html: r#"<input type="hidden" name="next" value="/a?b=1&amp;c=&quot;2&quot;">
                <input type="text" name="user" value="x"><input type="hidden" name="state" id="s">"#
                .into(),
        };
        let hidden = [("next", "/a?b=1&c=\"2\""), ("state", "")];
        let hidden = hidden.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(page.hidden(), hidden);
    }
}
