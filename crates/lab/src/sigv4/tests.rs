//! AWS's published examples, requests signed by botocore, and each way to be refused.

use http::{HeaderMap, HeaderName, HeaderValue};
use vpc::Timestamp;

use super::{Rejection, Scope, SignedRequest, verify};
use crate::state::{AccessKey, Credentials, Principal, Secret};

const KEY_ID: &str = "AKIDEXAMPLE";
const AUTHORIZATION: &str = "authorization";

/// A request with everything that decides whether it is accepted; tests change one thing each.
struct Case {
    method: &'static str,
    query: &'static str,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
    scope: Scope<'static>,
    now: &'static str,
    session_token: Option<&'static str>,
    expires: Option<&'static str>,
}

impl Case {
    fn check(&self) -> Result<Principal, Rejection> {
        let keys = Credentials::new(Secret::from_bytes([7; 32]));
        keys.add(AccessKey {
            id: KEY_ID.into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: self.session_token.map(Into::into),
            issued: None,
            expires: self.expires.map(at),
            principal: principal(),
        });
        let headers: HeaderMap = self
            .headers
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let request = SignedRequest {
            method: self.method,
            path: "/",
            query: self.query,
            headers: &headers,
            body: self.body.as_bytes(),
        };
        verify(&request, &keys, self.scope, at(self.now))
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.headers.retain(|(existing, _)| *existing != name);
        self.headers.push((name, value.to_owned()));
    }

    fn edit_authorization(&mut self, from: &str, to: &str) {
        let (_, value) = self.headers.iter_mut().find(|(name, _)| *name == AUTHORIZATION).unwrap();
        assert!(value.contains(from), "{value} has no {from}");
        *value = value.replace(from, to);
    }
}

fn principal() -> Principal {
    Principal {
        account: "111122223333".parse().unwrap(),
        arn: "arn:aws:iam::111122223333:user/example".into(),
    }
}

fn at(text: &str) -> Timestamp {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).unwrap();
    Timestamp(at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond())
}

fn authorization(scope: &str, signed: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={KEY_ID}/{scope}/aws4_request, \
         SignedHeaders={signed}, Signature={signature}"
    )
}

/// One of AWS's test-suite requests: all at the same time, Region and service.
fn published(
    method: &'static str,
    body: &'static str,
    query: &'static str,
    content_type: Option<&str>,
    signature: &str,
) -> Case {
    let signed =
        if content_type.is_some() { "content-type;host;x-amz-date" } else { "host;x-amz-date" };
    let mut headers = vec![
        ("host", "example.amazonaws.com".to_owned()),
        ("x-amz-date", "20150830T123600Z".to_owned()),
        (AUTHORIZATION, authorization("20150830/us-east-1/service", signed, signature)),
    ];
    headers.extend(content_type.map(|value| ("content-type", value.to_owned())));
    Case {
        method,
        query,
        headers,
        body,
        scope: Scope { region: "us-east-1", service: "service" },
        now: "20150830T123600Z",
        session_token: None,
        expires: None,
    }
}

/// A DescribeVpcs call with a session token, as botocore 1.43 signs it.
fn botocore() -> Case {
    Case {
        method: "POST",
        query: "",
        headers: vec![
            ("host", "127.0.0.1:4566".into()),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8".into()),
            ("user-agent", "Boto3/1".into()),
            ("x-amz-date", "20261123T114000Z".into()),
            ("x-amz-security-token", "the/session+token==".into()),
            (
                AUTHORIZATION,
                authorization(
                    "20261123/us-west-2/ec2",
                    "content-type;host;x-amz-date;x-amz-security-token",
                    "5b5e5d85236d7e4ed53d1c5e9b44201a26355b5e3ec850875c5d65f37dc3cfe2",
                ),
            ),
        ],
        body: "Action=DescribeVpcs&Version=2016-11-15",
        scope: Scope { region: "us-west-2", service: "ec2" },
        now: "20261123T114200Z",
        session_token: Some("the/session+token=="),
        expires: Some("20261123T174000Z"),
    }
}

