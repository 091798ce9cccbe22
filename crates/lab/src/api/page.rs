//! `MaxResults` and `NextToken` of Describe calls.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::error::ApiError;
use crate::state::Secret;

const PURPOSE: &str = "next-token";

/// What a Describe call says about paging.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paging<'a> {
    /// The request's `MaxResults`.
    pub(super) max_results: Option<u32>,
    /// The request's `NextToken`.
    pub(super) next_token: Option<&'a str>,
    /// Smallest and largest `MaxResults` EC2 takes for this call.
    pub(super) bounds: (u16, u16),
    /// The size of a page when the request names none; `None` for everything.
    pub(super) default: Option<u16>,
    /// What the request selects: a token serves only the same selection by the same account.
    pub(super) selection: &'a [&'a [u8]],
    /// Keys the tokens.
    pub(super) secret: &'a Secret,
}

/// The page asked for, of `resources` in order of `key`, and the token of the next one if any.
///
/// A token names the last key shown, so pages neither repeat nor lose what stays while other
/// resources come and go.
pub(super) fn page<R>(
    resources: Vec<R>,
    key: impl Fn(&R) -> &str,
    paging: Paging<'_>,
) -> Result<(Vec<R>, Option<String>), ApiError> {
    let size = size(paging)?;
    let mut rest = match paging.next_token {
        None => resources,
        Some(token) => {
            let last = open(token, paging).ok_or_else(|| invalid_token(token))?;
            resources.into_iter().filter(|resource| key(resource) > last.as_str()).collect()
        }
    };
    let Some(size) = size.filter(|size| rest.len() > *size) else { return Ok((rest, None)) };
    rest.truncate(size);
    let token = rest.last().map(|last| seal(key(last), paging));
    Ok((rest, token))
}

fn size(paging: Paging<'_>) -> Result<Option<usize>, ApiError> {
    let (least, most) = paging.bounds;
    let Some(asked) = paging.max_results else { return Ok(paging.default.map(usize::from)) };
    let problem = match u16::try_from(asked) {
        Ok(size) if size < least => format!("Expecting a value greater than {least}."),
        Ok(size) if size <= most => return Ok(Some(usize::from(size))),
        _ => format!("Expecting a value less than {most}."),
    };
    Err(ApiError::invalid_value(format!(
        "Value ( {asked} ) for parameter maxResults is invalid. {problem}"
    )))
}

fn invalid_token(token: &str) -> ApiError {
    ApiError::invalid_value(format!(
        "Value ( {token} ) for parameter NextToken is invalid. The token is invalid."
    ))
}

fn seal(last: &str, paging: Paging<'_>) -> String {
    let code = paging.secret.derive(PURPOSE, &parts(last, paging));
    URL_SAFE.encode([code.as_slice(), last.as_bytes()].concat())
}

fn open(token: &str, paging: Paging<'_>) -> Option<String> {
    let bytes = URL_SAFE.decode(token).ok()?;
    let (code, last) = bytes.split_first_chunk::<32>()?;
    let last = std::str::from_utf8(last).ok()?;
    paging.secret.matches(PURPOSE, &parts(last, paging), code).then(|| last.to_owned())
}

fn parts<'a>(last: &'a str, paging: Paging<'a>) -> Vec<&'a [u8]> {
    std::iter::once(last.as_bytes()).chain(paging.selection.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        count: usize,
        max_results: Option<u32>,
        next_token: Option<&str>,
        selection: &str,
    ) -> Result<(Vec<String>, Option<String>), ApiError> {
        let resources: Vec<String> = (0..count).map(|n| format!("r-{n:04}")).collect();
        let secret = Secret::from_bytes([3; 32]);
        let paging = Paging {
            max_results,
            next_token,
            bounds: (5, 1000),
            default: None,
            selection: &[selection.as_bytes()],
            secret: &secret,
        };
        page(resources, |r| r.as_str(), paging)
    }

    #[test]
    fn pages_cover_everything_once() {
        let (mut seen, mut token, mut pages) = (Vec::new(), None, 0);
        loop {
            let (page, next) = check(12, Some(5), token.as_deref(), "s").unwrap();
            seen.extend(page);
            pages += 1;
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), pages), (12, 3));
        assert!(seen.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_full_last_page_has_no_token() {
        assert_eq!(check(5, Some(5), None, "s").unwrap().1, None);
        assert_eq!(check(12, None, None, "s").unwrap().0.len(), 12);
    }

    #[test]
    fn bounds() {
        for (value, problem) in [
            (0, "greater than 5"),
            (4, "greater than 5"),
            (1001, "less than 1000"),
            (u32::MAX, "less than 1000"),
        ] {
            let error = check(12, Some(value), None, "s").unwrap_err();
            assert_eq!(error.code, "InvalidParameterValue");
            assert_eq!(
                error.message,
                format!(
                    "Value ( {value} ) for parameter maxResults is invalid. \
                     Expecting a value {problem}."
                )
            );
        }
        assert!(check(12, Some(1000), None, "s").is_ok());
    }

    #[test]
    fn a_token_serves_only_the_selection_it_was_made_for() {
        let token = check(12, Some(5), None, "s").unwrap().1.unwrap();
        assert!(check(12, Some(5), Some(&token), "s").is_ok());
        for (token, selection) in [(token.as_str(), "other"), ("", "s"), ("bm9uc2Vuc2U=", "s")] {
            let error = check(12, Some(5), Some(token), selection).unwrap_err();
            assert_eq!(error.code, "InvalidParameterValue");
            assert_eq!(
                error.message,
                format!(
                    "Value ( {token} ) for parameter NextToken is invalid. The token is invalid."
                )
            );
        }
    }
}
