//! `flatnet lab demo`: the whole path on one machine, checked, and nothing left afterwards.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use lab::host::{Comparison, HostSnapshot, LabProcesses};
use lab::journal::Event;
use lab::protocol::{Reply, Request};
use lab::topology::Topology;
use serde_json::json;

use super::progress::Progress;
use super::run_directory::RunDirectory;
use super::start::{Lifetime, Running, Starting};
use super::{Told, code, render};
use crate::cli::Format;
use crate::output;

/// A second, small lab beside the first: one that will be killed.
const SIDE_LAB: &str = "\
name: side
account: \"111122223333\"
region: us-west-2
vpc: {cidr: 10.10.0.0/16}
subnets:
  - {name: only, cidr: 10.10.1.0/24, availabilityZone: us-west-2a}
endpoints:
  - {service: ec2, subnet: only}
nodes:
  - {name: node-1, instanceType: t3.small, subnet: only}
pods:
  - {node: node-1, count: 2}
";

/// How much of the topology's name is in the demo's, whose pid makes it unique.
const LONGEST_STEM: usize = 16;

/// How long the kernel may take to be rid of a killed lab's processes and namespaces.
const GONE_LIMIT: Duration = Duration::from_secs(5);

/// Builds, shows, checks, tears down; succeeds only if every check held.
///
/// # Errors
/// When the lab could not be built or stopped answering. It is gone then, too.
pub fn run(mut told: Told, format: Format) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let stem: String = told.name.chars().take(LONGEST_STEM).collect();
    told.name = format!("{stem}-demo-{}", std::process::id());
    let side_name = format!("side-{}", std::process::id());
    remove_on_signal([told.name.clone(), side_name.clone()])?;
    let before = HostSnapshot::take();
    let mut progress = Progress::new(format);

    let lab = Starting::launch(&told, Lifetime::WithThisCommand)?
        .wait_up(|event| progress.show(event))?;
    let processes = lab.processes()?;
    show_status(&lab, format)?;
    lab.client().follow(&Request::Check, |event| progress.show(event))?;
    kill_beside(side_name, &lab, &mut progress)?;
    show_calls(&lab, format)?;
    lab.take_apart(|event| progress.show(event))?;
    compare_host(&before, &mut progress);
    nothing_alive(&processes, "host-processes", "", &mut progress)?;

    let held = progress.checks() - progress.broken().len();
    let seconds = started.elapsed().as_secs_f64();
    match format {
        Format::Json => output::json_line(&json!({
            "event": "summary",
            "checks": progress.checks(),
            "held": held,
            "broken": progress.broken(),
            "seconds": seconds,
        }))?,
        Format::Table if progress.all_held() => {
            output::data(&format!("\nall {held} checks held, in {seconds:.1} s\n"));
        }
        Format::Table => output::data(&format!(
            "\n{held} of {} checks held, in {seconds:.1} s; broken: {}\n",
            progress.checks(),
            progress.broken().join(", ")
        )),
    }
    Ok(code(progress.all_held()))
}

/// Ctrl-C ends the demo; its labs end with it, and their directories are removed here.
fn remove_on_signal(names: [String; 2]) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])
        .context("could not watch for Ctrl-C")?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                for name in &names {
                    let removed = RunDirectory::of(name).and_then(|directory| directory.remove());
                    if let Err(error) = removed {
                        output::error(&error);
                    }
                }
                output::tell("interrupted: the demo's labs end with it");
                std::process::exit(128 + signal);
            }
        })
        .context("could not watch for Ctrl-C")?;
    Ok(())
}

fn show_status(lab: &Running, format: Format) -> anyhow::Result<()> {
    let Reply::Status(status) = lab.client().ask(&Request::Status)? else {
        bail!("the lab answered something else than its status")
    };
    match format {
        Format::Json => output::json_line(&json!({"event": "status", "status": status})),
        Format::Table => {
            output::data(&format!("\n{}\n", render::status(&status)));
            Ok(())
        }
    }
}

