//! What the watches have brought, written by them and read by the keeper.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::objects::Object;
use super::pods::Starts;
use super::scope::Scope;
use crate::domain::Timestamp;
use crate::execute::kubernetes::watch::State;

/// What is kept of a scope.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) state: State,
    /// When it was last known to be so; `None` before it was read.
    pub(super) seen: Option<Timestamp>,
    pub(super) objects: HashMap<String, Object>,
    /// Of pods.
    pub(super) starts: Starts,
    /// Objects of a list that has not ended.
    listing: Option<HashMap<String, Object>>,
}

/// What happened in a scope.
#[derive(Debug)]
pub(super) enum Change {
    /// All objects are about to be listed.
    Listing,
    /// One of that list.
    Listed(String, Object),
    /// The list is whole.
    ListEnded,
    /// An object is new or has changed.
    Applied(String, Object),
    /// An object is gone.
    Deleted(String),
}

/// Everything that is kept.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    scopes: Mutex<HashMap<Scope, Kept>>,
}

impl Kept {
    pub(super) fn apply(&mut self, change: Change, now: Timestamp) {
        match change {
            Change::Listing => {
                self.listing = Some(HashMap::new());
                return;
            }
            Change::Listed(name, object) => {
                if let Some(listing) = &mut self.listing {
                    listing.insert(name, object);
                }
                return;
            }
            Change::ListEnded => self.replace(),
            Change::Applied(name, object) => {
                if let Object::Pod(pod) = &object {
                    self.starts.saw(&name, *pod);
                }
                self.objects.insert(name, object);
            }
            Change::Deleted(name) => {
                self.objects.remove(&name);
                self.starts.lost(&name);
            }
        }
        self.state = State::Live;
        self.seen = Some(now);
    }

    /// What was listed takes the place of what was known.
    fn replace(&mut self) {
        let listed = self.listing.take().unwrap_or_default();
        for name in self.objects.keys() {
            if !listed.contains_key(name) {
                self.starts.lost(name);
            }
        }
        for (name, object) in &listed {
            if let Object::Pod(pod) = object {
                self.starts.saw(name, *pod);
            }
        }
        self.objects = listed;
    }

    /// What is kept, if it was ever read and still may be.
    pub(super) fn known(&self) -> Option<(&HashMap<String, Object>, Timestamp)> {
        let may = matches!(self.state, State::Live | State::Away);
        Some((&self.objects, self.seen.filter(|_| may)?))
    }
}

impl Shelf {
    /// All scopes. Held for a moment only, never across a request.
    pub(super) fn scopes(&self) -> MutexGuard<'_, HashMap<Scope, Kept>> {
        // Nothing under the lock panics halfway through a change, so a poisoned lock is still good.
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change in a scope that is still wanted.
    pub(super) fn apply(&self, scope: &Scope, change: Change, now: Timestamp) {
        if let Some(kept) = self.scopes().get_mut(scope) {
            kept.apply(change, now);
        }
    }

    /// Notes how a scope is doing; whether that is new.
    pub(super) fn set(&self, scope: &Scope, state: State) -> bool {
        let mut scopes = self.scopes();
        let Some(kept) = scopes.get_mut(scope) else {
            return false;
        };
        // Without a right nothing may be told any more.
        if matches!(state, State::Refused | State::NotServed) {
            kept.objects.clear();
            kept.seen = None;
        }
        std::mem::replace(&mut kept.state, state) != state
    }

    /// The API server answers: what is live is known to be so now.
    pub(super) fn beat(&self, now: Timestamp) {
        for kept in self.scopes().values_mut() {
            if kept.state == State::Live {
                // Also where that is before what was noted down: then the clock was set back.
                kept.seen = Some(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::execute::cluster::objects::Pod;

    const T0: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn at(secs: u64) -> Timestamp {
        T0 + Duration::from_secs(secs)
    }

    fn pods() -> (Shelf, Scope) {
        let scope = Scope::pods(&"shop".into(), &Arc::from("app=web"));
        let shelf = Shelf::default();
        shelf.scopes().insert(scope.clone(), Kept::default());
        let pod = Object::Pod(Pod {
            created: T0,
            ready: None,
        });
        shelf.apply(&scope, Change::Listing, at(1));
        shelf.apply(&scope, Change::Listed("web-1".to_owned(), pod), at(1));
        (shelf, scope)
    }

    /// When it was last known to be so, if anything may be told.
    fn seen(shelf: &Shelf, scope: &Scope) -> Option<(usize, Timestamp)> {
        let scopes = shelf.scopes();
        scopes[scope]
            .known()
            .map(|(objects, at)| (objects.len(), at))
    }

    #[test]
    fn a_list_counts_once_it_is_whole() {
        let (shelf, scope) = pods();
        assert_eq!(seen(&shelf, &scope), None);
        shelf.apply(&scope, Change::ListEnded, at(2));
        assert_eq!(seen(&shelf, &scope), Some((1, at(2))));
        shelf.apply(&scope, Change::Listing, at(3));
        assert_eq!(
            seen(&shelf, &scope),
            Some((1, at(2))),
            "the old one counts meanwhile"
        );
        shelf.apply(&scope, Change::ListEnded, at(4));
        assert_eq!(seen(&shelf, &scope), Some((0, at(4))));
    }

    #[test]
    fn what_is_away_grows_old_and_what_is_live_does_not() {
        let (shelf, scope) = pods();
        shelf.apply(&scope, Change::ListEnded, at(2));
        shelf.beat(at(15));
        assert_eq!(seen(&shelf, &scope), Some((1, at(15))));
        assert!(shelf.set(&scope, State::Away));
        assert!(!shelf.set(&scope, State::Away), "that is no news");
        shelf.beat(at(30));
        assert_eq!(seen(&shelf, &scope), Some((1, at(15))));
        shelf.apply(&scope, Change::Deleted("web-1".to_owned()), at(40));
        assert_eq!(seen(&shelf, &scope), Some((0, at(40))));
    }

    #[test]
    fn without_a_right_nothing_is_told_any_more() {
        let (shelf, scope) = pods();
        shelf.apply(&scope, Change::ListEnded, at(2));
        assert!(shelf.set(&scope, State::Refused));
        assert_eq!(seen(&shelf, &scope), None);
        shelf.scopes().clear();
        shelf.apply(&scope, Change::ListEnded, at(3));
        assert!(!shelf.set(&scope, State::Away), "nobody wants it any more");
    }
}
