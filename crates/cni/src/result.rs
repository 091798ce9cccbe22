//! The result of an ADD, in the form of each version of the specification.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::SUPPORTED_VERSIONS;
use crate::error::{CniError, code};

/// What an ADD made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddResult {
    /// Links, on the host and in the pod.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub ips: Vec<IpConfig>,
    /// Routes of the pod.
    pub routes: Vec<RouteConfig>,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Ethernet address, `02:00:00:00:00:01`.
    pub mac: String,
    /// MTU in bytes; rendered from 1.1.0 on.
    pub mtu: u32,
    /// The pod's namespace as the runtime named it; `None` for links of the host.
    pub sandbox: Option<String>,
}

/// An address on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IpConfig {
    /// The address.
    pub address: Ipv4Addr,
    /// Length of its subnet's prefix.
    pub prefix_len: u8,
    /// The pod's next hop.
    pub gateway: Option<Ipv4Addr>,
    /// Position of its link in [`AddResult::interfaces`].
    pub interface: Option<usize>,
}

/// A route of the pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// Destinations, and the length of their prefix.
    pub dst: (Ipv4Addr, u8),
    /// Next hop; `None` when the destination is on the link.
    pub gw: Option<Ipv4Addr>,
}

/// The result as a JSON document of this version of the specification.
///
/// # Errors
/// [`code::INCOMPATIBLE_VERSION`] for a version that is not served.
pub fn render_result(version: &str, result: &AddResult) -> Result<Value, CniError> {
    render(version, None, result)
}

/// The result for a call with this configuration: in its `cniVersion`, and after what the plugins
/// before us in the list made (its `prevResult`), which has to be kept in order.
///
/// # Errors
/// [`code::INCOMPATIBLE_VERSION`] for a version that is not served.
pub fn render_chained(config: &Value, result: &AddResult) -> Result<Value, CniError> {
    let version = config["cniVersion"].as_str().unwrap_or_default();
    render(version, config.get("prevResult"), result)
}

fn render(version: &str, prev: Option<&Value>, result: &AddResult) -> Result<Value, CniError> {
    check_version(version)?;
    let prev = |key: &str| prev.and_then(|prev| prev.get(key)).filter(|value| !value.is_null());
    let prev_list = |key| prev(key).and_then(Value::as_array).cloned().unwrap_or_default();

    let mut interfaces = prev_list("interfaces");
    let before = interfaces.len();
    interfaces
        .extend(result.interfaces.iter().map(|interface| render_interface(version, interface)));
    let mut ips = prev_list("ips");
    ips.extend(result.ips.iter().map(|ip| render_ip(version, ip, before)));
    let mut routes = prev_list("routes");
    routes.extend(result.routes.iter().map(render_route));
    Ok(json!({
        "cniVersion": version,
        "interfaces": interfaces,
        "ips": ips,
        "routes": routes,
        "dns": prev("dns").cloned().unwrap_or_else(|| json!({})),
    }))
}

/// Refuses a version that is not served.
pub(crate) fn check_version(version: &str) -> Result<(), CniError> {
    if SUPPORTED_VERSIONS.contains(&version) {
        return Ok(());
    }
    Err(CniError::new(
        code::INCOMPATIBLE_VERSION,
        format!("CNI version \"{version}\" is not supported"),
    )
    .with_details(format!(
        "set \"cniVersion\" of the network configuration to one of {}",
        SUPPORTED_VERSIONS.join(", ")
    )))
}

fn render_interface(version: &str, interface: &Interface) -> Value {
    let mut object = Map::new();
    object.insert("name".into(), json!(interface.name));
    object.insert("mac".into(), json!(interface.mac));
    if version == "1.1.0" {
        object.insert("mtu".into(), json!(interface.mtu));
    }
    if let Some(sandbox) = &interface.sandbox {
        object.insert("sandbox".into(), json!(sandbox));
    }
    Value::Object(object)
}

