//! Paths of fields as server-side apply names them (structured-merge-diff's `fieldpath.Path`): `.spec.maxReplicaCount`,
//! `.metadata.labels.app.kubernetes.io/name`, `.spec.containers[name="app"].image`, `.spec.triggers[0]`.

use serde_json::Value;

/// Removes what `path` leads to from `object`; says whether there was something.
///
/// Keys may hold dots, which the path does not mark: the longest key that fits is meant. An element that is named by its
/// place belongs to a list that has one owner, and so the list goes as a whole.
pub(super) fn remove(object: &mut Value, path: &str) -> bool {
    let Some(rest) = path.strip_prefix('.') else {
        return false;
    };
    let Some(map) = object.as_object_mut() else {
        return false;
    };
    let ends = |key: &str| {
        rest.strip_prefix(key)
            .is_some_and(|after| after.is_empty() || after.starts_with(['.', '[']))
    };
    let Some(key) = map
        .keys()
        .filter(|key| ends(key))
        .max_by_key(|key| key.len())
        .cloned()
    else {
        return false;
    };
    let after = &rest[key.len()..];
    if after.is_empty() {
        return map.remove(&key).is_some();
    }
    if !after.starts_with('[') {
        return map.get_mut(&key).is_some_and(|inner| remove(inner, after));
    }
    if closing(after).is_none() {
        return false;
    }
    match element(after) {
        Some((keys, after)) => {
            let list = map.get_mut(&key).and_then(Value::as_array_mut);
            list.is_some_and(|list| remove_from(list, &keys, after))
        }
        None => map.remove(&key).is_some(),
    }
}

/// Removes from the element that has these keys, or the element itself.
fn remove_from(list: &mut Vec<Value>, keys: &[(String, Value)], after: &str) -> bool {
    let is_it = |item: &Value| keys.iter().all(|(key, value)| item.get(key) == Some(value));
    let Some(index) = list.iter().position(is_it) else {
        return false;
    };
    if after.is_empty() {
        list.remove(index);
        return true;
    }
    remove(&mut list[index], after)
}

/// The keys of `[name="app",port=80]` and what comes after it; `None` for a place or a value.
fn element(text: &str) -> Option<(Vec<(String, Value)>, &str)> {
    let end = closing(text)?;
    let inside = &text[1..end];
    let mut keys = Vec::new();
    for part in inside.split(',') {
        let (key, value) = part.split_once('=')?;
        if key.is_empty() {
            return None;
        }
        keys.push((key.to_owned(), serde_json::from_str(value).ok()?));
    }
    Some((keys, &text[end + 1..]))
}

/// Where the bracket closes, outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let mut quoted = false;
    for (index, letter) in text.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(index),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn without(path: &str) -> Option<Value> {
        let mut object = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "a", "app": "b"}},
            "spec": {
                "max": 5,
                "triggers": [{"type": "external"}],
                "containers": [{"name": "app", "image": "x"}, {"name": "side", "image": "y"}],
            },
        });
        remove(&mut object, path).then_some(object)
    }

    #[test]
    fn a_path_leads_to_its_field() {
        let left = without(".spec.max").unwrap();
        assert!(left["spec"].get("max").is_none());
        let left = without(".metadata.labels.app.kubernetes.io/name").unwrap();
        assert_eq!(left["metadata"]["labels"], json!({"app": "b"}));
        let left = without(".spec.containers[name=\"side\"].image").unwrap();
        assert_eq!(
            left["spec"]["containers"],
            json!([{"name": "app", "image": "x"}, {"name": "side"}])
        );
        let left = without(".spec.containers[name=\"app\"]").unwrap();
        assert_eq!(left["spec"]["containers"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_list_that_has_one_owner_goes_as_a_whole() {
        for path in [".spec.triggers", ".spec.triggers[0].type"] {
            let left = without(path).unwrap();
            assert!(left["spec"].get("triggers").is_none(), "{path}");
        }
    }

    #[test]
    fn a_path_to_nothing_removes_nothing() {
        for path in [
            "",
            "spec",
            ".status",
            ".spec.maximum",
            ".spec.containers[name=\"x\"].image",
            ".spec.containers[name=",
            ".spec.max.more",
        ] {
            assert_eq!(without(path), None, "{path}");
        }
    }
}
