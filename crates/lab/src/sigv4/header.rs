//! The headers that carry a signature.

use http::HeaderMap;

use super::{Rejection, Scope};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The `Authorization` header, taken apart.
#[derive(Debug)]
pub(super) struct Authorization {
    pub(super) credential: Credential,
    /// Lower-case names in the order the client signed them.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: Vec<u8>,
}

/// `AKID/20261123/us-west-2/ec2/aws4_request`.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) key_id: String,
    date: String,
    region: String,
    service: String,
}

/// When the client says it signed.
#[derive(Debug)]
pub(super) struct SigningTime {
    /// `20261123T114000Z`.
    pub(super) text: String,
    /// Since the Unix epoch.
    pub(super) millisecond: i64,
}

impl Authorization {
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, Rejection> {
        let value = headers.get(http::header::AUTHORIZATION).ok_or(Rejection::NotSigned)?;
        let value = value.to_str().map_err(|_| incomplete("Authorization header is not ASCII"))?;
        let fields = value.strip_prefix(ALGORITHM).ok_or_else(|| {
            incomplete("Authorization header does not begin with AWS4-HMAC-SHA256")
        })?;
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for field in fields.split(',') {
            match field.trim().split_once('=') {
                Some(("Credential", text)) => credential = Some(text),
                Some(("SignedHeaders", text)) => signed = Some(text),
                Some(("Signature", text)) => signature = Some(text),
                _ => return Err(incomplete("Authorization header has a part that is not known")),
            }
        }
        let missing =
            |name| incomplete(&format!("Authorization header requires '{name}' parameter"));
        let signature = signature.ok_or_else(|| missing("Signature"))?;
        Ok(Self {
            credential: Credential::parse(credential.ok_or_else(|| missing("Credential"))?)?,
            signed_headers: signed
                .ok_or_else(|| missing("SignedHeaders"))?
                .split(';')
                .map(str::to_ascii_lowercase)
                .collect(),
            signature: from_hex(signature).ok_or(Rejection::SignatureMismatch)?,
        })
    }

    /// The host and everything AWS reads must be covered by the signature.
    pub(super) fn require_signed(&self, headers: &HeaderMap) -> Result<(), Rejection> {
        let covers = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        if !covers("host") {
            return Err(incomplete("'host' must be a signed header"));
        }
        match headers
            .keys()
            .find(|name| name.as_str().starts_with("x-amz-") && !covers(name.as_str()))
        {
            Some(name) => Err(incomplete(&format!("'{name}' must be a signed header"))),
            None => Ok(()),
        }
    }
}

impl Credential {
    pub(super) fn parse(text: &str) -> Result<Self, Rejection> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [key_id, date, region, service, "aws4_request"] if !key_id.is_empty() => Ok(Self {
                key_id: key_id.to_owned(),
                date: date.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            }),
            _ => Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements, \
                 KEYID/DATE/REGION/SERVICE/aws4_request",
            )),
        }
    }

    /// What the signing key is derived through.
    pub(super) fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    pub(super) fn require_scope(&self, scope: Scope<'_>, time: &str) -> Result<(), Rejection> {
        let problem = if self.region != scope.region {
            format!("Credential should be scoped to a valid region, not '{}'.", self.region)
        } else if self.service != scope.service {
            format!("Credential should be scoped to correct service: '{}'.", scope.service)
        } else if !time.starts_with(&self.date) || self.date.len() != 8 {
            format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: {time}"
            )
        } else {
            return Ok(());
        };
        Err(Rejection::WrongScope { problem })
    }
}

/// From `x-amz-date`, else `date`, both as `20261123T114000Z`.
pub(super) fn signing_time(headers: &HeaderMap) -> Result<SigningTime, Rejection> {
    let value = headers.get("x-amz-date").or_else(|| headers.get(http::header::DATE));
    let value = value.ok_or_else(|| {
        incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header",
        )
    })?;
    parse_time(value.to_str().unwrap_or_default())
}

pub(super) fn parse_time(text: &str) -> Result<SigningTime, Rejection> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .and_then(|at| at.to_zoned(jiff::tz::TimeZone::UTC))
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'"))?;
    Ok(SigningTime { text: text.to_owned(), millisecond: at.timestamp().as_millisecond() })
}

pub(super) fn incomplete(problem: &str) -> Rejection {
    Rejection::Incomplete { problem: problem.to_owned() }
}

pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}
