//! Whatever the text is: an answer, never a panic, and every problem has a line of the file.

use proptest::prelude::*;

use crate::topology::{DEFAULT_YAML, Topology, TopologyError};

/// Reads `text` and holds what must be true of every answer.
fn check(text: &str) {
    let lines = u64::try_from(text.lines().count()).expect("few lines");
    match Topology::from_yaml(text) {
        Ok(lab) => {
            let mut pods: Vec<_> = lab.pods().map(|p| (p.namespace, p.name)).collect();
            let count = pods.len();
            pods.sort();
            pods.dedup();
            assert_eq!(pods.len(), count, "pod names are unique");
            assert!(lab.pods.iter().all(|set| lab.node(&set.node).is_some()));
            assert!(lab.nodes.iter().all(|node| lab.subnet(&node.subnet).is_some()));
            assert!(lab.subnets.iter().all(|subnet| lab.vpc.cidr.contains(&subnet.cidr)));
        }
        Err(TopologyError::Invalid { problems, .. }) => {
            assert!(!problems.is_empty(), "a refusal says why");
            for problem in problems {
                assert!((1..=lines + 1).contains(&problem.line), "{problem}");
                assert!(!problem.message.contains('\n'), "{problem}");
            }
        }
        Err(other) => panic!("{other}"),
    }
}

/// Pieces that mean something to YAML or to the format.
fn piece() -> impl Strategy<Value = String> {
    let tokens = [
        "\n",
        "  ",
        "- ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "<<: ",
        "---\n",
        "...\n",
        "|\n",
        "#",
        "\"",
        "'",
        "!!str ",
        "!x ",
        "~",
        "null",
        "true",
        "-1",
        "0",
        "1e999",
        ".nan",
        "0x1f",
        "99999999999999999999",
        "10.10.1.0/24",
        "255.255.255.255/32",
        "0.0.0.0/0",
        "node-1",
        "nodes-a",
        "m5.large",
        "count: ",
        "name: ",
        "pods:\n",
        "\t",
        "\u{0}",
        "\u{feff}",
        "\u{202e}",
        "é",
        "\r\n",
        "%YAML 1.1\n",
        "? ",
        "@",
        "`",
    ];
    prop_oneof![
        4 => proptest::sample::select(tokens.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// One edit at a place given in thousandths of the text.
#[derive(Clone, Debug)]
enum Edit {
    Insert(usize, String),
    Delete(usize, usize),
    Copy(usize, usize, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0..1000_usize, piece()).prop_map(|(at, text)| Edit::Insert(at, text)),
        (0..1000_usize, 1..60_usize).prop_map(|(at, length)| Edit::Delete(at, length)),
        (0..1000_usize, 1..200_usize, 0..1000_usize)
            .prop_map(|(from, length, to)| Edit::Copy(from, length, to)),
    ]
}

fn apply(text: &str, edit: &Edit) -> String {
    let chars: Vec<char> = text.chars().collect();
    let place = |thousandths: usize| thousandths * chars.len() / 1000;
    let span = |at: usize, length: usize| (at, (at + length).min(chars.len()));
    let splice = |at: usize, end: usize, new: &[char]| {
        [&chars[..at], new, &chars[end..]].concat().into_iter().collect()
    };
    match edit {
        Edit::Insert(at, new) => {
            let new: Vec<char> = new.chars().collect();
            splice(place(*at), place(*at), &new)
        }
        Edit::Delete(at, length) => {
            let (at, end) = span(place(*at), *length);
            splice(at, end, &[])
        }
        Edit::Copy(from, length, to) => {
            let (from, end) = span(place(*from), *length);
            splice(place(*to), place(*to), &chars[from..end])
        }
    }
}

/// The default file without its comments, where edits hit something more often.
fn bare() -> String {
    let lines = DEFAULT_YAML.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.filter(|line| !line.is_empty()).map(|line| format!("{line}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edited_file_is_answered(edits in proptest::collection::vec(edit(), 1..6)) {
        check(&edits.iter().fold(bare(), |text, edit| apply(&text, edit)));
    }

    #[test]
    fn a_heap_of_pieces_is_answered(pieces in proptest::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }
}

#[test]
fn bombs_are_refused_at_their_bounds() {
    let laughs: String = (b'b'..=b'i')
        .map(|name| {
            let (name, before) = (char::from(name), char::from(name - 1));
            format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(", "))
        })
        .collect();
    for (what, text) in [
        ("billion laughs", format!("a: &a [ha]\n{laughs}")),
        ("deep flow", "[".repeat(100_000)),
        ("deep block", (0..2_000).map(|depth| format!("{}-\n", " ".repeat(depth % 100))).collect()),
        ("many items", format!("subnets: [{}]", "a, ".repeat(60_000))),
        ("many keys", (0..20_000).map(|key| format!("k{key}: 1\n")).collect()),
        ("long", format!("name: {}", "a".repeat(1 << 20))),
        ("recursion", "nodes: &a [*a]".to_owned()),
        ("no bytes", String::new()),
    ] {
        assert!(Topology::from_yaml(&text).is_err(), "{what}");
        check(&text);
    }
}
