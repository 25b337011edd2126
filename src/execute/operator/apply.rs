//! Server-side apply that yields: where somebody else has set a field, it is theirs from then on.

use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::Value;

use super::resource::Yielded;

/// Forescale's name as a field manager.
pub(super) const MANAGER: &str = "forescale";

/// One apply can meet new conflicts after it gave way to others; more rounds than this mean that it will never end.
const ROUNDS: usize = 5;

/// What came of an apply.
#[derive(Debug)]
pub(super) struct Applied {
    /// The object as it is now.
    pub(super) object: DynamicObject,
    /// Fields that were left to others.
    pub(super) yielded: Vec<Yielded>,
}

/// Applies `desired` without force, leaving out what others have set to something else.
///
/// # Errors
/// What the API server says, conflicts that can't be given way to included.
pub(super) async fn apply(
    api: &Api<DynamicObject>,
    name: &str,
    mut desired: Value,
) -> Result<Applied, kube::Error> {
    let params = PatchParams::apply(MANAGER);
    let mut yielded: Vec<Yielded> = Vec::new();
    let mut rounds = 0;
    loop {
        let error = match api.patch(name, &params, &Patch::Apply(&desired)).await {
            Ok(object) => return Ok(Applied { object, yielded }),
            Err(error) => error,
        };
        rounds += 1;
        let theirs = conflicts(&error);
        let mut gave_way = false;
        for conflict in theirs {
            gave_way |= path::remove(&mut desired, &conflict.field);
            if !yielded.contains(&conflict) {
                yielded.push(conflict);
            }
        }
        if !gave_way || rounds == ROUNDS {
            return Err(error);
        }
    }
}

/// The fields that others hold.
fn conflicts(error: &kube::Error) -> Vec<Yielded> {
    let kube::Error::Api(status) = error else {
        return Vec::new();
    };
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| Yielded {
            field: cause.field.clone(),
            manager: manager(&cause.message),
        })
        .collect()
}

/// `conflict with "kubectl-edit" using keda.sh/v1alpha1` names `kubectl-edit`.
fn manager(message: &str) -> String {
    message.split('"').nth(1).unwrap_or(message).to_owned()
}

mod path;

#[cfg(test)]
mod tests {
    use kube::core::response::{Status, StatusCause, StatusDetails};

    use super::*;

    #[test]
    fn the_fields_of_others_and_their_names_are_read_from_the_refusal() {
        let cause = |reason: &str, message: &str, field: &str| StatusCause {
            reason: reason.to_owned(),
            message: message.to_owned(),
            field: field.to_owned(),
        };
        let status = Status::failure("Apply failed with 1 conflict", "Conflict")
            .with_code(409)
            .with_details(StatusDetails {
                causes: vec![
                    cause(
                        "FieldManagerConflict",
                        "conflict with \"kubectl-edit\" using keda.sh/v1alpha1 at 2026-11-28T10:00:00Z",
                        ".spec.maxReplicaCount",
                    ),
                    cause("Other", "nothing to do with it", ".spec"),
                ],
                name: "shop".to_owned(),
                group: "keda.sh".to_owned(),
                kind: "scaledobjects".to_owned(),
                uid: String::new(),
                retry_after_seconds: 0,
            });
        let found = conflicts(&kube::Error::Api(status.boxed()));
        assert_eq!(
            found,
            [Yielded {
                field: ".spec.maxReplicaCount".to_owned(),
                manager: "kubectl-edit".to_owned(),
            }]
        );
    }
}
