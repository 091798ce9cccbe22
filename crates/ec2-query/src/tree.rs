//! The one shape behind both notations: a tree whose leaves are text.
//!
//! The serde types know it through [`ser`] and [`de`]; the form and XML modules only write a tree
//! down and read it back. Field names in a tree are those of parameters (`SubnetId`); answers write
//! the same names with a small first letter (`subnetId`).

pub(crate) mod de;
pub(crate) mod ser;

use std::borrow::Cow;

/// A value: text, a list, or named fields.
#[derive(Debug, PartialEq)]
pub(crate) enum Node {
    /// A leaf.
    Text(String),
    /// A list. Only writers meet it: what was read is a record until its type says otherwise.
    List(Vec<Node>),
    /// Named fields, in order.
    Record(Vec<(Cow<'static, str>, Node)>),
}

/// Why a tree does not fit a type, or the other way round, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct TreeError {
    /// Names from the leaf up to the root.
    path: Vec<String>,
    pub(crate) kind: TreeErrorKind,
}

#[derive(Debug, PartialEq)]
pub(crate) enum TreeErrorKind {
    /// Nothing of this name is expected here.
    Unknown,
    /// A field that must be there is not.
    Missing,
    /// A field is there twice.
    Duplicate,
    /// The text does not say a value of the expected type.
    Value { value: String, expected: &'static str },
    /// Text instead of fields, or fields instead of text.
    Shape { expected: &'static str },
    /// An element of a list has no proper number.
    Index { index: String },
    /// Anything else.
    Other(String),
}

impl TreeError {
    pub(crate) fn new(kind: TreeErrorKind) -> Self {
        Self { path: Vec::new(), kind }
    }

    /// The same error, seen from the parent, in whose field or element `name` it arose.
    pub(crate) fn within(mut self, name: impl Into<String>) -> Self {
        self.path.push(name.into());
        self
    }

    /// The place of the error, in the form's notation: `Filter.1.Value.2`.
    pub(crate) fn place(&self) -> String {
        let names: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        names.join(".")
    }
}

impl std::fmt::Display for TreeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            TreeErrorKind::Unknown => f.write_str("not expected here"),
            TreeErrorKind::Missing => f.write_str("missing"),
            TreeErrorKind::Duplicate => f.write_str("given twice"),
            TreeErrorKind::Value { value, expected } => {
                write!(f, "{value:?} is not {expected}")
            }
            TreeErrorKind::Shape { expected } => write!(f, "must be {expected}"),
            TreeErrorKind::Index { index } => {
                write!(f, "{index:?} is not the number of an element")
            }
            TreeErrorKind::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for TreeError {}

impl serde::ser::Error for TreeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(TreeErrorKind::Other(message.to_string()))
    }
}

impl serde::de::Error for TreeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(TreeErrorKind::Other(message.to_string()))
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self::new(TreeErrorKind::Unknown).within(field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(TreeErrorKind::Missing).within(field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(TreeErrorKind::Duplicate).within(field)
    }
}
