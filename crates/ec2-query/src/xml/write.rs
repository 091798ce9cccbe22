//! Writing XML.

use crate::tree::Node;

/// A document in the making. Names given to it must be XML names.
pub(super) struct Writer(String);

impl Writer {
    pub(super) fn new() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    pub(super) fn open(&mut self, name: &str) {
        self.0.extend(["<", name, ">"]);
    }

    pub(super) fn open_with_namespace(&mut self, name: &str, namespace: &str) {
        self.0.extend(["<", name, " xmlns=\"", namespace, "\">"]);
    }

    pub(super) fn close(&mut self, name: &str) {
        self.0.extend(["</", name, ">"]);
    }

    /// Writes an element that holds `text`.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escaped(text);
        self.close(name);
    }

    /// Writes the element of a field whose parameter is called `name`.
    pub(super) fn node(&mut self, name: &str, node: &Node) {
        let name = element_name(name);
        match node {
            Node::Text(text) => self.text(&name, text),
            Node::List(elements) if elements.is_empty() => self.empty(&name),
            Node::Record(fields) if fields.is_empty() => self.empty(&name),
            Node::List(elements) => {
                self.open(&name);
                for element in elements {
                    self.node("Item", element);
                }
                self.close(&name);
            }
            Node::Record(fields) => {
                self.open(&name);
                for (field, value) in fields {
                    self.node(field, value);
                }
                self.close(&name);
            }
        }
    }

    fn empty(&mut self, name: &str) {
        self.0.extend(["<", name, "/>"]);
    }

    /// Writes text. XML 1.0 (section 2.2) has no notation at all for most control characters,
    /// U+FFFE and U+FFFF; a reader would turn a bare carriage return into a line feed (2.11).
    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\r' => self.0.push_str("&#13;"),
                '\t' | '\n' => self.0.push(character),
                '\0'..' ' | '\u{fffe}' | '\u{ffff}' => self.0.push(char::REPLACEMENT_CHARACTER),
                _ => self.0.push(character),
            }
        }
    }
}

/// `SubnetId` as an element: `subnetId`.
fn element_name(parameter: &str) -> String {
    let mut characters = parameter.chars();
    characters
        .next()
        .map(|first| first.to_ascii_lowercase())
        .into_iter()
        .chain(characters)
        .collect()
}
