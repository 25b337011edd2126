//! Settings of the gRPC server: the `keda` section of the settings file.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::HumanDuration;

/// Settings of the gRPC server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// Address to listen on.
    pub addr: SocketAddr,
    /// How long the first reads of a new workload wait for its first plan, counted from its registration. Later reads
    /// of a workload that has no plan fail at once.
    pub first_answer_wait: HumanDuration,
    /// TLS; plain text when unset.
    pub tls: Option<TlsConfig>,
    /// More connections than this wait to be accepted. KEDA opens one for each replica of its operator.
    pub max_connections: usize,
    /// Calls and streams that one connection may have open. KEDA carries everything over one connection, two streams
    /// for each `external-push` trigger included.
    pub max_concurrent_streams: u32,
    /// A larger request is refused. Trigger metadata is a few kilobytes at the most.
    pub max_message_bytes: usize,
    /// An HTTP/2 ping is sent to a silent client this often; one that does not answer is cut off.
    pub keep_alive_interval: HumanDuration,
    /// How long a ping may stay unanswered.
    pub keep_alive_timeout: HumanDuration,
    /// How long a shutdown waits for open calls and connections.
    pub drain_grace: HumanDuration,
}

/// Certificates of the gRPC server, as PEM files. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TlsConfig {
    /// The server's certificate, followed by the intermediate ones.
    pub cert_file: PathBuf,
    /// The certificate's private key.
    pub key_file: PathBuf,
    /// Clients must show a certificate signed by one of these authorities (mutual TLS); anyone may call when unset.
    #[serde(default)]
    pub client_ca_file: Option<PathBuf>,
    /// How often the files are looked at.
    #[serde(default = "default_reload_interval")]
    pub reload_interval: HumanDuration,
}

impl TlsConfig {
    /// TLS with this certificate and key, clients unknown, and the default for the rest.
    pub fn new(cert_file: PathBuf, key_file: PathBuf) -> Self {
        Self {
            cert_file,
            key_file,
            client_ca_file: None,
            reload_interval: default_reload_interval(),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            addr: SocketAddr::from(([0, 0, 0, 0], 6000)),
            first_answer_wait: HumanDuration::from_secs(2),
            tls: None,
            max_connections: 1024,
            max_concurrent_streams: 50_000,
            max_message_bytes: 256 * 1024,
            keep_alive_interval: HumanDuration::from_secs(30),
            keep_alive_timeout: HumanDuration::from_secs(20),
            drain_grace: HumanDuration::from_secs(10),
        }
    }
}

const fn default_reload_interval() -> HumanDuration {
    HumanDuration::from_secs(10)
}
