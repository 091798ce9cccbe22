//! The actions: GetCallerIdentity and AssumeRole.

use vpc::AccountId;

use super::answers::{StsError, result};
use crate::state::{Lab, Principal, iso8601_seconds};

pub(super) type Handler =
    fn(&Lab, &Principal, &[(String, String)], &str) -> Result<String, StsError>;

/// Seconds a session may last, and lasts when not said (AWS STS API reference, AssumeRole).
const DURATION: std::ops::RangeInclusive<i64> = 900..=43_200;
const DEFAULT_DURATION: i64 = 3600;
/// The longest session of a role assumed by another role's session: an hour.
const CHAINED_DURATION: i64 = 3600;

/// The action of this name.
pub(super) fn find(name: &str) -> Option<(&'static str, Handler)> {
    let all: [(&'static str, Handler); 2] =
        [("GetCallerIdentity", get_caller_identity), ("AssumeRole", assume_role)];
    all.into_iter().find(|(known, _)| *known == name)
}

fn get_caller_identity(
    lab: &Lab,
    caller: &Principal,
    _: &[(String, String)],
    request_id: &str,
) -> Result<String, StsError> {
    let fields = [
        ("Arn", caller.arn.as_str()),
        ("UserId", &user_id(lab, &caller.arn)),
        ("Account", caller.account.as_str()),
    ];
    Ok(result("GetCallerIdentity", request_id, &[("", &fields)]))
}

/// Every caller may assume every role but the nodes': the lab has no policies. The nodes' role
/// trusts EC2 only, as the role of an instance profile does; a session of it says which instance
/// its holder is.
fn assume_role(
    lab: &Lab,
    caller: &Principal,
    parameters: &[(String, String)],
    request_id: &str,
) -> Result<String, StsError> {
    let (mut role, mut session, mut duration) = (None, None, None);
    for (name, value) in parameters {
        match name.as_str() {
            "RoleArn" => role = Some(value),
            "RoleSessionName" => session = Some(value),
            "DurationSeconds" => duration = Some(value),
            "Action" | "Version" | "ExternalId" => {}
            other => {
                return Err(StsError::validation(format!("{other} is not supported by the lab")));
            }
        }
    }
    let role_arn = role.ok_or_else(|| null("roleArn"))?;
    let (account, role) = parse_role(role_arn)
        .ok_or_else(|| StsError::validation(format!("{role_arn} is invalid")))?;
    if account == lab.account && lab.instance_role.as_deref() == Some(role) {
        return Err(StsError::access_denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            caller.arn
        )));
    }
    let session = session.ok_or_else(|| null("roleSessionName"))?;
    if !is_session_name(session) {
        return Err(StsError::validation(format!(
            "1 validation error detected: Value '{session}' at 'roleSessionName' failed to satisfy \
             constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]* and have 2 to 64 characters"
        )));
    }
    let seconds = duration_of(duration.map(String::as_str), caller)?;
    let key = lab.credentials.assume_role(&account, role, session, lab.now(), seconds * 1000);
    let expires = key.expires.map(iso8601_seconds).unwrap_or_default();
    let arn = key.principal.arn.as_str();
    let credentials = [
        ("AccessKeyId", key.id.as_str()),
        ("SecretAccessKey", &key.secret),
        ("SessionToken", key.session_token.as_deref().unwrap_or_default()),
        ("Expiration", &expires),
    ];
    let role_id = user_id(lab, arn);
    let user = [("AssumedRoleId", role_id.as_str()), ("Arn", arn)];
    Ok(result(
        "AssumeRole",
        request_id,
        &[("Credentials", &credentials), ("AssumedRoleUser", &user)],
    ))
}

fn duration_of(text: Option<&str>, caller: &Principal) -> Result<i64, StsError> {
    let Some(text) = text else { return Ok(DEFAULT_DURATION) };
    let seconds = text.parse().ok().filter(|seconds| DURATION.contains(seconds));
    let seconds = seconds.ok_or_else(|| {
        StsError::validation(format!(
            "1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy \
             constraint: Member must have value from {} to {}",
            DURATION.start(),
            DURATION.end()
        ))
    })?;
    if caller.arn.contains(":assumed-role/") && seconds > CHAINED_DURATION {
        return Err(StsError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining",
        ));
    }
    Ok(seconds)
}

fn null(member: &str) -> StsError {
    StsError::validation(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
         Member must not be null"
    ))
}

/// `arn:aws:iam::111122223333:role/path/name`: the account and the name.
fn parse_role(arn: &str) -> Option<(AccountId, &str)> {
    let (account, path) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let name = path.rsplit('/').next()?;
    ((1..=64).contains(&name.len()) && name.chars().all(is_name_character))
        .then_some((account.parse().ok()?, name))
}

fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len()) && text.chars().all(is_name_character)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// The unique id of a user (`AIDA…`), or of a role and its session (`AROA…:session`), always the
/// same in one lab (IAM user guide, "IAM identifiers").
pub(crate) fn user_id(lab: &Lab, arn: &str) -> String {
    let id = |prefix: &str, of: &str| {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let bits = lab.secret.derive("unique-id", &[of.as_bytes()]);
        let rest = bits.iter().take(17).map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        prefix.chars().chain(rest).collect::<String>()
    };
    match arn.rsplit_once('/') {
        Some((role, session)) if arn.contains(":assumed-role/") => {
            format!("{}:{session}", id("AROA", role))
        }
        _ => id("AIDA", arn),
    }
}
