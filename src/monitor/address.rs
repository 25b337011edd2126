//! Server addresses: one normal form, and the allow-list that is compared against it.
//!
//! `serverAddress` is written by tenants, so two spellings of one server must not differ and two servers must not look
//! alike. Everything is compared after the URL standard's own normalisation: scheme and host in lower case,
//! internationalised names in punycode, every spelling of an IPv4 address as four decimal numbers, the scheme's default
//! port filled in, `.` and `..` in the path resolved. A trailing dot of the host and trailing slashes of the path are
//! dropped. Refused are user names and passwords, queries, fragments, and escaped slashes, backslashes or dots in the
//! path, which servers read in different ways.

use std::fmt;

use url::{Host, Url};

use super::error::shorten;

/// Longer addresses are refused.
const MAX_LENGTH: usize = 2048;

/// A server's base URL in normal form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct BaseUrl {
    url: Url,
}

/// An entry of the allow-list.
#[derive(Clone, Debug)]
pub(super) struct AllowPattern {
    /// `Some` for `*.suffix`: the suffix with its leading dot.
    suffix: Option<String>,
    /// Scheme, host (for a suffix pattern a stand-in), port and path prefix.
    base: BaseUrl,
}

// === impl BaseUrl ===

impl BaseUrl {
    /// Parses and normalises `text`.
    ///
    /// # Errors
    /// In words; an address that may hold a password is not repeated.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty: write a url such as `http://prometheus:9090`".to_owned());
        }
        if text.len() > MAX_LENGTH {
            return Err(format!("is longer than {MAX_LENGTH} characters"));
        }
        let shown = if text.contains('@') {
            "the address".to_owned()
        } else {
            format!("`{}`", shorten(text, 200))
        };
        let mut url = Url::parse(text).map_err(|error| {
            format!("{shown} is no url ({error}): write one such as `http://prometheus:9090`")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("{shown} must start with `http://` or `https://`"));
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err(
                "holds a user name or password: credentials belong under `auth` of a named source"
                    .to_owned(),
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(format!(
                "{shown} holds `?` or `#`: parameters belong under `queryParameters`"
            ));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        let lower = path.to_ascii_lowercase();
        if ["%2f", "%5c", "%2e", "//"]
            .iter()
            .any(|bad| lower.contains(bad))
        {
            return Err(format!(
                "{shown} has a path that servers read in different ways: write it without `//` and without escaped \
                 slashes and dots"
            ));
        }
        url.set_path(&path);
        if let Some(host) = url.host_str().and_then(|host| host.strip_suffix('.')) {
            let host = host.to_owned();
            url.set_host(Some(&host))
                .map_err(|error| format!("{shown} has no valid host ({error})"))?;
        }
        Ok(Self { url })
    }

    /// URL of an API call, such as `api/v1/query_range`.
    pub(super) fn join(&self, call: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{call}", self.path()));
        url
    }

    /// Whether connections are TLS.
    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Name or IP address, the latter in brackets where it is IPv6.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port given, or the scheme's.
    pub(super) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    pub(super) fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

// === impl AllowPattern ===

impl AllowPattern {
    /// Parses an entry of the allow-list.
    ///
    /// # Errors
    /// In words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wild = text.split_once("://*.");
        let base = match wild {
            None => BaseUrl::parse(text)?,
            Some((scheme, rest)) => BaseUrl::parse(&format!("{scheme}://any.{rest}"))?,
        };
        let host = base.url.host_str().unwrap_or_default().to_owned();
        if host.contains('*') || base.path().contains('*') {
            return Err(format!(
                "`{}`: `*` is allowed only as the first label of the host, as in `https://*.example.com`",
                shorten(text, 200)
            ));
        }
        let suffix = match wild {
            None => None,
            Some(_) if !matches!(base.url.host(), Some(Host::Domain(_))) => {
                return Err(format!(
                    "`{}`: `*.` needs a domain name behind it",
                    shorten(text, 200)
                ));
            }
            Some(_) => host.strip_prefix("any").map(str::to_owned),
        };
        if suffix.as_deref() == Some("") {
            return Err("`*.` needs a domain name behind it".to_owned());
        }
        Ok(Self { suffix, base })
    }

    /// Whether `address` is covered: the same scheme and port, the host or a name below the suffix, and a path that is
    /// the prefix or lies below it.
    pub(super) fn matches(&self, address: &BaseUrl) -> bool {
        let (ours, theirs) = (&self.base.url, &address.url);
        ours.scheme() == theirs.scheme()
            && ours.port_or_known_default() == theirs.port_or_known_default()
            && self.covers_host(theirs)
            && covers_path(self.base.path(), address.path())
    }

    fn covers_host(&self, address: &Url) -> bool {
        match (&self.suffix, address.host()) {
            (None, host) => host == self.base.url.host(),
            (Some(suffix), Some(Host::Domain(domain))) => {
                domain.len() > suffix.len() && domain.ends_with(suffix.as_str())
            }
            (Some(_), _) => false,
        }
    }
}

