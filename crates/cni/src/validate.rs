//! What the specification demands of names.

use crate::error::{CniError, code};

/// Whether this is a container id or network name: letters, digits, `_`, `.` and `-`, beginning
/// with a letter or digit.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Why this cannot be the name of a link, as the kernel sees it: at most 15 bytes, no `/`, `:`,
/// blanks or control characters, and not `.` or `..`. Nor a `%`: the kernel takes `eth%d` for a
/// pattern and chooses a name of its own.
///
/// # Errors
/// What is wrong with it.
pub fn interface_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("is empty")
    } else if name.len() > 15 {
        Err("is longer than 15 bytes")
    } else if name == "." || name == ".." {
        Err("is '.' or '..'")
    } else if name.contains(|c: char| matches!(c, '/' | ':' | '%') || c.is_whitespace()) {
        Err("contains '/', ':', '%' or a blank")
    } else if name.contains(char::is_control) {
        Err("contains a control character")
    } else {
        Ok(())
    }
}

/// Checks the container and the link that ADD, CHECK and DEL are about.
///
/// # Errors
/// [`code::INVALID_ENVIRONMENT`] naming the variable, its value and what is wrong with it.
pub fn attachment(container_id: &str, ifname: &str) -> Result<(), CniError> {
    let invalid = |msg: String| Err(CniError::new(code::INVALID_ENVIRONMENT, msg));
    if !is_identifier(container_id) {
        return invalid(format!(
            "CNI_CONTAINERID \"{container_id}\" is invalid: letters, digits, '_', '.' and '-', \
             beginning with a letter or digit"
        ));
    }
    match interface_name(ifname) {
        Ok(()) => Ok(()),
        Err(why) => invalid(format!("CNI_IFNAME \"{ifname}\" is invalid: it {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers() {
        for good in ["a", "0", "pod-1_x.y", "A9"] {
            assert!(is_identifier(good), "{good}");
        }
        for bad in ["", "-a", ".a", "_a", "a/b", "a b", "ä", "a\n", "a:b"] {
            assert!(!is_identifier(bad), "{bad:?}");
        }
    }

    #[test]
    fn interface_names() {
        for good in ["eth0", "e", "a-b_c.d", "fifteen-bytes-x"] {
            assert_eq!(interface_name(good), Ok(()), "{good}");
        }
        for bad in
            ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "eth%d", "%", "a\0b", "sixteen-bytes-xx"]
        {
            assert!(interface_name(bad).is_err(), "{bad:?}");
        }
    }
}
