use std::time::Duration;

use super::{Config, SETTINGS, describe_settings};

fn read(vars: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_env(vars).map_err(|error| error.problems)
}

#[test]
fn defaults_are_those_documented() {
    let config = read(&[]).unwrap();
    assert_eq!((config.warm_eni_target, config.max_eni), (1, None));
    assert_eq!((config.eni_mtu, config.pod_mtu), (9001, 9001));
    assert_eq!(
        (config.cooldown, config.add_wait),
        (Duration::from_secs(30), Duration::from_secs(10))
    );
    assert_eq!(config.socket.to_str(), Some("/run/flatnet/agent.sock"));
    for setting in &SETTINGS {
        assert!(config.render().contains(setting.name), "{} is not shown", setting.name);
        assert!(describe_settings().contains(setting.name));
    }
}

#[test]
fn effective_values_are_shown_with_their_source() {
    let config = read(&[("AWS_VPC_ENI_MTU", "1500"), ("MAX_ENI", "2"), ("POD_MTU", "")]).unwrap();
    assert_eq!((config.pod_mtu, config.max_eni), (1500, Some(2)));
    let shown = config.render();
    let line = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(line("AWS_VPC_ENI_MTU"), ["AWS_VPC_ENI_MTU", "1500", "environment"]);
    assert_eq!(line("POD_MTU"), ["POD_MTU", "1500", "default"]);
    assert_eq!(line("AWS_ENDPOINT_URL_EC2"), ["AWS_ENDPOINT_URL_EC2", "(none)", "default"]);
}

#[test]
fn malformed_values_are_refused_naming_them() {
    for (name, value) in [
        ("WARM_ENI_TARGET", "-1"),
        ("WARM_ENI_TARGET", "one"),
        ("IP_COOLDOWN_PERIOD", "30s"),
        ("MAX_ENI", "0"),
        ("AWS_VPC_ENI_MTU", "9002"),
        ("AWS_VPC_ENI_MTU", "575"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "eth"),
        ("AWS_VPC_K8S_CNI_VETHPREFIX", "fiver"),
        ("AWS_ENDPOINT_URL_EC2", "ec2.example"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http:///latest"),
        ("FLATNET_SOCKET", "agent.sock"),
        ("FLATNET_ADD_WAIT", "51"),
        ("FLATNET_LOG", "flatnet=loud"),
    ] {
        let problems = read(&[(name, value)]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(&format!("{name}='{value}' must be ")), "{problems:?}");
    }
}

#[test]
fn unknown_and_contradictory_settings_are_all_named_at_once() {
    let problems = read(&[
        ("FLATNET_SOKCET", "/x"),
        ("AWS_VPC_ENI_MTU", "1500"),
        ("POD_MTU", "9001"),
        ("PATH", "/bin"),
    ])
    .unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("FLATNET_SOKCET") && problems[0].contains("FLATNET_SOCKET"));
    assert!(problems[1].contains("POD_MTU='9001'") && problems[1].contains("1500"));
}

#[test]
fn settings_of_the_aws_vpc_cni_without_effect_are_named() {
    let config = read(&[
        ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
        ("WARM_IP_TARGET", "5"),
        ("ENABLE_POD_ENI", ""),
        ("WARM_ENI_TARGET", "2"),
    ])
    .unwrap();
    let names: Vec<_> = config.unserved.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["AWS_VPC_K8S_CNI_EXTERNALSNAT", "WARM_IP_TARGET"]);
    let shown = config.render();
    let line = shown.lines().find(|line| line.starts_with("WARM_IP_TARGET")).unwrap();
    assert!(line.contains(" 5 ") && line.ends_with("without effect"), "{line}");
    assert!(!shown.contains("ENABLE_POD_ENI"));
    for name in super::unserved::NAMES {
        assert!(SETTINGS.iter().all(|setting| setting.name != name), "{name} is served");
    }
}
