//! Calls of models on the blocking pool, under a time limit. A blocking call can't be stopped: one that is late runs on
//! with nobody waiting for it, and its model is not called again until it has come back, so that a hanging network ties
//! up one thread and not all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keeps count of late calls by model.
#[derive(Debug, Default)]
pub(super) struct Calls {
    late: Arc<Mutex<HashMap<String, u32>>>,
}

/// A call that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// An earlier call is still running.
    #[error("model `{0}` has not come back from an earlier call")]
    Stuck(String),
    /// It took too long.
    #[error("model `{0}` took longer than {1:?}")]
    Late(String, Duration),
    /// It panicked.
    #[error("model `{0}` panicked")]
    Panicked(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    Late,
    Ended,
}

impl Calls {
    /// Runs `work` for model `name`.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        name: &str,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, CallError> {
        if lock(&self.late).contains_key(name) {
            return Err(CallError::Stuck(name.to_owned()));
        }
        let state = Arc::new(Mutex::new(State::Running));
        let end = End {
            state: Arc::clone(&state),
            late: Arc::clone(&self.late),
            name: name.to_owned(),
        };
        let call = tokio::task::spawn_blocking(move || {
            let _end = end;
            work()
        });
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(CallError::Panicked(name.to_owned())),
            Err(_) => {
                let mut state = lock(&state);
                if *state == State::Running {
                    *state = State::Late;
                    *lock(&self.late).entry(name.to_owned()).or_default() += 1;
                }
                Err(CallError::Late(name.to_owned(), limit))
            }
        }
    }
}

/// Notes the end of a call, a panic included.
struct End {
    state: Arc<Mutex<State>>,
    late: Arc<Mutex<HashMap<String, u32>>>,
    name: String,
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if *state == State::Late {
            let mut late = lock(&self.late);
            if let Some(count) = late.get_mut(&self.name) {
                *count -= 1;
                if *count == 0 {
                    late.remove(&self.name);
                }
            }
        }
        *state = State::Ended;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);
    /// For calls that come back: however busy the machine is, in time.
    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn a_late_model_is_left_alone_until_it_comes_back() {
        let calls = Calls::default();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let hanging = calls.call("slow", LIMIT, move || wait.recv().is_ok()).await;
        assert_eq!(hanging, Err(CallError::Late("slow".to_owned(), LIMIT)));
        let again = calls.call("slow", LIMIT, || true).await;
        assert_eq!(again, Err(CallError::Stuck("slow".to_owned())));
        assert_eq!(
            calls.call("other", LONG, || 1).await,
            Ok(1),
            "others are not held up"
        );

        release.send(()).unwrap();
        while calls.call("slow", LIMIT, || true).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_model_may_be_called_again() {
        let calls = Calls::default();
        let panicked = calls
            .call("bad", LONG, || -> u32 { panic!("on purpose") })
            .await;
        assert_eq!(panicked, Err(CallError::Panicked("bad".to_owned())));
        assert_eq!(calls.call("bad", LONG, || 1).await, Ok(1));
    }

    #[tokio::test]
    async fn calls_of_one_model_run_side_by_side() {
        let calls = Calls::default();
        let (one, two) = tokio::join!(
            calls.call("fast", LONG, || 1),
            calls.call("fast", LONG, || 2)
        );
        assert_eq!((one, two), (Ok(1), Ok(2)));
    }
}
