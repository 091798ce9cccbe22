//! The environment variables that a lab may set for its agents. A mistyped name would otherwise
//! be ignored in silence.

use datapath::VethPrefix;

use super::fields::{quoted, unknown};

/// What a variable's value may be.
enum Values {
    Number { min: i64, max: i64 },
    VethPrefix,
    LogFilter,
}

/// The agent's variables, as the AWS VPC CNI names them where it has them.
const VARIABLES: &[(&str, Values)] = &[
    ("WARM_ENI_TARGET", Values::Number { min: 0, max: 1_000 }),
    // -1 is the AWS VPC CNI's way of saying "as many as the instance type allows".
    ("MAX_ENI", Values::Number { min: -1, max: 100 }),
    ("IP_COOLDOWN_PERIOD", Values::Number { min: 0, max: 86_400 }),
    ("AWS_VPC_ENI_MTU", Values::Number { min: 576, max: 9001 }),
    ("POD_MTU", Values::Number { min: 576, max: 9001 }),
    ("AWS_VPC_K8S_CNI_VETHPREFIX", Values::VethPrefix),
    ("FLATNET_ENI_MIN_AGE", Values::Number { min: 0, max: 86_400 }),
    ("FLATNET_ADD_WAIT", Values::Number { min: 0, max: 50 }),
    ("FLATNET_RECONCILE", Values::Number { min: 0, max: 86_400 }),
    ("FLATNET_LOG", Values::LogFilter),
];

/// Variables that the lab itself sets, because they follow from the topology.
const SET_BY_LAB: &[&str] = &[
    "AWS_ENDPOINT_URL_EC2",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "FLATNET_SOCKET",
    "FLATNET_STATE_DIR",
    "FLATNET_CNI_CONF_DIR",
];

/// The variables that a file may set.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _)| *name)
}

/// Checks one variable; the error says which names and values are allowed.
pub(super) fn check(name: &str, value: &str) -> Result<String, String> {
    if SET_BY_LAB.contains(&name) {
        return Err("is set by the lab itself; remove it".to_owned());
    }
    let Some((_, values)) = VARIABLES.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = names().collect();
        return Err(unknown("variable", name, &known));
    };
    let allowed = match values {
        Values::Number { min, max } => {
            let good = value.parse().is_ok_and(|number: i64| (*min..=*max).contains(&number));
            (!good).then(|| format!("a whole number from {min} to {max}"))
        }
        Values::VethPrefix => {
            let good = value.parse::<VethPrefix>().is_ok();
            (!good).then(|| "1 to 4 letters, digits, - or _, but not eth, vlan or lo".to_owned())
        }
        Values::LogFilter => {
            let good = value.len() <= 256 && !value.chars().any(char::is_control);
            (!good).then(|| "a filter such as info or flatnet_agent=debug".to_owned())
        }
    };
    match allowed {
        None => Ok(value.to_owned()),
        Some(allowed) => Err(format!("{} is not allowed; expected {allowed}", quoted(value))),
    }
}
