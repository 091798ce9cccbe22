//! CreateTags and DeleteTags.

use crate::{Return, Tag, action::action};
use serde::{Deserialize, Serialize};

/// Sets tags on resources, replacing the values of tags that exist.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateTags {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the resources.
    #[serde(rename = "ResourceId")]
    pub resources: Vec<String>,
    /// Tags to set on each of them.
    #[serde(rename = "Tag")]
    pub tags: Vec<Tag>,
}

action!(CreateTags => Return, repeatable);

/// Removes tags from resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteTags {
    /// Only check whether the request would be allowed.
    pub dry_run: Option<bool>,
    /// Ids of the resources.
    #[serde(rename = "ResourceId")]
    pub resources: Vec<String>,
    /// Tags to remove; none means all that users may remove.
    #[serde(rename = "Tag", default)]
    pub tags: Vec<TagToDelete>,
}

action!(DeleteTags => Return, repeatable);

/// Which tag DeleteTags removes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagToDelete {
    /// The tag's key.
    pub key: String,
    /// Remove the tag only if it has this value (which may be empty); none means whatever its value.
    pub value: Option<String>,
}
