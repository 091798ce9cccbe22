use super::*;
use crate::*;
use proptest::prelude::*;

fn pairs(body: &str) -> Vec<(String, String)> {
    decode_body(body.as_bytes()).unwrap()
}

fn read<R: DeserializeOwned>(body: &str) -> Result<R, FormError> {
    from_form(&pairs(body))
}

/// The message for a body that must be refused.
fn refusal<R: DeserializeOwned + std::fmt::Debug>(body: &str) -> String {
    read::<R>(body).unwrap_err().to_string()
}

#[test]
fn a_request_is_written_as_ec2_names_it() {
    let request = CreateNetworkInterface {
        subnet_id: "subnet-1".to_owned(),
        description: Some(String::new()),
        groups: vec!["sg-1".to_owned(), "sg-2".to_owned()],
        private_ip_addresses: vec![PrivateIpAddressSpecification {
            private_ip_address: "10.0.0.9".to_owned(),
            primary: Some(true),
        }],
        secondary_private_ip_address_count: Some(3),
        ipv4_prefixes: vec![Ipv4PrefixSpecificationRequest { ipv4_prefix: "10.0.0.16/28".into() }],
        tag_specifications: vec![TagSpecification {
            resource_type: "network-interface".to_owned(),
            tags: vec![Tag::new("a b", "c&d")],
        }],
        client_token: Some("t".to_owned()),
        ..Default::default()
    };
    let lines: Vec<String> =
        to_form(&request).unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Action=CreateNetworkInterface
    Version=2016-11-15
    SubnetId=subnet-1
    Description=
    PrivateIpAddresses.1.PrivateIpAddress=10.0.0.9
    PrivateIpAddresses.1.Primary=true
    SecondaryPrivateIpAddressCount=3
    Ipv4Prefix.1.Ipv4Prefix=10.0.0.16/28
    SecurityGroupId.1=sg-1
    SecurityGroupId.2=sg-2
    TagSpecification.1.ResourceType=network-interface
    TagSpecification.1.Tag.1.Key=a b
    TagSpecification.1.Tag.1.Value=c&d
    ClientToken=t
    ");
}

#[test]
fn what_the_aws_command_line_sends_is_read() {
    let request: DescribeNetworkInterfaces = read(
        "Action=DescribeNetworkInterfaces&Version=2016-11-15&Filter.1.Name=attachment.instance-id\
         &Filter.1.Value.1=i-1&Filter.1.Value.2=i-2&Filter.2.Name=tag%3ANode+Name\
         &Filter.2.Value.1=%C3%A9&MaxResults=50&DryRun=false",
    )
    .unwrap();
    let expected = DescribeNetworkInterfaces {
        filters: vec![
            Filter::new("attachment.instance-id", ["i-1", "i-2"]),
            Filter::new("tag:Node Name", ["é"]),
        ],
        max_results: Some(50),
        dry_run: Some(false),
        ..Default::default()
    };
    assert_eq!(request, expected);

    let request: ModifyNetworkInterfaceAttribute = read(
        "NetworkInterfaceId=eni-1&SourceDestCheck.Value=True&Description.Value=\
         &Attachment.AttachmentId=eni-attach-1&Attachment.DeleteOnTermination=1&SecurityGroupId.1=sg-1",
    )
    .unwrap();
    let expected = ModifyNetworkInterfaceAttribute {
        network_interface_id: "eni-1".to_owned(),
        source_dest_check: Some(AttributeBooleanValue { value: true }),
        description: Some(AttributeValue { value: String::new() }),
        attachment: Some(NetworkInterfaceAttachmentChanges {
            attachment_id: "eni-attach-1".to_owned(),
            delete_on_termination: Some(true),
        }),
        groups: vec!["sg-1".to_owned()],
        dry_run: None,
    };
    assert_eq!(request, expected);
}

