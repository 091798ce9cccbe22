//! Answers as XML: `<DescribeVpcsResponse>…<vpcSet><item>…`, and the body of a refusal.

mod read;
mod write;

use crate::{
    Action, EC2_XMLNS,
    tree::{
        Node, TreeError,
        de::{Notation, from_node},
        ser::to_node,
    },
};
pub use read::{MAX_XML_DEPTH, MAX_XML_ELEMENTS};

/// The body of a successful answer to `A`.
///
/// Always well-formed: characters that XML cannot hold become U+FFFD. Fails only for types that the
/// notation cannot express, which none of this crate's is.
pub fn to_xml<A: Action>(request_id: &str, response: &A::Response) -> Result<String, XmlError> {
    let Some(Node::Record(fields)) = to_node(response)? else {
        return Err(XmlError::Value {
            place: A::NAME.to_owned(),
            message: "an answer must have fields".to_owned(),
        });
    };
    let mut xml = write::Writer::new();
    let root = format!("{}Response", A::NAME);
    xml.open_with_namespace(&root, EC2_XMLNS);
    xml.text("requestId", request_id);
    for (name, node) in fields {
        xml.node(&name, &node);
    }
    xml.close(&root);
    Ok(xml.finish())
}

/// The answer to `A` that the body of a successful HTTP answer says.
pub fn from_xml<A: Action>(xml: &str) -> Result<A::Response, XmlError> {
    let (root, mut node) = read::document(xml)?;
    if root.strip_suffix("Response") != Some(A::NAME) {
        return Err(XmlError::Root { found: root, expected: format!("{}Response", A::NAME) });
    }
    if let Node::Text(text) = &node
        && text.trim().is_empty()
    {
        node = Node::Record(Vec::new());
    }
    Ok(from_node(node, Notation::Xml)?)
}

/// What EC2 answers instead when it refuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorResponse {
    /// Code, such as `InvalidSubnetID.NotFound`.
    pub code: String,
    /// The reason in words.
    pub message: String,
    /// Id of the request.
    pub request_id: String,
}

impl ErrorResponse {
    /// The body of a refusal. Always well-formed, as that of [`to_xml`].
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = write::Writer::new();
        for name in ["Response", "Errors", "Error"] {
            xml.open(name);
        }
        xml.text("Code", &self.code);
        xml.text("Message", &self.message);
        xml.close("Error");
        xml.close("Errors");
        xml.text("RequestID", &self.request_id);
        xml.close("Response");
        xml.finish()
    }

    /// The refusal that the body of an unsuccessful HTTP answer says. Of several errors, the first.
    pub fn from_xml(xml: &str) -> Result<Self, XmlError> {
        let (root, node) = read::document(xml)?;
        if root != "Response" {
            return Err(XmlError::Root { found: root, expected: "Response".to_owned() });
        }
        let error = child(&node, "Errors").and_then(|errors| child(errors, "Error"));
        let Some(code) = error.and_then(|error| child(error, "Code")).and_then(text) else {
            return Err(XmlError::Value {
                place: "Errors.Error.Code".to_owned(),
                message: "missing".to_owned(),
            });
        };
        let message = error.and_then(|error| child(error, "Message")).and_then(text);
        // Two spellings are in use; reading makes first letters capital.
        let request_id = child(&node, "RequestID").or_else(|| child(&node, "RequestId"));
        Ok(Self {
            code: code.trim().to_owned(),
            message: message.unwrap_or_default().to_owned(),
            request_id: request_id.and_then(text).unwrap_or_default().trim().to_owned(),
        })
    }
}

fn child<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Node::Record(fields) = node else { return None };
    fields.iter().find(|(field, _)| field == name).map(|(_, node)| node)
}

fn text(node: &Node) -> Option<&str> {
    if let Node::Text(text) = node { Some(text) } else { None }
}

/// Why a body says no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// Not well-formed, or using what no EC2 answer uses.
    #[error("the answer is not the XML of an EC2 answer, at byte {offset}: {message}")]
    Syntax {
        /// Where, in bytes from the beginning.
        offset: u64,
        /// What is wrong.
        message: String,
    },
    /// Deeper than [`MAX_XML_DEPTH`] or with more elements than [`MAX_XML_ELEMENTS`].
    #[error("the answer has {what}, more than the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The answer to something else, or no answer of EC2 at all.
    #[error("the answer is a {found:?}, not a {expected:?}")]
    Root {
        /// Name of the root element.
        found: String,
        /// Name it should have.
        expected: String,
    },
    /// An element with a value of the wrong type, or a missing one.
    #[error("the answer's {place}: {message}")]
    Value {
        /// The element, as names and numbers with dots between them.
        place: String,
        /// What is wrong.
        message: String,
    },
}

impl From<TreeError> for XmlError {
    fn from(error: TreeError) -> Self {
        let place = Some(error.place()).filter(|place| !place.is_empty());
        let place = place.unwrap_or_else(|| "root element".to_owned());
        Self::Value { place, message: error.to_string() }
    }
}

#[cfg(test)]
mod tests;
