//! Requests as forms: `Action=…&Version=…` and flat names such as `Filter.1.Value.2`.

use crate::{
    Action, EC2_VERSION,
    tree::{
        Node, TreeError, TreeErrorKind,
        de::{Notation, from_node},
        ser::to_node,
    },
};
use serde::de::DeserializeOwned;

/// Most parameters of one request.
///
/// EC2 publishes no such limit; this one leaves room for a thousand resources with fifty tags.
pub const MAX_PARAMETERS: usize = 10_000;

/// Longest name of a parameter, in bytes.
pub const MAX_NAME_BYTES: usize = 256;

/// Largest number of an element in a list.
pub const MAX_INDEX: u32 = 10_000;

/// Most names and numbers in one parameter's name; EC2's own deepest has seven.
const MAX_DEPTH: usize = 10;

/// The pairs of a request, `Action` and `Version` first.
///
/// Fails only for types that the notation cannot express, which none of this crate's is.
pub fn to_form<A: Action>(request: &A) -> Result<Vec<(String, String)>, FormError> {
    let mut pairs = vec![
        ("Action".to_owned(), A::NAME.to_owned()),
        ("Version".to_owned(), EC2_VERSION.to_owned()),
    ];
    if let Some(node) = to_node(request)? {
        flatten(String::new(), node, &mut pairs);
    }
    Ok(pairs)
}

/// The request that a form's pairs say. `Action` and `Version` among them are passed over.
pub fn from_form<R: DeserializeOwned>(pairs: &[(String, String)]) -> Result<R, FormError> {
    if pairs.len() > MAX_PARAMETERS {
        return Err(FormError::TooManyParameters { limit: MAX_PARAMETERS });
    }
    let mut parameters = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        if name == "Action" || name == "Version" {
            continue;
        }
        if name.len() > MAX_NAME_BYTES || name.split('.').count() > MAX_DEPTH {
            return Err(FormError::NameTooLong { parameter: name.chars().take(64).collect() });
        }
        parameters.push(Parameter { name, parts: name.split('.').collect(), value });
    }
    // Sorted by parts, what belongs together lies together, and so do duplicates and conflicts.
    parameters.sort_by(|a, b| a.parts.cmp(&b.parts));
    Ok(from_node(Node::Record(fields(&parameters, 0)?), Notation::Form)?)
}

/// The value of the form's `Action` parameter.
pub fn action_of(pairs: &[(String, String)]) -> Result<&str, FormError> {
    let mut actions = pairs.iter().filter(|(name, _)| name == "Action");
    match (actions.next(), actions.next()) {
        (Some((_, action)), None) if !action.is_empty() => Ok(action),
        (Some(_), Some(_)) => Err(FormError::Duplicate { parameter: "Action".to_owned() }),
        (_, None) | (None, _) => Err(FormError::Missing { parameter: "Action".to_owned() }),
    }
}