#[test]
fn a_missing_tag_value_is_empty_when_creating_and_any_when_deleting() {
    let request: CreateTags = read("ResourceId.1=i-1&Tag.1.Key=k").unwrap();
    assert_eq!(request.tags, [Tag::new("k", "")]);
    let request: DeleteTags =
        read("ResourceId.1=i-1&Tag.1.Key=k&Tag.2.Key=l&Tag.2.Value=").unwrap();
    let values: Vec<_> = request.tags.into_iter().map(|tag| tag.value).collect();
    assert_eq!(values, [None, Some(String::new())]);
}

#[test]
fn elements_follow_their_numbers() {
    let request: DescribeVpcs = read("VpcId.10=c&VpcId.2=b&VpcId.1=a").unwrap();
    assert_eq!(request.vpc_ids, ["a", "b", "c"]);
}

#[test]
fn numbers_and_flags_are_read_as_ec2_does() {
    let request: AttachNetworkInterface =
        read("NetworkInterfaceId=e&InstanceId=i&DeviceIndex=+1+&DryRun=TRUE").unwrap();
    assert_eq!((request.device_index, request.dry_run), (1, Some(true)));
    let request: DetachNetworkInterface = read("AttachmentId=a&Force=0").unwrap();
    assert_eq!(request.force, Some(false));
}

