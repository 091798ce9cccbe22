use super::*;

fn event(number: i64) -> Event {
    Event {
        event_time: iso8601(Timestamp(number * 1000)),
        event_source: "ec2.amazonaws.com".into(),
        event_name: "CreateTags".into(),
        aws_region: "us-west-2".into(),
        source_ip_address: "10.10.1.5".into(),
        user_identity: UserIdentity { arn: "arn:aws:iam::1:user/a".into(), account_id: None },
        request_parameters: BTreeMap::new(),
        error_code: Some(error_code(400, "InvalidParameterValue")),
        error_message: None,
        request_id: number.to_string(),
    }
}

#[test]
fn keeps_the_newest_events_within_bounds() {
    let directory = tempfile::tempdir().unwrap();
    let trail = AuditTrail::bounded(directory.path(), 2000).unwrap();
    for number in 0..100 {
        trail.record(&event(number));
    }
    let size: u64 =
        fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(size < 2 * 2400, "{size}");
    let events = trail.events(Timestamp(0)).unwrap();
    assert_eq!(events.last(), Some(&event(99)));
    assert!(events.is_sorted_by_key(|event| event.event_time.clone()) && events.len() >= 5);
    assert_eq!(trail.events(Timestamp(98_000)).unwrap(), [event(98), event(99)]);
}

#[test]
fn goes_on_where_a_killed_lab_stopped() {
    let directory = tempfile::tempdir().unwrap();
    AuditTrail::in_directory(directory.path()).unwrap().record(&event(1));
    let mut file = open(directory.path()).unwrap();
    file.write_all(b"{\"eventTime\":\"20\n").unwrap();
    let trail = AuditTrail::in_directory(directory.path()).unwrap();
    trail.record(&event(2));
    assert_eq!(trail.events(Timestamp(0)).unwrap(), [event(1), event(2)]);
}

#[test]
fn parameters_leave_out_the_signature_and_are_bounded() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let sent = [
        pair("Action", "CreateTags"),
        pair("Version", "2016-11-15"),
        pair("X-Amz-Signature", "0"),
        pair("ResourceId.1", "eni-1"),
        pair("Tag.1.Value", &"x".repeat(1000)),
    ];
    let kept = parameters(&sent);
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["resourceId.1", "tag.1.Value"]);
    assert_eq!(kept["tag.1.Value"].len(), MAX_VALUE);
}

#[test]
fn moments() {
    let now = Timestamp(1_795_434_000_000);
    assert_eq!(since("30s", now), Ok(Timestamp(now.0 - 30_000)));
    assert_eq!(since("500ms", now), Ok(Timestamp(now.0 - 500)));
    assert_eq!(since("2026-11-23T11:40:00Z", Timestamp(0)), Ok(now));
    for wrong in ["", "s", "30", "30 s", "-1s", "1w", "yesterday", "99999999999999999999s"] {
        assert!(since(wrong, now).is_err(), "{wrong}");
    }
}

#[test]
fn codes_say_whose_fault_it_was() {
    assert_eq!(error_code(503, "RequestLimitExceeded"), "Client.RequestLimitExceeded");
    assert_eq!(error_code(500, "InternalError"), "Server.InternalError");
    assert_eq!(error_code(403, "UnauthorizedOperation"), "Client.UnauthorizedOperation");
}
