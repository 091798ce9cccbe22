//! What the specification demands of names.

/// Whether this is a container id or network name: letters, digits, `_`, `.` and `-`, beginning
/// with a letter or digit.
#[must_use]
pub fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// Why this cannot be the name of a link, as the kernel sees it: at most 15 bytes, no `/`, `:` or
/// blanks, and not `.` or `..`.
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
    } else if name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace()) {
        Err("contains '/', ':' or a blank")
    } else {
        Ok(())
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
        for bad in ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "sixteen-bytes-xx"] {
            assert!(interface_name(bad).is_err(), "{bad:?}");
        }
    }
}
