//! What an API wrote, made fit to be shown.

use reqwest::Response;

use crate::secret::{Secret, escape_without};

/// Makes fit for an error or a log what an API wrote: escaped, cut after 512 characters, and the token
/// it was sent, which it may echo, struck out.
///
/// ```no_run
/// # async fn run(client: oauth_core::AuthorizedClient) -> Result<(), oauth_core::Error> {
/// use oauth_core::client::{Quote, read_json};
///
/// let answer = client.get("items/7").send().await?;
/// let quote = Quote::from(&answer);
/// let body: serde_json::Value = read_json(answer, 64 * 1024).await?;
/// println!("the API says {}", quote.text(body["problem"].as_str().unwrap_or("nothing")));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Quote(Sent);

/// What was sent: one token nearly always.
#[derive(Clone, Debug)]
enum Sent {
    One(Secret),
    Many(Vec<Secret>),
}

impl Quote {
    /// For an answer to these.
    pub(super) fn without(sent: Vec<Secret>) -> Self {
        Self(Sent::Many(sent))
    }

    /// Has the answer remember what it was an answer to.
    pub(super) fn attach(response: &mut Response, sent: &Secret) {
        let sent = match Proof::of(response) {
            None => Sent::One(sent.clone()),
            Some(proof) => Sent::Many(vec![sent.clone(), proof]),
        };
        response.extensions_mut().insert(Self(sent));
    }

    /// The text as it may be shown.
    pub fn text(&self, text: &str) -> String {
        let sent = match &self.0 {
            Sent::One(sent) => std::slice::from_ref(sent),
            Sent::Many(sent) => sent,
        };
        escape_without(text, sent)
    }
}

/// The proof that was sent with the token (RFC 9449 7.1), kept with its answer.
#[derive(Clone, Debug)]
pub(super) struct Proof(pub Option<Secret>);

impl Proof {
    /// The proof that was sent for this answer.
    pub fn of(response: &Response) -> Option<Secret> {
        response.extensions().get::<Self>()?.0.clone()
    }
}

/// For an answer that [`AuthorizedClient`](crate::client::AuthorizedClient) brought; of one that came
/// otherwise nothing is known that must be struck out.
impl From<&Response> for Quote {
    fn from(response: &Response) -> Self {
        let attached = response.extensions().get::<Self>();
        attached.cloned().unwrap_or(Self(Sent::Many(Vec::new())))
    }
}
