//! Tags and their rules.

use std::collections::BTreeMap;

use crate::Error;

/// Tags of a resource: keys and their values.
pub type Tags = BTreeMap<String, String>;

/// Tags to delete: with a value, only if the tag has that value; without, whatever it has.
pub type TagSelection = BTreeMap<String, Option<String>>;

/// Tags per resource (Amazon EC2 user guide, "Tag restrictions").
const PER_RESOURCE: usize = 50;
/// Length of a key in characters.
const KEY: usize = 128;
/// Length of a value in characters.
const VALUE: usize = 256;
/// What the keys of AWS's own tags begin with.
const AWS: &str = "aws:";

/// Holds that a user may give a resource these tags.
pub(crate) fn check(tags: &Tags) -> Result<(), Error> {
    for (key, value) in tags {
        let problem = if key.is_empty() {
            "is empty"
        } else if key.chars().count() > KEY {
            "is longer than 128 characters"
        } else if key.get(..AWS.len()).is_some_and(|start| start.eq_ignore_ascii_case(AWS)) {
            "begins with aws:, which is for AWS's own tags"
        } else if value.chars().count() > VALUE {
            "has a value longer than 256 characters"
        } else {
            continue;
        };
        return Err(Error::InvalidTag { key: key.clone(), problem });
    }
    check_count(tags.len())
}

/// Holds that a resource that has `old` may also have `new`.
pub(crate) fn check_added(old: &Tags, new: &Tags) -> Result<(), Error> {
    check(new)?;
    check_count(old.len() + new.keys().filter(|key| !old.contains_key(*key)).count())
}

fn check_count(count: usize) -> Result<(), Error> {
    if count > PER_RESOURCE {
        return Err(Error::TagLimitExceeded { count, limit: PER_RESOURCE });
    }
    Ok(())
}

/// Removes the selected tags; all of them if the selection is empty, as EC2's DeleteTags does.
pub(crate) fn remove(tags: &mut Tags, selection: &TagSelection) {
    tags.retain(|key, value| match selection.get(key) {
        _ if selection.is_empty() => false,
        None => true,
        Some(None) => false,
        Some(Some(selected)) => selected != value,
    });
}
