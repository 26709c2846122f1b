//! `template` in all its forms, replaced by a new name in the same form.

use crate::new::name::Name;

/// Replaces each `template`, `Template` and `TEMPLATE` that is a word, or a word of an identifier.
///
/// A lower-case one is written with `_` where it stands in an identifier (`oauth_template::`,
/// `template_key`) and with `-` everywhere else (`oauth-template`, `fixtures/template`).
pub fn rename(text: &str, name: &Name) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest) {
        let (before, found) = rest.split_at(at);
        let (word, after) = found.split_at(WORD);
        renamed.push_str(before);
        let last = renamed.chars().next_back();
        renamed.push_str(form(last, word, after, name).unwrap_or(word));
        rest = after;
    }
    renamed.push_str(rest);
    renamed
}

const WORD: usize = "template".len();

fn find(text: &str) -> Option<usize> {
    ["template", "Template", "TEMPLATE"]
        .iter()
        .filter_map(|word| text.find(word))
        .min()
}

/// The name in the form of this occurrence; `None` when it is part of another word (`templates`).
fn form<'a>(before: Option<char>, word: &str, after: &str, name: &'a Name) -> Option<&'a str> {
    let next = after.chars().next();
    let lower = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase());
    let upper = |c: Option<char>| c.is_some_and(|c| c.is_ascii_uppercase());
    match word {
        "Template" if lower(next) => None,
        "Template" => Some(&name.camel),
        "TEMPLATE" if upper(next) || upper(before) => None,
        "TEMPLATE" => Some(&name.screaming),
        _ if lower(before) || upper(before) || lower(next) || upper(next) => None,
        _ if before == Some('_') || next == Some('_') || after.starts_with("::") => {
            Some(&name.snake)
        }
        _ => Some(&name.kebab),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(text: &str) -> String {
        rename(text, &Name::of("acme-cloud"))
    }

    #[test]
    fn each_form_becomes_the_same_form() {
        assert_eq!(renamed("pub struct Template;"), "pub struct AcmeCloud;");
        assert_eq!(
            renamed("TemplateClient, OauthTemplate"),
            "AcmeCloudClient, OauthAcmeCloud"
        );
        assert_eq!(
            renamed("use oauth_template::Template;"),
            "use oauth_acme_cloud::AcmeCloud;"
        );
        assert_eq!(renamed("template::run()"), "acme_cloud::run()");
        assert_eq!(renamed("let template_key"), "let acme_cloud_key");
        assert_eq!(renamed("TEMPLATE_SECRET"), "ACME_CLOUD_SECRET");
        assert_eq!(
            renamed("name = \"oauth-template\""),
            "name = \"oauth-acme-cloud\""
        );
        assert_eq!(
            renamed("NAME: &str = \"template\";"),
            "NAME: &str = \"acme-cloud\";"
        );
        assert_eq!(
            renamed("fixtures/template/a.yaml"),
            "fixtures/acme-cloud/a.yaml"
        );
        assert_eq!(renamed("template"), "acme-cloud");
    }

    #[test]
    fn other_words_stay() {
        for text in [
            "templates",
            "templated",
            "Templates",
            "TEMPLATES",
            "contemplate",
            "nothing",
        ] {
            assert_eq!(renamed(text), text);
        }
    }
}