impl fmt::Display for AllowPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.to_string();
        match &self.suffix {
            None => f.write_str(&base),
            Some(_) => f.write_str(&base.replacen("://any.", "://*.", 1)),
        }
    }
}

fn covers_path(prefix: &str, path: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pattern: &str, address: &str) -> bool {
        let pattern = AllowPattern::parse(pattern).unwrap();
        BaseUrl::parse(address).is_ok_and(|address| pattern.matches(&address))
    }

    #[test]
    fn one_server_in_many_spellings_is_one_address() {
        let one = BaseUrl::parse("http://prometheus:80/a").unwrap();
        for spelling in [
            "http://prometheus/a",
            "HTTP://Prometheus/a/",
            "http://prometheus./a",
            "http://prometheus/b/../a",
            " http://prometheus:80/./a// ",
        ] {
            assert_eq!(BaseUrl::parse(spelling).unwrap(), one, "{spelling}");
        }
        assert_eq!(one.to_string(), "http://prometheus/a");
        assert_eq!(
            one.join("api/v1/query_range").as_str(),
            "http://prometheus/a/api/v1/query_range"
        );
    }

    #[test]
    fn the_allow_list_compares_scheme_host_port_and_path_prefix() {
        let cases = [
            ("http://prom:9090", "http://prom:9090", true),
            ("http://prom:9090", "http://prom:9090/", true),
            ("http://prom:9090", "http://prom:9090/tenant", true),
            ("http://prom:9090", "https://prom:9090", false),
            ("http://prom:9090", "http://prom", false),
            ("http://prom:9090", "http://prom.evil:9090", false),
            ("http://prom:9090/a", "http://prom:9090", false),
            ("http://prom:9090/a", "http://prom:9090/a/b", true),
            ("http://prom:9090/a", "http://prom:9090/ab", false),
            ("http://prom:9090/a", "http://prom:9090/a/../b", false),
            ("http://prom:9090/a", "http://prom:9090/a/%2e%2e/b", false),
            ("https://prom", "https://prom:443", true),
            ("https://*.example.com", "https://a.example.com", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("https://*.example.com", "https://example.com", false),
            ("https://*.example.com", "https://evilexample.com", false),
            ("https://*.example.com", "https://example.com.evil", false),
            ("https://*.example.com", "https://a.example.com:444", false),
            ("https://*.example.com/p", "https://a.example.com/q", false),
            ("http://127.0.0.1:9090", "http://0x7f.1:9090", true),
            ("http://10.0.0.1", "http://169.254.169.254", false),
            ("http://prom", "http://prom@evil", false),
            ("http://prom", "http://evil\\@prom", false),
        ];
        for (pattern, address, expected) in cases {
            assert_eq!(allowed(pattern, address), expected, "{pattern} {address}");
        }
    }

    #[test]
    fn addresses_that_could_mean_two_things_are_refused() {
        for address in [
            "",
            "prometheus:9090",
            "ftp://prom",
            "file:///etc/passwd",
            "http://user:secret@prom",
            "http://prom/?query=1",
            "http://prom/#a",
            "http://prom/a%2f..%2fb",
            "http://prom/a//b",
            "http://",
        ] {
            let problem = BaseUrl::parse(address).unwrap_err();
            assert!(!problem.contains("secret"), "{problem}");
        }
    }

    #[test]
    fn a_star_is_only_the_first_label_of_a_name() {
        for pattern in [
            "https://*",
            "https://a.*.com",
            "https://*.",
            "https://prom/*",
            "*://prom",
            "https://*.1.2.3",
        ] {
            assert!(AllowPattern::parse(pattern).is_err(), "{pattern}");
        }
        let pattern = AllowPattern::parse("https://*.Example.com/a/").unwrap();
        assert_eq!(pattern.to_string(), "https://*.example.com/a");
    }
}
