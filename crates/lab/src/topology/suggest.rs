//! "Did you mean": the known word nearest to a mistyped one.

/// The candidate nearest to `word`, if near enough to be a plausible slip: at most two edits and
/// at most a third of the word's length (one edit for short words).
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 2);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= allowed * 4)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(edits, _)| edits <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits between two words, regardless of case: insertions, deletions, replacements and swaps of
/// neighbours (Damerau–Levenshtein, optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut current = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = previous[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            current[j] = best;
        }
        before = previous;
        previous = current;
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_seen_through_and_a_different_word_is_not() {
        let types = ["m5.large", "m5.xlarge", "t3.small"];
        assert_eq!(nearest("m5.lrge", types), Some("m5.large"));
        assert_eq!(nearest("M5.LARGE", types), Some("m5.large"));
        assert_eq!(nearest("t3.smlal", types), Some("t3.small"));
        assert_eq!(nearest("t2.micro", types), None);
        assert_eq!(nearest("", types), None);
    }

    #[test]
    fn distance_counts_each_kind_of_edit_once() {
        for (a, b, edits) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("abc", "acb", 1),
            ("abc", "abd", 1),
            ("ab", "b", 1),
        ] {
            assert_eq!(distance(a, b), edits, "{a} → {b}");
        }
    }
}
