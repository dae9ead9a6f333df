//! What of a stack is secret when it is shown, and what stands in its place.

use super::Stack;

/// What stands in place of a secret.
pub const SECRET_MASK: &str = "***";

/// Parts of a variable's name that make its value a secret.
const SECRET_WORDS: [&str; 11] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "TOKEN",
    "CREDENTIAL",
    "APIKEY",
    "PRIVATE",
    "KEY",
    "PWD",
    "PASS",
];

/// Whether a variable of this name holds a secret, by the look of it.
pub fn looks_secret(name: &str) -> bool {
    let upper = name.to_uppercase();
    let (short, long): (Vec<&str>, Vec<&str>) =
        SECRET_WORDS.iter().partition(|word| word.len() < 5);
    let words: Vec<&str> = upper.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    long.iter().any(|word| upper.contains(word)) || short.iter().any(|word| words.contains(word))
}

impl Stack {
    /// The text without the values that are secret in this stack (`redact`, secrets), and without the password of any URL.
    pub fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.redact.iter().filter(|secret| !secret.is_empty()) {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), SECRET_MASK);
            }
        }
        if text.contains("://") {
            text = without_url_passwords(&text);
        }
        text
    }

    /// The value of a variable as it may be shown: not at all if it looks secret by its name, else as
    /// [`Stack::masked`] has it.
    pub fn masked_variable(&self, name: &str, value: &str) -> String {
        if looks_secret(name) && !value.is_empty() {
            return SECRET_MASK.to_owned();
        }
        self.masked(value)
    }
}

/// `scheme://user:password@host` without the password.
fn without_url_passwords(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + 3);
        out.push_str(scheme);
        let end = after
            .find(|c: char| c == '/' || c.is_whitespace() || matches!(c, '"' | '\'' | ','))
            .unwrap_or(after.len());
        let (authority, behind) = after.split_at(end);
        match authority
            .rsplit_once('@')
            .map(|(user, host)| (user.split_once(':'), host))
        {
            Some((Some((user, password)), host)) if !password.is_empty() => {
                out.extend([user, ":", SECRET_MASK, "@", host]);
            }
            _ => out.push_str(authority),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_by_their_words() {
        for name in [
            "DB_PASSWORD",
            "github_token",
            "API_KEY",
            "PGPASS_FILE_SECRET",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["MONKEY", "COMPASS", "PATH", "KEYBOARD"] {
            assert!(!looks_secret(name), "{name}");
        }
    }

    #[test]
    fn values_and_passwords_in_urls_are_masked() {
        let stack = Stack {
            redact: vec!["s3cret".into(), String::new()],
            ..Stack::default()
        };
        let shown = |name, value| stack.masked_variable(name, value);
        assert_eq!(shown("API_KEY", "abc"), "***");
        assert_eq!(shown("API_KEY", ""), "");
        assert_eq!(shown("MOTTO", "a s3cret b"), "a *** b");
        assert_eq!(
            shown("DB", "postgres://shop:pw@db/shop"),
            "postgres://shop:***@db/shop"
        );
        assert_eq!(shown("DB", "http://web:8000/a@b"), "http://web:8000/a@b");
    }
}