#[test]
fn a_refusal_names_the_parameter() {
    let refusals = [
        refusal::<DescribeVpcs>("Bogus=1"),
        refusal::<DescribeVpcs>("Filter.1.Name=a&Filter.1.Colour=b"),
        refusal::<DescribeVpcs>("Filter.3.Value.1=a"),
        refusal::<DescribeVpcs>("VpcId=vpc-1"),
        refusal::<DescribeVpcs>("VpcId.1.x=vpc-1"),
        refusal::<DescribeVpcs>("DryRun.1=true"),
        refusal::<DescribeVpcs>("DryRun=maybe"),
        refusal::<DescribeVpcs>("MaxResults=-1"),
        refusal::<DescribeVpcs>("MaxResults="),
        refusal::<DescribeVpcs>("MaxResults=99999999999"),
        refusal::<DescribeVpcs>("VpcId.1=a&VpcId.1=b"),
        refusal::<DescribeVpcs>("NextToken=a&NextToken.b=c"),
        refusal::<DescribeVpcs>("NextToken.b.c=a&NextToken.b=c"),
        refusal::<DescribeVpcs>("VpcId.0=a"),
        refusal::<DescribeVpcs>("VpcId.01=a"),
        refusal::<DescribeVpcs>("VpcId.%2B1=a"),
        refusal::<DescribeVpcs>("VpcId.4294967297=a"),
        refusal::<DescribeVpcs>("VpcId.10001=a"),
        refusal::<DescribeVpcs>("VpcId.Item=a"),
        refusal::<DescribeVpcs>("VpcId.=a"),
        refusal::<DescribeVpcs>("=a"),
        refusal::<CreateTags>("ResourceId.1=a&Tag.1.Value=v"),
        refusal::<CreateTags>("Tag.1.Key=v"),
        refusal::<DeleteNetworkInterface>(""),
        refusal::<AssignPrivateIpAddresses>("NetworkInterfaceId=e&DryRun=true"),
        refusal::<ModifyNetworkInterfaceAttribute>("NetworkInterfaceId=e&SourceDestCheck=true"),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    parameter "Bogus" is not one of this action
    parameter "Filter.1.Colour" is not one of this action
    parameter "Filter.3.Name" is missing
    parameter "VpcId" must be a list, numbered from 1
    parameter "VpcId.1" must be a single value
    parameter "DryRun" must be a single value
    parameter "DryRun" has the value "maybe", which is not true or false
    parameter "MaxResults" has the value "-1", which is not a whole number from 0
    parameter "MaxResults" has the value "", which is not a whole number from 0
    parameter "MaxResults" has the value "99999999999", which is not a whole number from 0
    parameter "VpcId.1" is given twice
    parameter "NextToken" must be either a value or a structure, not both
    parameter "NextToken.b" must be either a value or a structure, not both
    parameter "VpcId.0" must number a list's elements from 1 to 10000
    parameter "VpcId.01" must number a list's elements from 1 to 10000
    parameter "VpcId.+1" must number a list's elements from 1 to 10000
    parameter "VpcId.4294967297" must number a list's elements from 1 to 10000
    parameter "VpcId.10001" must number a list's elements from 1 to 10000
    parameter "VpcId.Item" must number a list's elements from 1 to 10000
    parameter "VpcId." must number a list's elements from 1 to 10000
    parameter "" is not one of this action
    parameter "Tag.1.Key" is missing
    parameter "ResourceId" is missing
    parameter "NetworkInterfaceId" is missing
    parameter "DryRun" is not one of this action
    parameter "SourceDestCheck" must be a structure with fields
    "#);
}

#[test]
fn the_action_must_be_named_once() {
    assert_eq!(action_of(&pairs("Version=1&Action=A")), Ok("A"));
    let missing = Err(FormError::Missing { parameter: "Action".to_owned() });
    assert_eq!(action_of(&pairs("Version=1")), missing);
    assert_eq!(action_of(&pairs("Action=")), missing);
    let twice = Err(FormError::Duplicate { parameter: "Action".to_owned() });
    assert_eq!(action_of(&pairs("Action=A&Action=B")), twice);
}

#[test]
fn size_is_bounded() {
    let body = |count: usize| {
        let ids: Vec<String> = (1..=count).map(|number| format!("VpcId.{number}=v")).collect();
        ids.join("&")
    };
    let most: DescribeVpcs = read(&body(MAX_PARAMETERS)).unwrap();
    assert_eq!(most.vpc_ids.len(), MAX_PARAMETERS);
    let too_many = FormError::TooManyParameters { limit: MAX_PARAMETERS };
    assert_eq!(decode_body(body(MAX_PARAMETERS + 1).as_bytes()), Err(too_many.clone()));
    let pair = ("VpcId.1".to_owned(), String::new());
    assert_eq!(from_form::<DescribeVpcs>(&vec![pair; MAX_PARAMETERS + 1]), Err(too_many));

    let deep = format!("VpcId{}=v", ".1".repeat(100));
    assert!(matches!(read::<DescribeVpcs>(&deep), Err(FormError::NameTooLong { .. })));
    let long = format!("{}=v", "V".repeat(MAX_NAME_BYTES + 1));
    assert!(matches!(read::<DescribeVpcs>(&long), Err(FormError::NameTooLong { .. })));
    let value = refusal::<DescribeVpcs>(&format!("MaxResults={}", "9".repeat(100_000)));
    assert!(value.len() < 300, "{value}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Names made of pieces that mean something, in any order, so that many come near to a request.
    #[test]
    fn any_form_is_read_or_refused(
        form in prop::collection::vec(
            (
                prop::collection::vec(
                    prop::sample::select(vec![
                        "Filter", "Name", "Value", "1", "2", "0", "99999999999", "DryRun", "Tag",
                        "Key", "TagSpecification", "SubnetId", "SecurityGroupId", "", "é",
                    ]),
                    0..6,
                ),
                "[a-z0-9]{0,3}|true",
            ),
            0..12,
        ),
    ) {
        let form: Vec<(String, String)> =
            form.into_iter().map(|(parts, value)| (parts.join("."), value)).collect();
        if let Ok(request) = from_form::<CreateNetworkInterface>(&form) {
            prop_assert_eq!(from_form(&to_form(&request).unwrap()), Ok(request));
        }
        if let Ok(request) = from_form::<DescribeVpcs>(&form) {
            prop_assert_eq!(from_form(&to_form(&request).unwrap()), Ok(request));
        }
    }
}