/// The body of a request, `application/x-www-form-urlencoded`.
#[must_use]
pub fn encode_body(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The pairs of a request's body. Bytes that are no UTF-8 become U+FFFD.
///
/// The caller limits the size of `body`; a body with too many pairs is refused before they are made.
pub fn decode_body(body: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let separators = body.iter().filter(|byte| **byte == b'&').count();
    if separators >= MAX_PARAMETERS {
        return Err(FormError::TooManyParameters { limit: MAX_PARAMETERS });
    }
    Ok(form_urlencoded::parse(body).into_owned().collect())
}

/// Why a form says no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More parameters than [`MAX_PARAMETERS`].
    #[error("the request has more than {limit} parameters")]
    TooManyParameters {
        /// The limit.
        limit: usize,
    },
    /// A name that is too long or too deep.
    #[error("the name of parameter {parameter:?}… is too long")]
    NameTooLong {
        /// How the name begins.
        parameter: String,
    },
    /// A name twice.
    #[error("parameter {parameter:?} is given twice")]
    Duplicate {
        /// The name.
        parameter: String,
    },
    /// A name both with a value of its own and with fields (`A=1` and `A.B=2`), or with the wrong
    /// one of the two.
    #[error("parameter {parameter:?} must be {expected}")]
    Shape {
        /// The name.
        parameter: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A list's element without a proper number.
    #[error("parameter {parameter:?} must number a list's elements from 1 to {MAX_INDEX}")]
    Index {
        /// The name.
        parameter: String,
    },
    /// A name that the action does not have.
    #[error("parameter {parameter:?} is not one of this action")]
    Unknown {
        /// The name.
        parameter: String,
    },
    /// A required parameter is not there.
    #[error("parameter {parameter:?} is missing")]
    Missing {
        /// The name.
        parameter: String,
    },
    /// A value of the wrong type.
    #[error("parameter {parameter:?} has the value {value:?}, which is not {expected}")]
    Value {
        /// The name.
        parameter: String,
        /// How the value begins.
        value: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A type that forms cannot express, or another fault of the type.
    #[error("parameter {parameter:?}: {message}")]
    Other {
        /// The name.
        parameter: String,
        /// What is wrong.
        message: String,
    },
}

impl From<TreeError> for FormError {
    fn from(error: TreeError) -> Self {
        let parameter = error.place();
        match error.kind {
            TreeErrorKind::Unknown => Self::Unknown { parameter },
            TreeErrorKind::Missing => Self::Missing { parameter },
            TreeErrorKind::Duplicate => Self::Duplicate { parameter },
            TreeErrorKind::Value { value, expected } => {
                // The value is the sender's, of any length: enough of it to recognise.
                let value = value.chars().take(64).collect();
                Self::Value { parameter, value, expected }
            }
            TreeErrorKind::Shape { expected } => Self::Shape { parameter, expected },
            TreeErrorKind::Index { .. } => Self::Index { parameter },
            TreeErrorKind::Other(message) => Self::Other { parameter, message },
        }
    }
}

struct Parameter<'a> {
    name: &'a str,
    parts: Vec<&'a str>,
    value: &'a str,
}

/// The fields that `parameters` give, which are sorted and agree in their first `depth` parts.
fn fields(
    parameters: &[Parameter<'_>],
    depth: usize,
) -> Result<Vec<(std::borrow::Cow<'static, str>, Node)>, FormError> {
    parameters
        .chunk_by(|a, b| a.parts.get(depth) == b.parts.get(depth))
        .map(|group| {
            let name = group.first().and_then(|first| first.parts.get(depth)).unwrap_or(&"");
            Ok(((*name).to_owned().into(), value(group, depth + 1)?))
        })
        .collect()
}

/// The value that `group` gives, whose names all agree in their first `depth` parts.
fn value(group: &[Parameter<'_>], depth: usize) -> Result<Node, FormError> {
    match group {
        [only] if only.parts.len() == depth => Ok(Node::Text(only.value.to_owned())),
        [first, second, ..] if first.parts.len() == depth => Err(if second.parts.len() == depth {
            FormError::Duplicate { parameter: first.name.to_owned() }
        } else {
            FormError::Shape {
                parameter: first.name.to_owned(),
                expected: "either a value or a structure, not both",
            }
        }),
        _ => Ok(Node::Record(fields(group, depth)?)),
    }
}

/// Appends the pairs of `node`, whose name is `prefix`.
fn flatten(prefix: String, node: Node, pairs: &mut Vec<(String, String)>) {
    let join = |name: &str| {
        if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
    };
    match node {
        Node::Text(text) => pairs.push((prefix, text)),
        Node::List(elements) => {
            for (element, number) in elements.into_iter().zip(1_u32..) {
                flatten(join(&number.to_string()), element, pairs);
            }
        }
        Node::Record(fields) => {
            for (name, value) in fields {
                flatten(join(&name), value, pairs);
            }
        }
    }
}

#[cfg(test)]
mod tests;
