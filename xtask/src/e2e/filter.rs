//! Which trials were asked for.

use std::fmt;

/// A trial's name or the beginning of one, by whole segments: `template`, `template/refresh`,
/// `template/refresh/bears_the_token`. A shape may be left out: `template/bears_the_token`.
pub struct Filter(Vec<String>);

impl Filter {
    pub fn new(text: &str) -> Self {
        Self(
            text.trim_end_matches('/')
                .split('/')
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The same among the live trials, whose names all begin with `live` and a server: `oidc-provider`,
    /// `oidc-provider/refresh`, `refresh/a_clause`.
    pub fn live(text: &str) -> Self {
        match text == "live" || text.starts_with("live/") {
            true => Self::new(text),
            false => Self::new(&format!("live/{text}")),
        }
    }

    /// The adapter it begins with.
    pub fn adapter(&self) -> &str {
        &self.0[0]
    }

    pub fn takes(&self, trial: &str) -> bool {
        let name: Vec<&str> = trial.split('/').collect();
        let begins = |asked: &[String], name: &[&str]| {
            asked.len() <= name.len() && asked.iter().zip(name).all(|(asked, name)| asked == name)
        };
        let any_shape = || name.len() > 2 && self.0.len() > 1 && begins(&self.0[1..], &name[2..]);
        begins(&self.0, &name) || (self.0[0] == name[0] && any_shape())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;

    fn takes(filter: &str, trial: &str) -> bool {
        Filter::new(filter).takes(trial)
    }

    #[test]
    fn takes_a_name_by_whole_segments() {
        let name = "template/refresh/bears_the_token";
        for filter in ["template", "template/", "template/refresh", name] {
            assert!(takes(filter, name), "{filter}");
        }
        for filter in [
            "templ",
            "template/ref",
            "refresh",
            "template/refresh/bears",
            "slack/refresh",
        ] {
            assert!(!takes(filter, name), "{filter}");
        }
        assert!(!takes("template/refresh/bears_the_token/more", name));
    }

    #[test]
    fn live_may_be_left_out_among_the_live() {
        let name = "live/a-server/refresh/a_clause";
        for filter in [
            "live",
            "live/a-server",
            "a-server",
            "a-server/refresh",
            "a-server/refresh/a_clause",
            "refresh",
            "refresh/a_clause",
        ] {
            assert!(Filter::live(filter).takes(name), "{filter}");
        }
        assert!(!Filter::live("device").takes(name));
        assert!(!Filter::live("refresh/another").takes(name));
    }

    #[test]
    fn takes_a_clause_in_any_shape() {
        assert!(takes(
            "template/bears_the_token",
            "template/static/bears_the_token"
        ));
        assert!(!takes(
            "template/bears_the_token",
            "template/static/renews_before_expiry"
        ));
        assert!(!takes(
            "slack/bears_the_token",
            "template/static/bears_the_token"
        ));
    }
}
