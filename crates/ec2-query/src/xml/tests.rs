use super::*;
use crate::*;
use proptest::prelude::*;

/// One element a line, for the eye.
fn lines(xml: &str) -> String {
    xml.replace("><", ">\n<")
}

fn eni() -> NetworkInterface {
    let address = |address: &str, primary| NetworkInterfacePrivateIpAddress {
        private_ip_address: address.to_owned(),
        private_dns_name: Some("ip-10-10-1-9.us-west-2.compute.internal".to_owned()),
        primary,
    };
    NetworkInterface {
        network_interface_id: "eni-0123456789abcdef0".to_owned(),
        subnet_id: "subnet-0123456789abcdef0".to_owned(),
        vpc_id: "vpc-0123456789abcdef0".to_owned(),
        availability_zone: "us-west-2a".to_owned(),
        description: "a <b> & \"c\"\r\u{1}".to_owned(),
        owner_id: "111122223333".to_owned(),
        status: "in-use".to_owned(),
        mac_address: "02:00:00:00:00:01".to_owned(),
        private_ip_address: Some("10.10.1.9".to_owned()),
        source_dest_check: true,
        groups: vec![GroupIdentifier { group_id: "sg-1".into(), group_name: "default".into() }],
        attachment: Some(NetworkInterfaceAttachment {
            attachment_id: "eni-attach-1".to_owned(),
            instance_id: Some("i-1".to_owned()),
            instance_owner_id: "111122223333".to_owned(),
            device_index: 1,
            network_card_index: Some(0),
            status: "attached".to_owned(),
            attach_time: "2026-01-02T03:04:05.000Z".to_owned(),
            delete_on_termination: true,
        }),
        private_ip_addresses: vec![address("10.10.1.9", true), address("10.10.1.10", false)],
        ipv4_prefixes: vec![Ipv4PrefixSpecification { ipv4_prefix: "10.10.1.16/28".to_owned() }],
        interface_type: "interface".to_owned(),
        ..Default::default()
    }
}

#[test]
fn network_interfaces() {
    let response = DescribeNetworkInterfacesResponse {
        network_interfaces: vec![eni()],
        next_token: Some("t".to_owned()),
    };
    let xml = to_xml::<DescribeNetworkInterfaces>("7a62c49f", &response).unwrap();
    insta::assert_snapshot!(lines(&xml));
}

#[test]
fn instance_types() {
    let response = DescribeInstanceTypesResponse {
        instance_types: vec![InstanceTypeInfo {
            instance_type: "m5.large".to_owned(),
            current_generation: Some(true),
            hypervisor: Some("nitro".to_owned()),
            processor_info: ProcessorInfo { supported_architectures: vec!["x86_64".to_owned()] },
            v_cpu_info: VCpuInfo { default_vcpus: 2 },
            memory_info: MemoryInfo { size_in_mib: 8192 },
            network_info: NetworkInfo {
                network_performance: "Up to 10 Gigabit".to_owned(),
                maximum_network_interfaces: 3,
                maximum_network_cards: 1,
                network_cards: vec![NetworkCardInfo {
                    network_performance: "Up to 10 Gigabit".to_owned(),
                    maximum_network_interfaces: 3,
                    baseline_bandwidth_in_gbps: Some(0.75),
                    peak_bandwidth_in_gbps: Some(10.0),
                    ..Default::default()
                }],
                ipv4_addresses_per_interface: 10,
                ipv6_addresses_per_interface: 10,
                ipv6_supported: true,
                ..Default::default()
            },
            ..Default::default()
        }],
        next_token: None,
    };
    let xml = to_xml::<DescribeInstanceTypes>("7a62c49f", &response).unwrap();
    insta::assert_snapshot!(lines(&xml));
}

