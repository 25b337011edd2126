//! Credentials of a source. Files are read for every request: they are small, and a rotated token counts at once.

use std::path::{Path, PathBuf};

use ::http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::config::AuthConfig;

/// Largest token or password file that is read.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Shorter strings are not searched for in texts: they would hit by chance.
const MIN_REDACTED: usize = 4;

/// Where the credentials of a source come from.
#[derive(Clone, Debug)]
pub(super) enum Credentials {
    None,
    Bearer(PathBuf),
    Basic { username: String, file: PathBuf },
}

/// Credentials as they stand on disk now.
#[derive(Debug)]
pub(super) enum Sealed {
    None,
    Bearer(SecretString),
    Basic {
        username: String,
        password: SecretString,
    },
}

/// Takes secrets out of what a server wrote, in case it echoes them.
#[derive(Debug, Default)]
pub(super) struct Redactor(Vec<SecretString>);

// === impl Credentials ===

impl Credentials {
    pub(super) fn of(auth: &AuthConfig) -> Self {
        if let Some(file) = &auth.bearer_token_file {
            return Self::Bearer(file.clone());
        }
        match &auth.basic {
            Some(basic) => Self::Basic {
                username: basic.username.clone(),
                file: basic.password_file.clone(),
            },
            None => Self::None,
        }
    }

    /// Reads the file. The error names it and never what it holds.
    pub(super) fn read(&self) -> Result<Sealed, String> {
        match self {
            Self::None => Ok(Sealed::None),
            Self::Bearer(file) => read_secret(file).map(Sealed::Bearer),
            Self::Basic { username, file } => Ok(Sealed::Basic {
                username: username.clone(),
                password: read_secret(file)?,
            }),
        }
    }

    /// As [`Credentials::read`], off the async threads.
    pub(super) async fn load(&self) -> Result<Sealed, String> {
        if matches!(self, Self::None) {
            return Ok(Sealed::None);
        }
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.read())
            .await
            .map_err(|_| "failed to read the credentials: shutting down".to_owned())?
    }
}

// === impl Sealed ===

impl Sealed {
    /// Puts the credentials on a request. The header is marked as sensitive, so that no debug output shows it.
    pub(super) fn apply(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self {
            Self::None => request,
            Self::Bearer(token) => request.bearer_auth(token.expose_secret()),
            Self::Basic { username, password } => {
                request.basic_auth(username, Some(password.expose_secret()))
            }
        }
    }

    /// A redactor for these credentials, with the `authorization` header they were sent in.
    pub(super) fn redactor(&self, header: Option<&HeaderValue>) -> Redactor {
        let secret = match self {
            Self::None => return Redactor::default(),
            Self::Bearer(secret)
            | Self::Basic {
                password: secret, ..
            } => secret.clone(),
        };
        let encoded = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .map(|(_, encoded)| SecretString::from(encoded));
        Redactor(std::iter::once(secret).chain(encoded).collect())
    }
}

// === impl Redactor ===

impl Redactor {
    /// Knows these headers' values as well.
    pub(super) fn also<'a>(
        mut self,
        headers: impl Iterator<Item = &'a (HeaderName, HeaderValue)>,
    ) -> Self {
        let values = headers.filter_map(|(_, value)| value.to_str().ok());
        self.0.extend(values.map(SecretString::from));
        self
    }

    /// `text` with every known secret replaced.
    pub(super) fn clean(&self, text: &str) -> String {
        let long = |secret: &&SecretString| secret.expose_secret().len() >= MIN_REDACTED;
        (self.0.iter().filter(long)).fold(text.to_owned(), |text, secret| {
            text.replace(secret.expose_secret(), "***")
        })
    }
}

fn read_secret(file: &Path) -> Result<SecretString, String> {
    let shown = file.display();
    let failed = |error: std::io::Error| format!("failed to read `{shown}`: {error}");
    let size = std::fs::metadata(file).map_err(failed)?.len();
    if size > MAX_SECRET_BYTES {
        return Err(format!("`{shown}` is larger than {MAX_SECRET_BYTES} bytes"));
    }
    let bytes = std::fs::read(file).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{shown}` is not UTF-8"))?;
    let secret = text.trim();
    if secret.is_empty() {
        return Err(format!("`{shown}` is empty"));
    }
    if secret.chars().any(char::is_control) {
        return Err(format!("`{shown}` holds more than one line"));
    }
    Ok(SecretString::from(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(content: &[u8]) -> Result<Sealed, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, content).unwrap();
        Credentials::Bearer(file).read()
    }

    #[test]
    fn a_token_file_ends_with_a_newline_as_often_as_not() {
        for content in ["abcdef", "abcdef\n", " abcdef\r\n"] {
            let Ok(Sealed::Bearer(token)) = bearer(content.as_bytes()) else {
                panic!("{content:?}");
            };
            assert_eq!(token.expose_secret(), "abcdef");
        }
    }

    #[test]
    fn an_unusable_file_is_named_and_its_content_is_not() {
        for content in [&b""[..], b" \n", b"secret\nsecret", b"secret\xff"] {
            let problem = bearer(content).unwrap_err();
            assert!(problem.contains("token"), "{problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
        let missing = Credentials::Bearer(PathBuf::from("/nowhere/token"));
        assert!(missing.read().unwrap_err().contains("/nowhere/token"));
    }

    #[test]
    fn an_echoed_secret_is_taken_out_in_both_its_spellings() {
        let sealed = bearer(b"hush-hush").unwrap();
        let header = HeaderValue::from_static("Bearer aHVzaA==");
        let redactor = sealed.redactor(Some(&header));
        assert_eq!(redactor.clean("got hush-hush, aHVzaA=="), "got ***, ***");
    }

    #[test]
    fn debug_output_holds_no_secret() {
        let sealed = bearer(b"hush-hush").unwrap();
        let redactor = sealed.redactor(None);
        assert!(!format!("{sealed:?}{redactor:?}").contains("hush-hush"));
    }
}
