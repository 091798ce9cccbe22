//! Pieces that several actions share.

use serde::{Deserialize, Serialize};

/// One condition of a `Describe*` request: the resource's `name` must match one of `values`.
///
/// Values may hold the wildcards `*` and `?`; several filters must all match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// Name of the filter, such as `subnet-id` or `tag:Name`.
    pub name: String,
    /// Accepted values.
    #[serde(rename = "Value", default)]
    pub values: Vec<String>,
}

impl Filter {
    /// A filter from its name and values.
    pub fn new<V: Into<String>>(
        name: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Self {
        Self { name: name.into(), values: values.into_iter().map(Into::into).collect() }
    }
}

/// A tag, in requests and in answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// The tag's key.
    pub key: String,
    /// The tag's value; EC2 takes a missing one as empty.
    #[serde(default)]
    pub value: String,
}

impl Tag {
    /// A tag from its key and value.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Tags for a resource that the request is about to create.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagSpecification {
    /// Which of the created resources gets the tags, such as `network-interface`.
    pub resource_type: String,
    /// The tags.
    #[serde(rename = "Tag", default)]
    pub tags: Vec<Tag>,
}

/// A security group's id and name, as other resources refer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GroupIdentifier {
    /// Id, such as `sg-0123456789abcdef0`.
    pub group_id: String,
    /// Name, unique within its VPC.
    pub group_name: String,
}

/// The answer of actions that have nothing to tell but that they were done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Return {
    /// Whether the request was carried out. EC2 answers a refusal with an error, never with false.
    #[serde(rename = "Return")]
    pub value: bool,
}

impl Default for Return {
    /// The answer EC2 gives: true.
    fn default() -> Self {
        Self { value: true }
    }
}
