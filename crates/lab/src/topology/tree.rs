//! YAML text → nodes that know their line, within fixed bounds.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Error, Spanned};

use super::fields::Problems;

/// Longest file read, in bytes. The largest lab that the other bounds allow is far shorter.
pub(super) const MAX_BYTES: usize = 256 * 1024;
const MAX_NODES: usize = 20_000;
const MAX_DEPTH: usize = 16;
const MAX_ALIASES: usize = 1_000;

/// A YAML node and the place where the file uses it (for an alias: the alias, not the anchor).
pub(super) type Node = Spanned<Value>;

/// A YAML value. Numbers keep what the text says: only plain decimal integers are [`Value::Int`].
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

/// The root node of `text`, or a problem naming the line where the text stops being YAML.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Option<Node> {
    if text.len() > MAX_BYTES {
        problems.whole_file(1, format!("the file is longer than {MAX_BYTES} bytes"));
        return None;
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_recorded_anchor_events: 4 * MAX_NODES,
            max_recorded_anchor_bytes: MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 4 * MAX_NODES,
            max_replay_stack_depth: MAX_DEPTH,
        },
        // Repeated keys are reported together with all other problems.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // `yes` and `on` are words, and 010 or 1_000 are not quietly other numbers.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(root) => Some(root),
        Err(error) => {
            let line = error.location().map_or(1, |location| location.line().max(1));
            problems.whole_file(line, plain_message(&error));
            None
        }
    }
}

/// The parser's own words without its position, which precedes them in ours.
fn plain_message(error: &Error) -> String {
    match error {
        Error::MultipleDocuments { .. } => {
            return "a second YAML document starts here; a topology file holds one".to_owned();
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            return "this alias is inside of what it stands for; write the value out".to_owned();
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            return format!(
                "too much for a topology file; allowed: {MAX_NODES} values, {MAX_DEPTH} levels, \
                 {MAX_ALIASES} aliases"
            );
        }
        _ => {}
    }
    let message = error.to_string();
    let position = error
        .location()
        .map(|at| format!(" at line {}, column {}", at.line(), at.column()))
        .unwrap_or_default();
    let message = message.strip_suffix(&position).unwrap_or(&message);
    format!("not readable as YAML: {message}")
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Value::Map(map))
    }
}
