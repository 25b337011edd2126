//! Bounds on what a tenant may send, checked before anything is parsed or kept.

/// Keys in one trigger.
pub const MAX_KEYS: usize = 64;
/// Bytes of a key.
pub const MAX_KEY: usize = 64;
/// Bytes of a value.
pub const MAX_VALUE: usize = 16 * 1024;
/// Bytes of all keys and values together.
pub const MAX_TOTAL: usize = 64 * 1024;
/// Bytes of a Kubernetes object's name.
const MAX_NAME: usize = 253;

/// Checks number and sizes of keys and values.
///
/// # Errors
/// What is too large, and the bound.
pub fn sizes<'a>(
    metadata: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), String> {
    let (mut count, mut total) = (0_usize, 0_usize);
    for (key, value) in metadata {
        count += 1;
        total += key.len() + value.len();
        if key.is_empty() {
            return Err("the metadata has a key without a name".to_owned());
        }
        if key.len() > MAX_KEY {
            return Err(format!(
                "the key `{}` has {} bytes, at most {MAX_KEY} are allowed",
                super::excerpt(key),
                key.len()
            ));
        }
        if value.len() > MAX_VALUE {
            return Err(format!(
                "the value of `{}` has {} bytes, at most {MAX_VALUE} are allowed",
                super::excerpt(key),
                value.len()
            ));
        }
    }
    if count > MAX_KEYS {
        return Err(format!(
            "the metadata has {count} keys, at most {MAX_KEYS} are allowed"
        ));
    }
    if total > MAX_TOTAL {
        return Err(format!(
            "the metadata has {total} bytes, at most {MAX_TOTAL} are allowed"
        ));
    }
    Ok(())
}

/// Whether `name` may be that of a Kubernetes object.
pub(super) fn kubernetes_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(allowed)
}

/// Checks the name of a Kubernetes object or namespace; `field` says which in the message.
///
/// # Errors
/// What is wrong with it, and what is allowed.
pub fn object_name(field: &str, name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(format!("`{field}` of the ScaledObject is empty"));
    }
    if !kubernetes_name(name) {
        return Err(format!(
            "`{field}` of the ScaledObject is `{}`, which is no Kubernetes name: write at most {MAX_NAME} lower-case \
             letters, digits, `-` and `.`",
            super::excerpt(name)
        ));
    }
    Ok(())
}
