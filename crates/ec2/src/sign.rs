//! Signature version 4 (AWS, "Signing AWS API requests").

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::Full;
use std::{error::Error, time::SystemTime};

const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The POST of `body` to `endpoint`, signed for EC2 in `region`.
///
/// Signed are the host, the date, the content type, and the session token if there is one.
pub(crate) fn signed_request(
    endpoint: &Uri,
    region: &str,
    body: Bytes,
    credentials: Credentials,
    now: SystemTime,
) -> Result<Request<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let url = endpoint.to_string();
    let signable = SignableRequest::new(
        Method::POST.as_str(),
        url,
        [(header::CONTENT_TYPE.as_str(), CONTENT_TYPE)].into_iter(),
        SignableBody::Bytes(&body),
    )?;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("ec2")
        .time(now)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let (instructions, _signature) = sign(signable, &parameters)?.into_parts();
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(endpoint)
        .header(header::CONTENT_TYPE, CONTENT_TYPE)
        .header(header::USER_AGENT, concat!("flatnet/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(body))?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// 2026-01-02T03:04:05Z
    const NOW: Duration = Duration::from_secs(1_767_323_045);

    /// The headers of a request for `endpoint`, made with `token`.
    fn headers(endpoint: &'static str, token: Option<&str>) -> http::HeaderMap {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let credentials =
            Credentials::new("AKIDEXAMPLE", secret, token.map(str::to_owned), None, "test");
        let request = signed_request(
            &Uri::from_static(endpoint),
            "us-west-2",
            Bytes::from_static(b"Action=DescribeVpcs&Version=2016-11-15"),
            credentials,
            SystemTime::UNIX_EPOCH + NOW,
        );
        request.unwrap().headers().clone()
    }

    // Both signatures were made by botocore 1.44 from the same request, time and credentials.

    #[test]
    fn signatures_are_those_of_botocore() {
        let headers = headers("http://10.10.1.5:8080", None);
        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-west-2/ec2/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=02d885b0d63ca7e8fd5a0d4e89a2ecb6f5ab2d9eb68059c9be43fbfb2ed6da4f"
        );
        assert_eq!(headers["x-amz-date"], "20260102T030405Z");
        assert_eq!(headers["content-type"], CONTENT_TYPE);
        assert!(!headers.contains_key("x-amz-security-token"));
    }

    #[test]
    fn session_tokens_are_signed_too() {
        let headers = headers("https://ec2.us-west-2.amazonaws.com/", Some("to/k+en=="));
        assert_eq!(
            headers["authorization"],
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-west-2/ec2/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
             Signature=070e86f2017ffcc463f3e00fffd32110b6cdb3223b9787629ea1c955296e1324"
        );
        assert_eq!(headers["x-amz-security-token"], "to/k+en==");
        assert!(headers["x-amz-security-token"].is_sensitive());
    }
}