#[test]
fn instances() {
    let response = DescribeInstancesResponse {
        reservations: vec![Reservation {
            reservation_id: "r-1".to_owned(),
            owner_id: "111122223333".to_owned(),
            instances: vec![Instance {
                instance_id: "i-1".to_owned(),
                state: InstanceState { code: 16, name: "running".to_owned() },
                network_interfaces: vec![InstanceNetworkInterface::default()],
                tags: vec![Tag::new("Name", "node-1")],
                ..Default::default()
            }],
            ..Default::default()
        }],
        next_token: None,
    };
    let xml = to_xml::<DescribeInstances>("7a62c49f", &response).unwrap();
    insta::assert_snapshot!(lines(&xml));
}

#[test]
fn small_answers() {
    let done = to_xml::<DeleteNetworkInterface>("r", &Return::default()).unwrap();
    insta::assert_snapshot!(done, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <DeleteNetworkInterfaceResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><return>true</return></DeleteNetworkInterfaceResponse>
    "#);
    let empty = to_xml::<DescribeVpcs>("r", &DescribeVpcsResponse::default()).unwrap();
    insta::assert_snapshot!(empty, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><vpcSet/></DescribeVpcsResponse>
    "#);
}

#[test]
fn refusals_there_and_back() {
    let refusal = ErrorResponse {
        code: "InvalidSubnetID.NotFound".to_owned(),
        message: "The subnet ID '<&>' does not exist".to_owned(),
        request_id: "r".to_owned(),
    };
    let xml = refusal.to_xml();
    insta::assert_snapshot!(xml, @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <Response><Errors><Error><Code>InvalidSubnetID.NotFound</Code><Message>The subnet ID '&lt;&amp;&gt;' does not exist</Message></Error></Errors><RequestID>r</RequestID></Response>
    "#);
    assert_eq!(ErrorResponse::from_xml(&xml), Ok(refusal));
}

#[test]
fn a_refusal_is_read_in_other_servers_spellings() {
    let read = ErrorResponse::from_xml(
        "<Response><Errors>\n <Error><Code> A </Code></Error><Error><Code>B</Code></Error>\n\
         </Errors><RequestId>r</RequestId></Response>",
    );
    let expected =
        ErrorResponse { code: "A".to_owned(), message: String::new(), request_id: "r".to_owned() };
    assert_eq!(read, Ok(expected));
    for other in ["<Response><Errors/></Response>", "<Response/>", "<html><p>502</p></html>", ""] {
        assert!(ErrorResponse::from_xml(other).is_err(), "{other}");
    }
}

#[test]
fn an_answer_with_layout_comments_and_new_elements_is_read() {
    let xml = "<?xml version='1.0'?>\n<!-- -->\n\
        <ec2:DescribeVpcsResponse xmlns:ec2='x'>\n  <requestId>r</requestId>\n  <vpcSet>\n    <item>\
        \n <vpcId><![CDATA[vpc-]]>1&amp;&#x41;</vpcId><!-- c --><novelty><a/></novelty>\
        <isDefault> true </isDefault>\n<tagSet>\n</tagSet></item>\n  </vpcSet>\n\
        </ec2:DescribeVpcsResponse>\n";
    let vpc = Vpc { vpc_id: "vpc-1&A".to_owned(), is_default: true, ..Default::default() };
    let expected = DescribeVpcsResponse { vpcs: vec![vpc], next_token: None };
    assert_eq!(from_xml::<DescribeVpcs>(xml), Ok(expected));
}

#[test]
fn what_is_no_answer_is_refused() {
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let refusals: Vec<String> = [
        "",
        "plain text",
        "<html><body>Bad gateway</body></html>",
        "<DescribeSubnetsResponse/>",
        "<DescribeVpcsResponse>",
        "<DescribeVpcsResponse></DescribeVpcs>",
        "<DescribeVpcsResponse/><DescribeVpcsResponse/>",
        "<DescribeVpcsResponse/>more",
        "<DescribeVpcsResponse>&huge;</DescribeVpcsResponse>",
        "<!DOCTYPE a [<!ENTITY huge \"x\">]><DescribeVpcsResponse/>",
        "<DescribeVpcsResponse>a<b/></DescribeVpcsResponse>",
        "<DescribeVpcsResponse>a</DescribeVpcsResponse>",
        "<DescribeVpcsResponse><vpcSet><vpc/></vpcSet></DescribeVpcsResponse>",
        "<DescribeVpcsResponse><vpcSet>vpc-1</vpcSet></DescribeVpcsResponse>",
        "<DescribeVpcsResponse><vpcSet><item/><item><isDefault>x</isDefault></item></vpcSet></DescribeVpcsResponse>",
        "<DescribeVpcsResponse><vpcSet/><vpcSet/></DescribeVpcsResponse>",
        "<DescribeVpcsResponse>&#0;</DescribeVpcsResponse>",
        &nested(MAX_XML_DEPTH + 1),
    ]
    .iter()
    .map(|xml| from_xml::<DescribeVpcs>(xml).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    the answer is not the XML of an EC2 answer, at byte 0: no element
    the answer is not the XML of an EC2 answer, at byte 10: text outside the root element
    the answer is a "html", not a "DescribeVpcsResponse"
    the answer is a "DescribeSubnetsResponse", not a "DescribeVpcsResponse"
    the answer is not the XML of an EC2 answer, at byte 22: element DescribeVpcsResponse does not end
    the answer is not the XML of an EC2 answer, at byte 37: ill-formed document: expected `</DescribeVpcsResponse>`, but `</DescribeVpcs>` was found
    the answer is not the XML of an EC2 answer, at byte 46: a second root element, DescribeVpcsResponse
    the answer is not the XML of an EC2 answer, at byte 27: text outside the root element
    the answer is not the XML of an EC2 answer, at byte 28: an entity nobody declared, huge
    the answer is not the XML of an EC2 answer, at byte 33: a document type
    the answer is not the XML of an EC2 answer, at byte 50: text beside elements
    the answer's root element: must be a structure with fields
    the answer's VpcSet.Vpc: must be a list
    the answer's VpcSet: must be a list
    the answer's VpcSet.2.IsDefault: "x" is not true or false
    the answer's VpcSet: given twice
    the answer is not the XML of an EC2 answer, at byte 26: invalid character reference: 0x0 character is not permitted in XML
    the answer has too deeply nested elements, more than the limit of 32
    "#);
    let many =
        format!("<DescribeVpcsResponse>{}</DescribeVpcsResponse>", "<a/>".repeat(MAX_XML_ELEMENTS));
    assert!(matches!(from_xml::<DescribeVpcs>(&many), Err(XmlError::TooLarge { .. })));
}

#[test]
fn an_answer_must_hold_what_the_request_was_for() {
    let empty = from_xml::<CreateNetworkInterface>("<CreateNetworkInterfaceResponse/>");
    assert!(matches!(empty, Err(XmlError::Value { place, .. }) if place == "NetworkInterface"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A proper answer with pieces cut out, doubled and swapped.
    #[test]
    fn any_text_is_read_or_refused(cuts in prop::collection::vec((0_usize..3000, 0_usize..3000), 1..4)) {
        let response =
            DescribeNetworkInterfacesResponse { network_interfaces: vec![eni()], next_token: None };
        let mut characters: Vec<char> =
            to_xml::<DescribeNetworkInterfaces>("r", &response).unwrap().chars().collect();
        for (a, b) in cuts {
            let (a, b) = (a % (characters.len() + 1), b % (characters.len() + 1));
            if a < b {
                characters.drain(a..b);
            } else {
                let piece: Vec<char> = characters[b..a].to_vec();
                characters.splice(b..b, piece);
            }
        }
        let text: String = characters.into_iter().collect();
        let _ = from_xml::<DescribeNetworkInterfaces>(&text);
        let _ = ErrorResponse::from_xml(&text);
    }

    #[test]
    fn any_refusal_survives_as_far_as_xml_can_say_it(code in "[A-Za-z.]{1,20}", message in ".*") {
        let refusal = ErrorResponse { code, message, request_id: "r".to_owned() };
        let read = ErrorResponse::from_xml(&refusal.to_xml()).unwrap();
        prop_assert_eq!(read.code, refusal.code);
        prop_assert_eq!(read.message.chars().count(), refusal.message.chars().count());
    }
}
