//! Reading typed fields out of a [`Node`] while collecting everything that is wrong with it.

use super::error::{Problem, TopologyError};
use super::suggest;
use super::tree::{Node, Value};

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

/// A typed value together with its place, so that later checks can name it.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) line: u64,
    pub(super) field: String,
}

/// A node on its way to becoming a value.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    node: &'a Node,
    field: String,
    line: u64,
}

/// A mapping whose keys are all known.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    entries: &'a [(serde_saphyr::Spanned<String>, Node)],
    field: String,
    line: u64,
}

impl Problems {
    pub(super) fn whole_file(&mut self, line: u64, message: String) {
        self.0.push(Problem { line, field: String::new(), message });
    }

    /// Reports that the value at `at` is wrong.
    pub(super) fn refuse<T>(&mut self, at: &Located<T>, message: impl Into<String>) {
        self.0.push(Problem { line: at.line, field: at.field.clone(), message: message.into() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All problems in the order of the lines; the same one reached twice counts once.
    pub(super) fn into_error(mut self, source_name: &str) -> TopologyError {
        self.0.sort();
        self.0.dedup();
        TopologyError::Invalid { source_name: source_name.to_owned(), problems: self.0 }
    }
}

impl<'a> Cursor<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, field: String::new(), line: node.referenced.line().max(1) }
    }

    /// The place, carrying `value`.
    pub(super) fn located<T>(&self, value: T) -> Located<T> {
        Located { value, line: self.line, field: self.field.clone() }
    }

    fn refuse(&self, problems: &mut Problems, message: impl Into<String>) {
        problems.refuse(&self.located(()), message);
    }

    /// The mapping here. Keys that are not `known` and keys given twice are reported.
    pub(super) fn fields(&self, known: &[&str], problems: &mut Problems) -> Option<Fields<'a>> {
        let Value::Map(entries) = &self.node.value else {
            let found = self.found();
            self.refuse(problems, format!("expected a mapping of {}, found {found}", list(known)));
            return None;
        };
        let fields = Fields { entries, field: self.field.clone(), line: self.line };
        for (index, (key, _)) in entries.iter().enumerate() {
            let at = fields.key(index).located(());
            let first = entries.iter().position(|(other, _)| other.value == key.value);
            if let Some(first) = first.filter(|&first| first < index) {
                let line = fields.key(first).line;
                problems.refuse(&at, format!("given twice; it is also on line {line}"));
            } else if !known.contains(&key.value.as_str()) {
                problems.refuse(&at, unknown("key", &key.value, known));
            }
        }
        Some(fields)
    }

    /// Every entry of the mapping here, whatever its key; repeated keys are reported.
    pub(super) fn entries(&self, what: &str, problems: &mut Problems) -> Vec<(&'a str, Self)> {
        let Value::Map(entries) = &self.node.value else {
            self.refuse(problems, format!("expected {what}, found {}", self.found()));
            return Vec::new();
        };
        let names: Vec<&str> = entries.iter().map(|(key, _)| key.value.as_str()).collect();
        let fields = self.fields(&names, problems);
        let fields = fields.iter();
        fields
            .flat_map(|fields| names.iter().enumerate().map(|(i, n)| (*n, fields.key(i))))
            .collect()
    }

    /// The items of the list here, at most `max` of them.
    pub(super) fn items(
        &self,
        what: &str,
        max: usize,
        problems: &mut Problems,
    ) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else {
            self.refuse(problems, format!("expected a list of {what}, found {}", self.found()));
            return None;
        };
        if items.len() > max {
            let count = items.len();
            self.refuse(problems, format!("{count} {what} are too many; allowed: up to {max}"));
        }
        let items = items.iter().take(max).enumerate().map(|(index, node)| Self {
            node,
            field: format!("{}[{index}]", self.field),
            line: node.referenced.line().max(1),
        });
        Some(items.collect())
    }

    /// The text here, turned into a value by `parse`, whose error says what is allowed.
    pub(super) fn parse<T>(
        &self,
        problems: &mut Problems,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Located<T>> {
        let parsed = match &self.node.value {
            Value::Text(text) => parse(text),
            // An unquoted account number or port is an integer to YAML.
            Value::Int(number) => parse(&number.to_string()),
            _ => Err(format!("expected text, found {}", self.found())),
        };
        match parsed {
            Ok(value) => Some(self.located(value)),
            Err(message) => {
                self.refuse(problems, message);
                None
            }
        }
    }

    /// The whole number here, `min` to `max`.
    pub(super) fn number(
        &self,
        min: u64,
        max: u64,
        problems: &mut Problems,
    ) -> Option<Located<u64>> {
        if let Value::Int(number) = &self.node.value
            && let Ok(number) = u64::try_from(*number)
            && (min..=max).contains(&number)
        {
            return Some(self.located(number));
        }
        let found = self.found();
        self.refuse(
            problems,
            format!("expected a whole number from {min} to {max}, found {found}"),
        );
        None
    }

    /// The truth value here.
    pub(super) fn truth(&self, problems: &mut Problems) -> Option<Located<bool>> {
        if let Value::Bool(value) = self.node.value {
            return Some(self.located(value));
        }
        self.refuse(problems, format!("expected true or false, found {}", self.found()));
        None
    }

    /// What is here, in words, for "expected …, found …".
    fn found(&self) -> String {
        match &self.node.value {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the truth value {value}"),
            Value::Int(value) => value.to_string(),
            Value::Float(value) => format!("the number {value}; put text in quotes"),
            Value::Text(text) => quoted(text),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

impl<'a> Fields<'a> {
    /// The value of `key`, reported as missing if it is not there.
    pub(super) fn required(&self, key: &str, problems: &mut Problems) -> Option<Cursor<'a>> {
        let found = self.optional(key);
        if found.is_none() {
            let at = Located { value: (), line: self.line, field: join(&self.field, key) };
            problems.refuse(&at, "missing; this key is required");
        }
        found
    }

    /// The value of `key`, if it is there.
    pub(super) fn optional(&self, key: &str) -> Option<Cursor<'a>> {
        let index = self.entries.iter().position(|(name, _)| name.value == key)?;
        Some(self.key(index))
    }

    /// The value at `index`, placed at its key's line: there the reader looks for it.
    fn key(&self, index: usize) -> Cursor<'a> {
        let (key, node) = &self.entries[index];
        Cursor {
            node,
            field: join(&self.field, &shortened(&key.value)),
            line: key.referenced.line().max(1),
        }
    }
}

/// Says that `name` is none of the `known` ones, which it lists.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let known_names = list(known);
    match suggest::nearest(name, known.iter().copied()) {
        Some(near) => format!("unknown {what}, did you mean {near}? Allowed here: {known_names}"),
        None => format!("unknown {what}; allowed here: {known_names}"),
    }
}

/// `a, b, c`.
pub(super) fn list(words: &[&str]) -> String {
    words.join(", ")
}

/// The user's text in quotes, escaped and of bounded length, safe to print to a terminal.
pub(super) fn quoted(text: &str) -> String {
    format!("{:?}", shortened(text))
}

fn shortened(text: &str) -> String {
    const MAX: usize = 60;
    if text.chars().count() <= MAX && !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    let printable = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut short: String = printable.take(MAX).collect();
    if text.chars().count() > MAX {
        short.push('…');
    }
    short
}

fn join(field: &str, key: &str) -> String {
    if field.is_empty() { key.to_owned() } else { format!("{field}.{key}") }
}