fn show_calls(lab: &Running, format: Format) -> anyhow::Result<()> {
    let Reply::Calls { calls } = lab.client().ask(&Request::Calls { since: None })? else {
        bail!("the lab answered something else than its calls")
    };
    match format {
        Format::Json => output::json_line(&json!({"event": "calls", "calls": calls})),
        Format::Table => {
            output::data(&format!("\nEC2 calls so far\n{}\n", render::calls(&calls)));
            Ok(())
        }
    }
}

/// A second lab runs beside the first, with the same addresses; it is killed with SIGKILL, and
/// the first goes on.
fn kill_beside(name: String, first: &Running, progress: &mut Progress) -> anyhow::Result<()> {
    let started = Instant::now();
    let topology = Topology::from_yaml(SIDE_LAB).context("the side lab's topology")?;
    let before = HostSnapshot::take();
    let told = Told { topology, text: SIDE_LAB.to_owned(), name };
    let side = Starting::launch(&told, Lifetime::WithThisCommand)?
        .wait_up(|_| {})
        .context("the side lab")?;
    let Reply::Status(status) = side.client().ask(&Request::Status)? else {
        bail!("the side lab answered something else than its status")
    };
    let pods: usize = status.nodes.iter().map(|node| node.pods.len()).sum();
    let pid = side.main_pid();
    let processes = side.processes()?;
    side.kill()?;
    let mut wrong = wait_same(&before);
    if !matches!(first.client().ask(&Request::Status), Ok(Reply::Status(_))) {
        wrong.push("the first lab does not answer any more".to_owned());
    }
    if pods != 2 {
        wrong.push(format!("it ran {pods} pods instead of 2"));
    }
    let text = if wrong.is_empty() {
        format!(
            "a second lab with the same addresses ran {pods} pods beside this one; after kill -9 of \
             its main process the host is as before, and this lab goes on"
        )
    } else {
        format!("a second lab, its main process {pid} killed with -9: {}", wrong.join("; "))
    };
    let held = wrong.is_empty();
    show_check(progress, "killed-lab", held, text, started);
    nothing_alive(&processes, "killed-processes", "killed ", progress)
}

/// Every process of a lab is gone.
fn nothing_alive(
    lab: &LabProcesses,
    name: &str,
    which: &str,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut alive = lab.alive()?;
    while !alive.is_empty() && started.elapsed() < GONE_LIMIT {
        std::thread::sleep(Duration::from_millis(5));
        alive = lab.alive()?;
    }
    let text = if alive.is_empty() {
        format!("no process of the {which}lab is left")
    } else {
        format!("processes of the {which}lab are left: {}", alive.join(", "))
    };
    show_check(progress, name, alive.is_empty(), text, started);
    Ok(())
}

/// What of the host differs, once the kernel has had time to clean up.
fn wait_same(before: &HostSnapshot) -> Vec<String> {
    let started = Instant::now();
    loop {
        let compared = before.compare(&HostSnapshot::take());
        let changes: Vec<String> = compared.into_iter().flat_map(|aspect| aspect.changes).collect();
        if changes.is_empty() || started.elapsed() > GONE_LIMIT {
            return changes;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The host is as it was before the demo.
fn compare_host(before: &HostSnapshot, progress: &mut Progress) {
    let started = Instant::now();
    wait_same(before);
    for compared in before.compare(&HostSnapshot::take()) {
        let Comparison { aspect, before, changes, unreadable } = compared;
        let name = format!("host-{aspect}");
        let text = match unreadable {
            Some(reason) => {
                format!("this user can neither see nor change the host's {aspect} ({reason})")
            }
            None if changes.is_empty() => format!("as before ({before})"),
            None => changes.join("; "),
        };
        show_check(progress, &name, changes.is_empty(), text, started);
    }
}

fn show_check(progress: &mut Progress, name: &str, held: bool, text: String, started: Instant) {
    let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    progress.show(&Event::Check { name: name.to_owned(), held, text, milliseconds });
}
