//! STS's answers, good and bad, as XML.

use std::fmt::Write as _;

use http::StatusCode;

use super::VERSION;
use crate::sigv4::Rejection;

/// What STS answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StsError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl StsError {
    fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    /// A parameter's value is missing or not allowed.
    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::bad_request("ValidationError", message)
    }

    /// The role does not trust the caller.
    pub(super) fn access_denied(message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code: "AccessDenied", message: message.into() }
    }

    pub(super) fn invalid_action(action: &str) -> Self {
        let message = format!("Could not find operation {action} for version {VERSION}");
        Self::bad_request("InvalidAction", message)
    }

    /// Not a request at all.
    #[expect(clippy::needless_pass_by_value, reason = "the form map_err asks for")]
    pub(super) fn malformed(error: ec2_query::FormError) -> Self {
        Self::bad_request("MalformedQueryString", error.to_string())
    }

    pub(super) fn to_xml(&self, request_id: &str) -> String {
        let mut xml = format!("<ErrorResponse xmlns=\"{}\"><Error>", namespace());
        element(&mut xml, "Type", "Sender");
        element(&mut xml, "Code", self.code);
        element(&mut xml, "Message", &self.message);
        xml.push_str("</Error>");
        element(&mut xml, "RequestId", request_id);
        xml.push_str("</ErrorResponse>");
        xml
    }
}

/// The words of STS, which differ from EC2's.
impl From<Rejection> for StsError {
    fn from(rejection: Rejection) -> Self {
        let (code, message) = match rejection {
            Rejection::UnknownKey | Rejection::WrongSessionToken => (
                "InvalidClientTokenId",
                "The security token included in the request is invalid.".to_owned(),
            ),
            Rejection::SessionEnded => {
                ("ExpiredToken", "The security token included in the request is expired".to_owned())
            }
            Rejection::Expired => {
                ("SignatureDoesNotMatch", "Signature expired or not yet current".to_owned())
            }
            other => {
                let (status, code, message) = other.answer();
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
                return Self { status, code, message };
            }
        };
        Self { status: StatusCode::FORBIDDEN, code, message }
    }
}

/// `<ActionResponse>` around the fields of its result, each in its group; `""` is no group.
pub(super) fn result(action: &str, request_id: &str, groups: &[(&str, &[(&str, &str)])]) -> String {
    let mut xml = format!("<{action}Response xmlns=\"{}\"><{action}Result>", namespace());
    for (group, fields) in groups {
        if !group.is_empty() {
            let _ = write!(xml, "<{group}>");
        }
        for (name, value) in *fields {
            element(&mut xml, name, value);
        }
        if !group.is_empty() {
            let _ = write!(xml, "</{group}>");
        }
    }
    let _ = write!(xml, "</{action}Result><ResponseMetadata>");
    element(&mut xml, "RequestId", request_id);
    let _ = write!(xml, "</ResponseMetadata></{action}Response>");
    xml
}

fn namespace() -> String {
    format!("https://sts.amazonaws.com/doc/{VERSION}/")
}

fn element(xml: &mut String, name: &str, text: &str) {
    let _ = write!(xml, "<{name}>");
    for character in text.chars() {
        match character {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            // XML 1.0 has no way to write the other control characters.
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => xml.push('\u{fffd}'),
            c => xml.push(c),
        }
    }
    let _ = write!(xml, "</{name}>");
}