/// The rejection's code, after checking that it is one.
fn code(case: &Case) -> &'static str {
    case.check().unwrap_err().answer().1
}

#[test]
fn accepts_the_published_examples() {
    let form = Some("application/x-www-form-urlencoded");
    let cases = [
        published(
            "GET",
            "",
            "",
            None,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        published(
            "POST",
            "",
            "",
            None,
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        published(
            "POST",
            "Param1=value1",
            "",
            form,
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        published(
            "GET",
            "",
            "Param2=value2&Param1=value1",
            None,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ];
    for case in cases {
        assert_eq!(case.check(), Ok(principal()));
    }
}

#[test]
fn accepts_the_documentations_list_users_request() {
    let mut case = published(
        "GET",
        "",
        "Action=ListUsers&Version=2010-05-08",
        Some("application/x-www-form-urlencoded; charset=utf-8"),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    case.scope.service = "iam";
    case.set("host", "iam.amazonaws.com");
    case.edit_authorization("/service/", "/iam/");
    assert_eq!(case.check(), Ok(principal()));
}

#[test]
fn accepts_what_botocore_signs() {
    assert_eq!(botocore().check(), Ok(principal()));
}

#[test]
fn refuses_an_unsigned_request() {
    let mut case = botocore();
    case.headers.retain(|(name, _)| *name != AUTHORIZATION);
    assert_eq!(case.check(), Err(Rejection::NotSigned));
    assert_eq!(
        Rejection::NotSigned.answer(),
        (403, "MissingAuthenticationToken", "Request is missing Authentication Token".into())
    );
}

#[test]
fn refuses_an_unknown_key() {
    let mut case = botocore();
    case.edit_authorization(KEY_ID, "AKIDOTHER");
    assert_eq!(
        case.check().unwrap_err().answer(),
        (401, "AuthFailure", "AWS was not able to validate the provided access credentials".into())
    );
}

#[test]
fn refuses_whatever_was_changed_after_signing() {
    let mut cases = [botocore(), botocore(), botocore(), botocore(), botocore()];
    cases[0].body = "Action=DescribeVpcs&Version=2016-11-16";
    cases[1].method = "PUT";
    cases[2].query = "a=b";
    cases[3].set("host", "127.0.0.1:4567");
    cases[4].edit_authorization("Signature=5b5e", "Signature=5b5f");
    for case in cases {
        let (status, code, message) = case.check().unwrap_err().answer();
        assert_eq!((status, code), (403, "SignatureDoesNotMatch"));
        assert_eq!(
            message,
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method. \
             Consult the service documentation for details."
        );
    }
}

#[test]
fn allows_five_minutes_of_skew_and_no_more() {
    let mut case = botocore();
    for now in ["20261123T113500Z", "20261123T114500Z"] {
        case.now = now;
        assert_eq!(case.check(), Ok(principal()), "at {now}");
    }
    for now in ["20261123T113459Z", "20261123T114501Z"] {
        case.now = now;
        assert_eq!(
            case.check().unwrap_err().answer(),
            (400, "RequestExpired", "Request has expired.".into()),
            "at {now}"
        );
    }
}

#[test]
fn refuses_a_session_that_has_ended() {
    let mut case = botocore();
    case.expires = Some("20261123T114201Z");
    assert_eq!(case.check(), Ok(principal()));
    case.expires = Some("20261123T114200Z");
    assert_eq!(case.check(), Err(Rejection::SessionEnded));
}

#[test]
fn refuses_a_session_token_that_is_not_the_keys() {
    let mut case = botocore();
    case.session_token = Some("another");
    assert_eq!(
        case.check().unwrap_err().answer(),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid".into()
        )
    );
    case.session_token = None;
    assert_eq!(code(&case), "InvalidClientTokenId");
    let mut case = published("GET", "", "", None, "00");
    case.session_token = Some("its own");
    assert_eq!(code(&case), "AuthFailure");
}

#[test]
fn refuses_another_region_service_or_day() {
    let mut case = botocore();
    case.scope.region = "eu-west-1";
    assert_eq!(
        case.check().unwrap_err().answer(),
        (
            403,
            "SignatureDoesNotMatch",
            "Credential should be scoped to a valid region, not 'us-west-2'.".into()
        )
    );
    let mut case = botocore();
    case.scope.service = "sts";
    assert_eq!(
        case.check().unwrap_err().answer().2,
        "Credential should be scoped to correct service: 'sts'."
    );
    let mut case = botocore();
    case.edit_authorization("/20261123/", "/20261122/");
    assert!(matches!(case.check(), Err(Rejection::WrongScope { .. })));
}

#[test]
fn refuses_what_a_signature_must_not_lack() {
    let mut cases: Vec<Case> = (0..6).map(|_| botocore()).collect();
    cases[0].edit_authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1");
    cases[1].edit_authorization(", Signature=", ", Nothing=");
    cases[2].edit_authorization("content-type;host;", "content-type;");
    cases[3].edit_authorization(";x-amz-security-token", "");
    cases[4].headers.retain(|(name, _)| *name != "x-amz-date");
    cases[5].set("x-amz-date", "Mon, 23 Nov 2026 11:40:00 GMT");
    for case in cases {
        let (status, code, _) = case.check().unwrap_err().answer();
        assert_eq!((status, code), (400, "IncompleteSignature"), "{:?}", case.headers);
    }
}

#[test]
fn hostile_headers_do_not_panic() {
    for value in ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 =,=;", "AWS4-HMAC-SHA256 Credential=////"] {
        let mut case = botocore();
        case.set(AUTHORIZATION, value);
        assert_eq!(code(&case), "IncompleteSignature");
    }
    let mut case = botocore();
    case.edit_authorization("Signature=5b", "Signature=ä");
    assert!(case.check().is_err());
}

#[test]
fn presigned_urls_are_good_for_as_long_as_they_ask() {
    let keys = Credentials::new(Secret::from_bytes([7; 32]));
    let key = keys.add_user(&principal().account, "example");
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("ec2.us-west-2.amazonaws.com"));
    headers.insert("x-more", HeaderValue::from_static("1"));
    let asked = SignedRequest {
        method: "GET",
        path: "/",
        query: "Action=DescribeVpcs&Version=2016-11-15",
        headers: &headers,
        body: b"",
    };
    let scope = Scope { region: "us-west-2", service: "ec2" };
    let query = super::presign(&asked, &key, ("us-west-2", "ec2"), "20261123T114000Z", 60);
    let check = |query: &str, now| {
        verify(&SignedRequest { query, ..asked }, &keys, scope, at(now)).map(drop)
    };
    assert_eq!(check(&query, "20261123T114100Z"), Ok(()));
    assert_eq!(check(&query, "20261123T114101Z"), Err(Rejection::Expired));
    let now = "20261123T114000Z";
    let longer = query.replace("X-Amz-Expires=60", "X-Amz-Expires=600");
    assert_eq!(check(&longer, now), Err(Rejection::SignatureMismatch));
    let fewer = query.replace("%3Bx-more", "");
    assert_eq!(check(&fewer, now), Err(Rejection::SignatureMismatch));
    for broken in ["X-Amz-Expires=0", "X-Amz-Expires=604801", "X-Amz-Expires=x", "X-Other=60"] {
        let query = query.replace("X-Amz-Expires=60", broken);
        assert!(matches!(check(&query, now), Err(Rejection::Incomplete { .. })), "{broken}");
    }
    let unsigned = query.split_once("&X-Amz-Signature").unwrap().0;
    assert_eq!(check(unsigned, now), Err(Rejection::NotSigned));
}
