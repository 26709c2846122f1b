//! What the browser is shown. Nothing of what it sent stands there, and nothing that leads elsewhere.

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    /// The answer came, and is what was awaited.
    Done,
    /// The answer came, and is a refusal or not to be believed.
    Failed,
    /// An answer to something else.
    NotAwaited,
    /// Everything else.
    NotFound,
}

impl Page {
    /// The whole HTTP answer. It is stored nowhere, tells no other site where it was (RFC 9700 4.2.4), and
    /// loads and runs nothing.
    pub fn answer(self) -> String {
        let (status, text) = match self {
            Self::Done => (
                "200 OK",
                "You have logged in. Close this window and go back to the program.",
            ),
            Self::Failed => (
                "200 OK",
                "The login did not succeed. Close this window: the program says why.",
            ),
            Self::NotAwaited => (
                "400 Bad Request",
                "This is not the login that the program waits for. Close this window and go on in the one that it opened.",
            ),
            Self::NotFound => ("404 Not Found", "There is nothing here."),
        };
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Login</title><p>{text}</p></html>\n"
        );
        format!(
            "HTTP/1.1 {status}\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Length: {}\r\n\
             Cache-Control: no-store\r\n\
             Referrer-Policy: no-referrer\r\n\
             Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\n\
             Connection: close\r\n\
             \r\n\
             {body}",
            body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cbk_018_a_page_is_kept_nowhere_leads_nowhere_and_tells_nobody() {
        for page in [Page::Done, Page::Failed, Page::NotAwaited, Page::NotFound] {
            let answer = page.answer();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            for header in [
                "Cache-Control: no-store",
                "Referrer-Policy: no-referrer",
                "Content-Security-Policy: default-src 'none'",
                "Connection: close",
            ] {
                assert!(head.contains(header), "{header}");
            }
            assert!(head.contains(&format!("Content-Length: {}", body.len())));
            for never in [
                "http:", "https:", "//", "<a ", "<script", "<img", "<link", "Location", "refresh",
            ] {
                assert!(!answer.contains(never), "{never}: {answer}");
            }
        }
    }
}
