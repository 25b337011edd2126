//! Sources for allow-listed `serverAddress`es, made when first asked for. They carry no credentials of any named source.
//!
//! Their number is bounded, because a wildcard of the allow-list lets tenants invent as many as they like; the one
//! unused longest goes first. They share HTTP clients, and with them connection pools: one for each kind of TLS.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::BaseUrl;
use super::client::Client;
use super::config::TlsConfig;
use super::error::FetchError;
use super::metrics::Metrics;
use super::source::Source;

/// Address sources kept at the same time.
const MAX_ADDRESSES: usize = 256;

/// The sources of `serverAddress`es.
#[derive(Debug)]
pub(super) struct Addresses {
    metrics: Metrics,
    shelf: Mutex<Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    sources: HashMap<Key, Entry>,
    clients: HashMap<ClientKind, Arc<Client>>,
    uses: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    base: BaseUrl,
    unsafe_ssl: bool,
}

#[derive(Debug)]
struct Entry {
    source: Arc<Source>,
    last_use: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ClientKind {
    https: bool,
    unsafe_ssl: bool,
}

// === impl Addresses ===

impl Addresses {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            metrics,
            shelf: Mutex::default(),
        }
    }

    /// The source at `base`, made if it is not there. The caller has checked the allow-list.
    pub(super) fn get(&self, base: &BaseUrl, unsafe_ssl: bool) -> Result<Arc<Source>, FetchError> {
        // A panic while the lock is held can't leave the maps half-changed, so a poisoned lock is still good.
        let mut kept = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let this_use = kept.uses;
        let key = Key {
            base: base.clone(),
            unsafe_ssl,
        };
        if let Some(entry) = kept.sources.get_mut(&key) {
            entry.last_use = this_use;
            return Ok(Arc::clone(&entry.source));
        }
        let client = kept.client(base.is_https(), unsafe_ssl)?;
        let source = Arc::new(Source::at_address(base, client, &self.metrics));
        kept.make_room();
        let entry = Entry {
            source: Arc::clone(&source),
            last_use: this_use,
        };
        kept.sources.insert(key, entry);
        Ok(source)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.shelf.lock().unwrap().sources.len()
    }
}

// === impl Shelf ===

impl Shelf {
    fn client(&mut self, https: bool, unsafe_ssl: bool) -> Result<Arc<Client>, FetchError> {
        let unsafe_ssl = https && unsafe_ssl;
        let kind = ClientKind { https, unsafe_ssl };
        if let Some(client) = self.clients.get(&kind) {
            return Ok(Arc::clone(client));
        }
        let tls = TlsConfig {
            insecure_skip_verify: unsafe_ssl,
            ..TlsConfig::default()
        };
        let client = Client::new(tls, https, false)
            .map_err(|(_, text)| FetchError::config(format!("`serverAddress`: {text}")))?;
        let client = Arc::new(client);
        self.clients.insert(kind, Arc::clone(&client));
        Ok(client)
    }

    fn make_room(&mut self) {
        if self.sources.len() < MAX_ADDRESSES {
            return;
        }
        let oldest = (self.sources.iter())
            .min_by_key(|(_, entry)| entry.last_use)
            .map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.sources.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BaseUrl {
        BaseUrl::parse(text).unwrap()
    }

    #[test]
    fn the_address_unused_longest_goes_first() {
        let addresses = Addresses::new(Metrics::default());
        let first = addresses.get(&base("http://a0"), false).unwrap();
        for index in 1..MAX_ADDRESSES {
            addresses
                .get(&base(&format!("http://a{index}")), false)
                .unwrap();
        }
        let again = addresses.get(&base("http://a0"), false).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "kept while there is room");

        addresses.get(&base("http://one-more"), false).unwrap();
        assert_eq!(addresses.len(), MAX_ADDRESSES);
        let again = addresses.get(&base("http://a0"), false).unwrap();
        assert!(
            Arc::ptr_eq(&first, &again),
            "it was used lately, a1 was not"
        );
    }

    #[test]
    fn skipping_certificate_checks_is_a_source_of_its_own() {
        let addresses = Addresses::new(Metrics::default());
        let strict = addresses.get(&base("http://a"), false).unwrap();
        let lax = addresses.get(&base("http://a"), true).unwrap();
        assert!(!Arc::ptr_eq(&strict, &lax));
    }
}
