//! CreateTags and DeleteTags.

use super::{ABSENT, Scene, error, form};

fn tags(scene: &Scene, eni: &str) -> String {
    let eni = scene.eni(eni);
    let tags: Vec<String> = eni.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    tags.join(",")
}

#[test]
fn tags_come_and_go() {
    let scene = Scene::new();
    let eni = scene.primary_eni(&scene.node_1).id.to_string();
    let call = |action: &str, parameters: &[(&str, &str)]| {
        let all = [&[("ResourceId.1", eni.as_str())], parameters].concat();
        let answer = scene.raw(&form(action, &all));
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("<return>true</return>"), "{}", answer.body);
    };
    call(
        "CreateTags",
        &[("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b"), ("Tag.2.Value", "")],
    );
    assert_eq!(tags(&scene, &eni), "a=1,b=");
    call("CreateTags", &[("Tag.1.Key", "a"), ("Tag.1.Value", "2")]);
    call("DeleteTags", &[("Tag.1.Key", "a"), ("Tag.1.Value", "1")]);
    assert_eq!(tags(&scene, &eni), "a=2,b=", "only with the value named");
    call("DeleteTags", &[("Tag.1.Key", "a")]);
    assert_eq!(tags(&scene, &eni), "b=");
    call("CreateTags", &[("Tag.1.Key", "c"), ("Tag.1.Value", "3")]);
    call("DeleteTags", &[("Tag.1.Key", "b"), ("Tag.1.Value", "")]);
    assert_eq!(tags(&scene, &eni), "c=3");
    call("DeleteTags", &[]);
    assert_eq!(tags(&scene, &eni), "");
}

#[test]
fn several_resources_at_once_or_none() {
    let scene = Scene::new();
    let resources = [
        scene.vpc.to_string(),
        scene.nodes_a.to_string(),
        scene.node_1.to_string(),
        scene.xeni.to_string(),
        super::default_group(&scene).to_string(),
    ];
    let names: Vec<String> = (1..=6).map(|n| format!("ResourceId.{n}")).collect();
    let mut parameters: Vec<(&str, &str)> = vec![("Tag.1.Key", "k"), ("Tag.1.Value", "v")];
    parameters.extend(names.iter().map(String::as_str).zip(resources.iter().map(String::as_str)));
    assert_eq!(scene.raw(&form("CreateTags", &parameters)).status, 200);
    assert_eq!(tags(&scene, scene.xeni.as_str()), "k=v");
    for (id, code, message) in [
        (
            format!("eni-{ABSENT}"),
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID 'eni-{ABSENT}' does not exist"),
        ),
        (
            scene.foreign_vpc.to_string(),
            "InvalidVpcID.NotFound",
            format!("The vpc ID '{}' does not exist", scene.foreign_vpc),
        ),
        ("banana".into(), "InvalidID", "The ID 'banana' is not valid".into()),
        ("eni-x".into(), "InvalidID", "The ID 'eni-x' is not valid".into()),
    ] {
        let mut parameters = parameters.clone();
        parameters[1] = ("Tag.1.Value", "other");
        parameters.push(("ResourceId.6", &id));
        assert_eq!(scene.refused_raw("CreateTags", &parameters), error(400, code, message));
    }
    assert_eq!(tags(&scene, scene.xeni.as_str()), "k=v", "all or nothing");
}

#[test]
fn tags_ec2_does_not_take() {
    let scene = Scene::new();
    let eni = scene.primary_eni(&scene.node_1).id.to_string();
    let refused = |parameters: &[(&str, &str)]| {
        let all = [&[("ResourceId.1", eni.as_str())], parameters].concat();
        scene.refused_raw("CreateTags", &all)
    };
    let invalid = |message: &str| error(400, "InvalidParameterValue", message);
    let tag = |key: &str, value: &str| refused(&[("Tag.1.Key", key), ("Tag.1.Value", value)]);
    assert_eq!(
        tag("aws:x", "y"),
        invalid(
            "Value ( aws:x ) for parameter key is invalid. \
             Tag keys starting with 'aws:' are reserved for internal use"
        )
    );
    assert_eq!(
        tag(&"k".repeat(129), ""),
        invalid("Tag key exceeds the maximum length of 128 characters")
    );
    assert_eq!(
        tag("k", &"v".repeat(257)),
        invalid("Tag value exceeds the maximum length of 256 characters")
    );
    assert_eq!(tag("", "v"), invalid("Tag key cannot be empty"));
    assert_eq!(
        refused(&[
            ("Tag.1.Key", "k"),
            ("Tag.1.Value", "1"),
            ("Tag.2.Key", "k"),
            ("Tag.2.Value", "2")
        ]),
        invalid("Duplicate tag key 'k' specified.")
    );
    let names: Vec<(String, String)> =
        (1..=51).map(|n| (format!("Tag.{n}.Key"), format!("k{n}"))).collect();
    let values: Vec<String> = (1..=51).map(|n| format!("Tag.{n}.Value")).collect();
    let mut many: Vec<(&str, &str)> =
        names.iter().map(|(name, key)| (name.as_str(), key.as_str())).collect();
    many.extend(values.iter().map(|name| (name.as_str(), "")));
    assert_eq!(
        refused(&many),
        error(
            400,
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached."
        )
    );
    assert_eq!(
        scene.refused_raw("CreateTags", &[("Tag.1.Key", "k"), ("Tag.1.Value", "v")]).1,
        "MissingParameter"
    );
    assert_eq!(scene.refused_raw("CreateTags", &[("ResourceId.1", &eni)]).1, "MissingParameter");
}
