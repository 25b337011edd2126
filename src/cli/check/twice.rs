//! ScaledObjects that get in each other's way, in one file or in several: two of one name, and two that scale one workload.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Checked;
use super::scaled_object::{Finding, NO_NAME, Object, SCALED_OBJECT};

/// Warns of them in the file where the later one stands.
pub(super) fn check(files: &mut [Checked]) {
    let mut found: Vec<(usize, Finding)> = Vec::new();
    let mut seen: HashMap<String, (usize, &Object)> = HashMap::new();
    for (at, file) in files.iter().enumerate() {
        let objects = file.objects.iter();
        for object in objects.filter(|object| object.kind == SCALED_OBJECT) {
            for (key, text) in claims(object) {
                let (first_at, first) = match seen.entry(key) {
                    Entry::Vacant(free) => {
                        free.insert((at, object));
                        continue;
                    }
                    Entry::Occupied(taken) => *taken.get(),
                };
                let same = first.name == object.name && object.name != NO_NAME;
                // What concerns no trigger of ours is left alone, and one object may say a thing twice.
                if !(ours(first) || ours(object)) || (same && text.is_some()) {
                    continue;
                }
                let place = if first_at == at {
                    format!("line {}", first.place.line)
                } else {
                    format!("`{}`, line {}", files[first_at].file, first.place.line)
                };
                let text = match text {
                    None => format!(
                        "the ScaledObject `{}/{}` is there already ({place}): of the two only the one that is applied last holds",
                        object.namespace, object.name
                    ),
                    Some(target) => format!(
                        "the {target} is scaled by the ScaledObject `{}` already ({place}): KEDA refuses a second one",
                        first.name
                    ),
                };
                found.push((at, Finding::warning(object.place, text)));
            }
        }
    }
    for (at, finding) in found {
        files[at].findings.push(finding);
        files[at].sort();
    }
}

fn ours(object: &Object) -> bool {
    object.triggers.iter().any(|trigger| trigger.ours)
}

/// What only one object may have, as a key: its name, and the workload that it scales, with the words for it.
fn claims(object: &Object) -> Vec<(String, Option<String>)> {
    let mut claims = Vec::new();
    if object.name != NO_NAME {
        claims.push((format!("{}/{}", object.namespace, object.name), None));
    }
    if let Some(target) = &object.target {
        // Versions of one API mean the same workload.
        let group = target.api_version.rsplit_once('/');
        let group = group.map_or("", |(group, _)| group);
        let key = format!(
            "{}/{group}/{}/{}",
            object.namespace, target.kind, target.name
        );
        claims.push((key, Some(target.to_string())));
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::{Checker, check_text};

    fn object(name: &str, target: &str, kind: &str) -> String {
        format!(
            "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {{name: {name}, namespace: shop}}\nspec:\n  \
             scaleTargetRef: {{name: {target}}}\n  triggers:\n    - type: {kind}\n      metadata: {{scalerAddress: 'forescale:6000', \
             query: a, threshold: '5'}}\n"
        )
    }

    /// Warnings about two objects, in one file and in two.
    fn told(one: &str, other: &str) -> [Vec<String>; 2] {
        let together = [format!("{one}---\n{other}")];
        let apart = [one.to_owned(), other.to_owned()];
        [&together[..], &apart[..]].map(|texts| {
            let checked = texts.iter().enumerate().map(|(at, text)| {
                check_text(&Checker::new(vec![]), format!("{at}.yaml"), text.clone())
            });
            let mut files: Vec<Checked> = checked.collect();
            check(&mut files);
            let all = files.iter().flat_map(|file| &file.findings);
            let messages = all.map(|finding| finding.message.clone());
            messages
                .filter(|message| message.contains("already"))
                .collect()
        })
    }

    #[test]
    fn what_two_objects_can_not_both_have_is_told_with_where_the_other_stands() {
        let web = object("web", "web", "external-push");
        let [together, apart] = told(&web, &web);
        assert!(
            together.len() == 1 && together[0].contains("`shop/web` is there already (line 1)"),
            "{together:?}"
        );
        assert!(
            apart.len() == 1 && apart[0].contains("(`0.yaml`, line 1)"),
            "{apart:?}"
        );
        let rival = object("other", "web", "prometheus");
        for told in told(&web, &rival).into_iter().chain(told(&rival, &web)) {
            assert!(
                told.len() == 1 && told[0].contains("the Deployment `web` is scaled by the"),
                "{told:?}"
            );
        }
    }

    #[test]
    fn what_does_not_collide_or_is_not_ours_is_left_alone() {
        let web = object("web", "web", "external-push");
        let elsewhere = web.replace("namespace: shop", "namespace: mall");
        let kind = object("other", "web, kind: StatefulSet", "external-push");
        let theirs = object("other", "web", "prometheus");
        for (one, other) in [
            (&web, &object("api", "api", "external-push")),
            (&web, &elsewhere),
            (&web, &kind),
            (&theirs, &theirs),
        ] {
            let nothing: [Vec<String>; 2] = [vec![], vec![]];
            assert_eq!(told(one, other), nothing, "{other}");
        }
    }
}
