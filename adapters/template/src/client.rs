//! The calls of the Template API.

use oauth_core::client::{ApiRequest, AuthorizedClient, read_json};
use oauth_core::error::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// A client of the Template API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TemplateClient {
    client: AuthorizedClient,
}

/// What the Template API keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name within the API, given when it is created.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// The most bytes of an answer.
const LIMIT: usize = 1024 * 1024;

impl TemplateClient {
    pub(crate) fn new(client: AuthorizedClient) -> Self {
        Self { client }
    }

    /// The item of that id; `None`: there is none.
    ///
    /// # Errors
    /// The id is none that a path can hold, the API answers neither 200 nor 404, or as
    /// [`AuthorizedClient::execute`].
    pub async fn item(&self, id: &str) -> Result<Option<Item>, Error> {
        answer(self.client.get(&format!("items/{}", segment(id)?)), 200).await
    }

    /// Makes an item.
    ///
    /// # Errors
    /// The API does not answer 201, or as [`AuthorizedClient::execute`]. It is repeated
    /// only where the API says that it did not process it: after an error whose recovery is `Unknown`
    /// the item may be there.
    pub async fn create_item(&self, name: &str) -> Result<Item, Error> {
        let created = answer(self.client.post("items").json(&NewItem { name }), 201).await?;
        created.ok_or_else(|| unexpected(404))
    }
}

#[derive(Serialize)]
struct NewItem<'a> {
    name: &'a str,
}

/// Sends a request and reads the item in its answer; `None`: the API says 404.
async fn answer(request: ApiRequest<'_>, success: u16) -> Result<Option<Item>, Error> {
    let response = request.send().await?;
    match response.status().as_u16() {
        404 => Ok(None),
        status if status == success => read_json(response, LIMIT).await.map(Some),
        status => Err(unexpected(status)),
    }
}

fn unexpected(status: u16) -> Error {
    let problem = format!(
        "the Template API answered with status {status}, which it does not document for this call"
    );
    Error::new(ErrorKind::Http, problem)
        .remedy("look the status up in its documentation")
        .with_status(status)
}

/// An id as one segment of a path (RFC 3986 3.3).
fn segment(id: &str) -> Result<String, Error> {
    if matches!(id, "" | "." | "..") {
        return Err(
            Error::config("id", "this is no id: it would name another path")
                .remedy("give an item's id"),
        );
    }
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                segment.push(char::from(byte))
            }
            _ => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(segment)
}

impl AsRef<AuthorizedClient> for TemplateClient {
    fn as_ref(&self) -> &AuthorizedClient {
        &self.client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        assert_eq!(segment("a-1_~.").unwrap(), "a-1_~.");
        assert_eq!(segment("../a b/?é#").unwrap(), "..%2Fa%20b%2F%3F%C3%A9%23");
        for other_path in ["", ".", ".."] {
            segment(other_path).unwrap_err();
        }
    }
}