fn render_ip(version: &str, ip: &IpConfig, interfaces_before: usize) -> Value {
    let mut object = Map::new();
    if version == "0.4.0" {
        object.insert("version".into(), json!("4"));
    }
    object.insert("address".into(), json!(format!("{}/{}", ip.address, ip.prefix_len)));
    if let Some(gateway) = ip.gateway {
        object.insert("gateway".into(), json!(gateway.to_string()));
    }
    if let Some(interface) = ip.interface {
        object.insert("interface".into(), json!(interfaces_before + interface));
    }
    Value::Object(object)
}

fn render_route(route: &RouteConfig) -> Value {
    let (dst, prefix_len) = route.dst;
    let mut object = Map::new();
    object.insert("dst".into(), json!(format!("{dst}/{prefix_len}")));
    if let Some(gw) = route.gw {
        object.insert("gw".into(), json!(gw.to_string()));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> AddResult {
        let interface = |name: &str, sandbox: Option<&str>| Interface {
            name: name.into(),
            mac: "02:00:00:00:00:01".into(),
            mtu: 9001,
            sandbox: sandbox.map(Into::into),
        };
        AddResult {
            interfaces: vec![interface("eni0", None), interface("eth0", Some("/run/netns/x"))],
            ips: vec![IpConfig {
                address: Ipv4Addr::new(10, 10, 1, 7),
                prefix_len: 32,
                gateway: Some(Ipv4Addr::new(169, 254, 1, 1)),
                interface: Some(1),
            }],
            routes: vec![RouteConfig {
                dst: (Ipv4Addr::UNSPECIFIED, 0),
                gw: Some(Ipv4Addr::new(169, 254, 1, 1)),
            }],
        }
    }

    #[test]
    fn each_version_has_its_own_fields() {
        let expected = |version: &str| {
            let mut value = json!({
                "cniVersion": version,
                "interfaces": [
                    {"name": "eni0", "mac": "02:00:00:00:00:01"},
                    {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"},
                ],
                "ips": [{"address": "10.10.1.7/32", "gateway": "169.254.1.1", "interface": 1}],
                "routes": [{"dst": "0.0.0.0/0", "gw": "169.254.1.1"}],
                "dns": {},
            });
            if version == "0.4.0" {
                value["ips"][0]["version"] = json!("4");
            }
            if version == "1.1.0" {
                value["interfaces"][0]["mtu"] = json!(9001);
                value["interfaces"][1]["mtu"] = json!(9001);
            }
            value
        };
        for version in SUPPORTED_VERSIONS {
            assert_eq!(render_result(version, &result()).unwrap(), expected(version));
        }
    }

    #[test]
    fn other_versions_are_refused_with_those_that_work() {
        for version in ["", "0.3.1", "1.2.0", "1.1"] {
            let error = render_result(version, &result()).unwrap_err();
            assert_eq!(error.code, code::INCOMPATIBLE_VERSION);
            assert!(error.details.contains("0.4.0, 1.0.0, 1.1.0"), "{error:?}");
        }
    }

    #[test]
    fn what_earlier_plugins_made_comes_first() {
        let config = json!({
            "cniVersion": "1.0.0",
            "prevResult": {
                "interfaces": [{"name": "first"}],
                "ips": [{"address": "192.0.2.1/24", "interface": 0}],
                "routes": [{"dst": "192.0.2.0/24"}],
                "dns": {"nameservers": ["192.0.2.53"]},
            },
        });
        let value = render_chained(&config, &result()).unwrap();
        assert_eq!(value["interfaces"][0]["name"], "first");
        assert_eq!(value["interfaces"][2]["name"], "eth0");
        assert_eq!(value["ips"][0]["interface"], 0);
        assert_eq!(value["ips"][1]["interface"], 2, "our positions move behind theirs");
        assert_eq!(value["routes"][1]["dst"], "0.0.0.0/0");
        assert_eq!(value["dns"]["nameservers"][0], "192.0.2.53");
    }
}
