//! The node agent's process: configuration, logging, the runtime, signals.

mod run;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use flatnet_agent::config::{Config, describe_settings};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => return run_agent(),
        ["config"] => configuration().map(|config| say(&config.render())),
        ["-h" | "--help" | "help"] => Ok(say(&help())),
        ["-V" | "--version"] => Ok(say(&format!("flatnet-agent {}\n", env!("CARGO_PKG_VERSION")))),
        other => Err(format!(
            "'{}' is not understood; flatnet-agent --help says what is",
            other.join(" ")
        )),
    };
    done.unwrap_or_else(|problem| complain(&problem))
}

fn run_agent() -> ExitCode {
    let config = match configuration() {
        Ok(config) => config,
        Err(problem) => return complain(&problem),
    };
    if let Err(error) = log_to_stderr(&config) {
        return complain(&format!("cannot log: {error}"));
    }
    match run::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", flatnet_agent::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn configuration() -> Result<Config, String> {
    let vars = std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    });
    Config::from_env(vars).map_err(|error| error.to_string())
}

fn log_to_stderr(config: &Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log)?;
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .with_target(false)
        .try_init()
}

fn say(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(problem: &str) -> ExitCode {
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "flatnet-agent: {problem}");
    ExitCode::FAILURE
}

fn help() -> String {
    format!(
        "flatnet-agent {version}: gives this EC2 instance's pods addresses of its VPC.

Usage:
  flatnet-agent            run until SIGTERM; needs root in its network namespace
  flatnet-agent config     print the effective settings and where each came from
  flatnet-agent --help     this text
  flatnet-agent --version

Settings, by environment variable [default]:
{settings}
Credentials are AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or else the
instance's role. The role needs ec2:DescribeNetworkInterfaces, ec2:DescribeSubnets,
ec2:DescribeInstanceTypes, ec2:CreateNetworkInterface, ec2:CreateTags,
ec2:AttachNetworkInterface, ec2:ModifyNetworkInterfaceAttribute, ec2:AssignPrivateIpAddresses,
ec2:DetachNetworkInterface and ec2:DeleteNetworkInterface.

The node is ready for pods once 10-flatnet.conflist is in FLATNET_CNI_CONF_DIR.

Examples:
  WARM_ENI_TARGET=0 MAX_ENI=2 flatnet-agent
  AWS_ENDPOINT_URL_EC2=http://10.10.1.9 FLATNET_LOG=debug flatnet-agent
  echo '{{\"version\":1,\"op\":\"status\"}}' | socat - UNIX-CONNECT:/run/flatnet/agent.sock
",
        version = env!("CARGO_PKG_VERSION"),
        settings = describe_settings(),
    )
}
