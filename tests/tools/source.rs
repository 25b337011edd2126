//! A Prometheus-compatible server in a thread, which can be made to fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use forescale::domain::{Clock, SystemClock, Timestamp};
use forescale::monitor::replay::{ReplayServer, ReplaySource};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::history::load;

/// What the server knows.
pub(crate) struct Recording {
    /// Refuses evaluations later than this, in seconds; nothing is refused when it is 0.
    ends_at: AtomicU32,
}

/// A running server; ends when dropped.
pub(crate) struct Source {
    pub(crate) url: String,
    pub(crate) recording: Arc<Recording>,
    shutdown: CancellationToken,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ReplaySource for Recording {
    fn value(&self, query: &str, at: Timestamp) -> Option<f64> {
        let secs = at.as_secs();
        let limit = i64::from(self.ends_at.load(Ordering::SeqCst));
        assert!(limit == 0 || secs <= limit, "a server that breaks down");
        // Every day there is nothing from 03:00 to 03:30; `nothing` has nothing at all.
        let minute = secs / 60 % 1440;
        (query != "nothing" && !(180..210).contains(&minute)).then(|| load(secs))
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn knows(&self, query: &str) -> bool {
        query != "sum("
    }
}

impl Recording {
    /// Breaks down on every evaluation later than `secs` from here on; 0 mends it.
    pub(crate) fn ends_at(&self, secs: i64) {
        self.ends_at
            .store(u32::try_from(secs).unwrap(), Ordering::SeqCst);
    }
}

impl Source {
    pub(crate) fn start() -> Self {
        let recording = Arc::new(Recording {
            ends_at: AtomicU32::new(0),
        });
        let shutdown = CancellationToken::new();
        let (tell, told) = std::sync::mpsc::channel();
        let (served, stop) = (Arc::clone(&recording), shutdown.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                ReplayServer::new(listener).run(served, stop).await.unwrap();
            });
        });
        Self {
            url: format!("http://{}", told.recv().unwrap()),
            recording,
            shutdown,
            thread: Some(thread),
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}
