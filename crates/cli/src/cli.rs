//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::lab::FaultArguments;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Flat pod networking for Kubernetes on AWS: try it, plan it, run it.
#[derive(Debug, Parser)]
#[command(name = "flatnet", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `flatnet` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A VPC on this machine: EC2 and metadata APIs, nodes and pods, real packets.
    Lab(LabArguments),
}

/// `flatnet lab`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, after_help = LAB_EXAMPLES)]
pub struct LabArguments {
    /// How to print what is asked for.
    #[arg(short, long, value_enum, default_value_t = Format::Table, global = true)]
    pub output: Format,
    /// The lab's name; without it, the topology's `name` (`up`, `demo`) or the one that runs.
    #[arg(long, global = true, value_name = "NAME")]
    pub name: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: LabCommand,
}

const LAB_EXAMPLES: &str = "\
Examples:
  flatnet lab demo                           build the default lab, check it, tear it down
  flatnet lab up -f lab.yaml                 build a lab from a file and keep it running
  flatnet lab status                         subnets, nodes, ENIs, pods
  flatnet lab exec node-1 -- ip route        run a command on a node (or in a pod)
  eval \"$(flatnet lab env)\"; aws ec2 describe-network-interfaces
                                             point an AWS client at the lab
  flatnet lab down                           end it; nothing is left";

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs: one JSON object (one per line where it takes time), stable names.
    Json,
}

/// What `flatnet lab` can do.
#[derive(Debug, Subcommand)]
pub enum LabCommand {
    /// Build a lab, show it, check it with real packets, tear it down; exits 0 only if all held.
    #[command(after_help = "Examples:\n  flatnet lab demo\n  flatnet lab demo -f lab.yaml -o json")]
    Demo(TopologyArguments),
    /// Build a lab and keep it running.
    #[command(
        after_help = "Examples:\n  flatnet lab up\n  flatnet lab template > lab.yaml; flatnet lab up -f lab.yaml --name two"
    )]
    Up(TopologyArguments),
    /// Show subnets, nodes, ENIs and pods.
    Status,
    /// Check with real packets that the pod network is flat.
    Check,
    /// Run a command on a node, in a pod, or in a part of the VPC.
    #[command(
        after_help = "Examples:\n  flatnet lab exec node-1 -- ip rule\n  flatnet lab exec default/node-1-pod-1 -- bash\n  flatnet lab exec router -- nft list ruleset\nThe exit status is the command's."
    )]
    Exec(ExecArguments),
    /// Print the variables that point an AWS client at the lab.
    Env,
    /// Serve the EC2, STS and EKS APIs alone: no namespaces, no privileges, no packets.
    #[command(
        after_help = "Examples:\n  flatnet lab api -f lab.yaml\n  flatnet lab api --listen 127.0.0.1:0 -o json"
    )]
    Api(ApiArguments),
    /// Count the EC2 calls made, by action and caller, or show them.
    #[command(
        after_help = "Examples:\n  flatnet lab calls --since 30s\n  flatnet lab calls --since 2026-11-23T11:40:00Z --events"
    )]
    Calls(CallsArguments),
    /// Let EC2 calls be throttled, fail, take long or be denied, and metadata be out of date.
    Fault(FaultArguments),
    /// Count the packets the fabric dropped, by reason and ENI.
    Drops,
    /// End the lab.
    Down,
    /// Print the default topology, commented, as a file to start from.
    Template,
    /// The lab's outermost process.
    #[command(hide = true)]
    Main(MainArguments),
    /// The lab's pid 1.
    #[command(hide = true)]
    Holder,
    /// The lab's daemon.
    #[command(hide = true)]
    Daemon,
}

/// Which calls to show, and how.
#[derive(Debug, Args)]
pub struct CallsArguments {
    /// Only calls since then: how long ago (500ms, 30s, 5m, 1h) or a time (RFC 3339).
    #[arg(long, value_name = "AGO|TIME")]
    pub since: Option<String>,
    /// Print each call as a line of JSON, as AWS CloudTrail would have it, instead of counts.
    #[arg(long)]
    pub events: bool,
}

/// What to build.
#[derive(Debug, Args)]
pub struct TopologyArguments {
    /// The topology; without it, the default one (`flatnet lab template`).
    #[arg(short, long, value_name = "lab.yaml")]
    pub file: Option<PathBuf>,
}

/// What to serve, and where.
#[derive(Debug, Args)]
pub struct ApiArguments {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    /// What there is at the start: a topology; without it, nothing.
    #[arg(short, long, value_name = "lab.yaml")]
    pub file: Option<PathBuf>,
    /// Accept requests signed with any key, as the administrator's.
    #[arg(long)]
    pub any_credentials: bool,
}

/// What to run where.
#[derive(Debug, Args)]
pub struct ExecArguments {
    /// A node, a pod (`NAME` or `NAMESPACE/NAME`), `control-plane`, `router` or `lab`.
    #[arg(value_name = "NODE|POD")]
    pub target: String,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// What `flatnet lab up` tells the lab's outermost process; the topology comes on standard input.
#[derive(Debug, Args)]
pub struct MainArguments {
    /// Where commands connect.
    #[arg(long)]
    pub socket: PathBuf,
    /// Where the EC2 API listens on the host.
    #[arg(long)]
    pub api: SocketAddr,
    /// Where the agent and the plugin are.
    #[arg(long)]
    pub binaries: PathBuf,
    /// End when the starting command, of this pid, ends.
    #[arg(long)]
    pub end_with: Option<u32>,
}
