//! The API token.

use std::path::Path;

use anyhow::{Context, ensure};
use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// A shorter one is guessed too soon.
const SHORTEST: usize = 16;

/// What a caller has to know. It is never shown.
pub struct Token(Vec<u8>);

impl Token {
    /// Reads it from a file, as a Secret is mounted; white space around it does not count.
    ///
    /// # Errors
    /// When there is no such file, or what it holds is no token.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let name = file.display();
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("failed to read the token `{name}` (`--token-file`)"))?;
        let token = text.trim();
        ensure!(
            token.len() >= SHORTEST && token.bytes().all(|byte| byte.is_ascii_graphic()),
            "`{name}` (`--token-file`) holds no token: at least {SHORTEST} visible ASCII characters are needed"
        );
        Ok(Self(token.as_bytes().to_vec()))
    }

    /// Whether these headers show it, as `Authorization: Bearer TOKEN`. Takes as long for a near miss as for a far one.
    pub(crate) fn is_shown_by(&self, headers: &HeaderMap) -> bool {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().split_first_chunk::<7>())
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
            .map_or(&b""[..], |(_, token)| token);
        shown.ct_eq(&self.0).into()
    }
}
