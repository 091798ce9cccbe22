//! Reading XML, of the small kind that EC2 writes: elements and text.

use super::XmlError;
use crate::tree::Node;
use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};
use std::borrow::Cow;

/// Deepest nesting of elements in an answer; EC2's own deepest has about ten.
pub const MAX_XML_DEPTH: usize = 32;

/// Most elements of an answer: enough for a page of a thousand ENIs of fifty addresses each.
pub const MAX_XML_ELEMENTS: usize = 500_000;

/// An element whose end has not come yet.
struct Open {
    name: Cow<'static, str>,
    text: String,
    fields: Vec<(Cow<'static, str>, Node)>,
}

impl Open {
    /// The element called `name` inside of `parents` others.
    fn new(name: &str, parents: usize) -> Self {
        let name = if parents == 0 { Cow::Owned(name.to_owned()) } else { field_name(name) };
        Self { name, text: String::new(), fields: Vec::new() }
    }

    /// Text and elements side by side mean nothing in an EC2 answer, unless the text is layout.
    fn close(self) -> Option<(Cow<'static, str>, Node)> {
        if self.fields.is_empty() {
            Some((self.name, Node::Text(self.text)))
        } else {
            self.text.trim().is_empty().then_some((self.name, Node::Record(self.fields)))
        }
    }
}

/// The root element of `xml`: its name as written, and its value with field names as parameters have
/// them.
pub(super) fn document(xml: &str) -> Result<(String, Node), XmlError> {
    let mut reader = Reader::from_str(xml);
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    let mut elements = 0_usize;
    loop {
        let event = reader.read_event();
        let fail = |message: &str| {
            Err(XmlError::Syntax { offset: reader.buffer_position(), message: message.to_owned() })
        };
        let event = match event {
            Ok(event) => event,
            Err(error) => return fail(&error.to_string()),
        };
        let closed = match event {
            Event::Start(start) | Event::Empty(start) if root.is_some() && stack.is_empty() => {
                return fail(&format!("a second root element, {}", start.name().as_ref()));
            }
            Event::Start(start) => {
                elements += 1;
                if stack.len() == MAX_XML_DEPTH {
                    let what = "too deeply nested elements";
                    return Err(XmlError::TooLarge { what, limit: MAX_XML_DEPTH });
                }
                stack.push(Open::new(start.local_name().as_ref(), stack.len()));
                None
            }
            Event::Empty(start) => {
                elements += 1;
                Some(Open::new(start.local_name().as_ref(), stack.len()))
            }
            Event::End(_) => stack.pop(),
            Event::Text(text) => {
                let text = text.xml10_content();
                match stack.last_mut() {
                    Some(open) => open.text.push_str(&text),
                    None if text.trim().is_empty() => {}
                    None => return fail("text outside the root element"),
                }
                None
            }
            Event::CData(data) => {
                let Some(open) = stack.last_mut() else {
                    return fail("text outside the root element");
                };
                open.text.push_str(&data.xml10_content());
                None
            }
            Event::GeneralRef(reference) => {
                let character = match reference.resolve_char_ref() {
                    Ok(character) => character.map(String::from),
                    Err(error) => return fail(&error.to_string()),
                };
                let text = character
                    .or_else(|| resolve_predefined_entity(&reference).map(ToOwned::to_owned));
                let (Some(text), Some(open)) = (text, stack.last_mut()) else {
                    return fail(&format!("an entity nobody declared, {}", &*reference));
                };
                open.text.push_str(&text);
                None
            }
            // A document type could declare entities, of any size.
            Event::DocType(_) => return fail("a document type"),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => None,
            Event::Eof => break,
        };
        if elements > MAX_XML_ELEMENTS {
            return Err(XmlError::TooLarge { what: "too many elements", limit: MAX_XML_ELEMENTS });
        }
        let Some(open) = closed else { continue };
        let Some((name, node)) = open.close() else {
            return fail("text beside elements");
        };
        match stack.last_mut() {
            Some(parent) => parent.fields.push((name, node)),
            None => root = Some((name, node)),
        }
    }
    let fail =
        |message: String| Err(XmlError::Syntax { offset: reader.buffer_position(), message });
    match (stack.pop(), root) {
        (None, Some((name, node))) => Ok((name.into_owned(), node)),
        (Some(open), _) => fail(format!("element {} does not end", open.name)),
        (None, None) => fail("no element".to_owned()),
    }
}

/// An element's name as a parameter: `subnetId` becomes `SubnetId`.
fn field_name(element: &str) -> Cow<'static, str> {
    let mut characters = element.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    Cow::Owned(first.into_iter().chain(characters).collect())
}
