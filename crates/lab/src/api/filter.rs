//! The `Filter.N` parameters of Describe calls.

use ec2_query::Filter;

use super::error::ApiError;

/// EC2 takes this many filter values in one call.
const MAX_VALUES: usize = 200;

/// Something filters select.
pub(super) trait Filtered {
    /// The values that the filter called `name` compares with: none when this resource lacks the
    /// attribute, `None` when EC2 documents no such filter for this kind of resource.
    fn attribute(&self, name: &str) -> Option<Vec<String>>;

    /// The resource's tags, for `tag:KEY` and `tag-key`; `None` when its kind has none.
    fn tags(&self) -> Option<Vec<(&str, &str)>>;
}

/// Keeps the resources that match every filter: for each, at least one value.
///
/// # Errors
/// `InvalidParameterValue` for a filter EC2 does not document for this call, whether or not there
/// are resources; `FilterLimitExceeded` for more than 200 values.
pub(super) fn select<R: Filtered + Default>(
    resources: Vec<R>,
    filters: &[Filter],
) -> Result<Vec<R>, ApiError> {
    if filters.iter().map(|filter| filter.values.len()).sum::<usize>() > MAX_VALUES {
        return Err(ApiError::bad_request(
            "FilterLimitExceeded",
            format!(
                "The maximum number of filter values specified on a single call is {MAX_VALUES}"
            ),
        ));
    }
    // An empty resource knows which filters its kind has.
    let kind = R::default();
    if let Some(unknown) = filters.iter().find(|filter| values(&kind, &filter.name).is_none()) {
        return Err(ApiError::invalid_value(format!("The filter '{}' is invalid", unknown.name)));
    }
    Ok(resources
        .into_iter()
        .filter(|resource| filters.iter().all(|filter| matches(resource, filter)))
        .collect())
}

fn matches<R: Filtered>(resource: &R, filter: &Filter) -> bool {
    let values = values(resource, &filter.name).unwrap_or_default();
    filter.values.iter().any(|pattern| values.iter().any(|value| glob(pattern, value)))
}

fn values<R: Filtered>(resource: &R, name: &str) -> Option<Vec<String>> {
    if let Some(key) = name.strip_prefix("tag:") {
        let tags = resource.tags()?.into_iter().filter(|(k, _)| *k == key);
        return Some(tags.map(|(_, value)| value.to_owned()).collect());
    }
    match name {
        "tag-key" => Some(resource.tags()?.into_iter().map(|(key, _)| key.to_owned()).collect()),
        _ => resource.attribute(name),
    }
}

/// `*` stands for any characters, `?` for one; a backslash takes away a wildcard's meaning.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern = parse(pattern);
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to resume after the last `*`, should the rest not fit: linear space, no recursion.
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Any) => {
                p += 1;
                resume = Some((p, t));
            }
            Some(Piece::One) => (p, t) = (p + 1, t + 1),
            Some(Piece::Char(c)) if *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match resume {
                Some((after, from)) => {
                    (p, t) = (after, from + 1);
                    resume = Some((after, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Any)
}

#[derive(Debug, PartialEq)]
enum Piece {
    Any,
    One,
    Char(char),
}

fn parse(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => Piece::Char(chars.next().unwrap_or('\\')),
            other => Piece::Char(other),
        });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Thing {
        size: &'static str,
        tags: Vec<(&'static str, &'static str)>,
    }

    impl Filtered for Thing {
        fn attribute(&self, name: &str) -> Option<Vec<String>> {
            match name {
                "size" => Some(vec![self.size.into()]),
                "never" => Some(vec![]),
                _ => None,
            }
        }

        fn tags(&self) -> Option<Vec<(&str, &str)>> {
            Some(self.tags.clone())
        }
    }

    fn check(filters: &[Filter]) -> Result<Vec<&'static str>, ApiError> {
        let things = vec![
            Thing { size: "small", tags: vec![("Name", "a"), ("env", "")] },
            Thing { size: "large", tags: vec![("Name", "b*")] },
        ];
        Ok(select(things, filters)?.into_iter().map(|thing| thing.size).collect())
    }

    #[test]
    fn all_filters_and_any_value_must_match() {
        assert_eq!(check(&[]).unwrap(), ["small", "large"]);
        assert_eq!(check(&[Filter::new("size", ["small", "large"])]).unwrap(), ["small", "large"]);
        let both = [Filter::new("size", ["small"]), Filter::new("tag:Name", ["b*"])];
        assert_eq!(check(&both).unwrap(), [""; 0]);
        assert_eq!(check(&[Filter::new("never", ["*"])]).unwrap(), [""; 0]);
        assert_eq!(check(&[Filter::new("size", [""; 0])]).unwrap(), [""; 0]);
    }

    #[test]
    fn tags_match_by_key_and_by_value() {
        assert_eq!(check(&[Filter::new("tag-key", ["env"])]).unwrap(), ["small"]);
        assert_eq!(check(&[Filter::new("tag:env", [""])]).unwrap(), ["small"]);
        assert_eq!(check(&[Filter::new("tag:Name", ["?"])]).unwrap(), ["small"]);
        assert_eq!(check(&[Filter::new("tag:Name", ["b\\*"])]).unwrap(), ["large"]);
        assert_eq!(check(&[Filter::new("tag:name", ["*"])]).unwrap(), [""; 0]);
    }

    #[test]
    fn an_unknown_filter_is_refused_even_with_nothing_to_filter() {
        let error = select(Vec::<Thing>::new(), &[Filter::new("colour", ["*"])]).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (400, "InvalidParameterValue"));
        assert_eq!(error.message, "The filter 'colour' is invalid");
    }

    #[test]
    fn more_than_200_values_are_refused() {
        let values = |n: usize| vec!["small"; n];
        assert!(check(&[Filter::new("size", values(200))]).is_ok());
        let over = [Filter::new("size", values(150)), Filter::new("size", values(51))];
        assert_eq!(check(&over).unwrap_err().code, "FilterLimitExceeded");
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*", "", true),
            ("**a", "ba", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("a\\?", "a?", true),
            ("\\\\", "\\", true),
            ("\\", "\\", true),
            ("ABC", "abc", false),
            ("é?", "éü", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} against {text}");
        }
    }
}
