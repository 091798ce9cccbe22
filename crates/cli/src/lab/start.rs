//! Starting a lab's processes and waiting for them.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use lab::client::Client;
use lab::host::LabProcesses;
use lab::journal::Event;
use lab::process::{Bootstrap, MainArguments, run_main};
use lab::protocol::Request;
use tracing_subscriber::EnvFilter;

use super::Told;
use super::run_directory::{CreationGuard, RunDirectory};
use crate::cli;

/// How long the lab's first process may take to listen.
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
/// How long an ending lab may take to be gone.
const GONE_LIMIT: Duration = Duration::from_secs(10);

/// When a lab ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// When `flatnet lab down` says so.
    UntilDown,
    /// When the command that started it ends, however it ends.
    WithThisCommand,
}

/// A lab whose processes were started.
#[derive(Debug)]
pub struct Starting {
    /// Where its socket and log are.
    pub directory: RunDirectory,
    main: Child,
    /// Held until it listens.
    guard: Option<CreationGuard>,
}

impl Starting {
    /// Starts a lab's processes.
    ///
    /// # Errors
    /// When a lab of that name runs, or a program is missing.
    pub fn launch(told: &Told, lifetime: Lifetime) -> anyhow::Result<Self> {
        let binaries = binaries()?;
        let directory = RunDirectory::of(&told.name)?;
        let guard = directory.create()?;
        let log = File::create(directory.log())
            .with_context(|| format!("could not write {}", directory.log().display()))?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("flatnet")
            .args(["lab", "--name", &told.name, "main", "--socket"])
            .arg(directory.socket())
            .args(["--api", &told.topology.api.listen.to_string(), "--binaries"])
            .arg(&binaries)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log);
        if lifetime == Lifetime::WithThisCommand {
            command.args(["--end-with", &std::process::id().to_string()]);
        }
        let mut main = command.spawn().context("could not start the lab")?;
        if let Some(mut stdin) = main.stdin.take() {
            stdin.write_all(told.text.as_bytes()).context("could not hand over the topology")?;
        }
        Ok(Self { directory, main, guard: Some(guard) })
    }

    /// Waits until the lab is up, showing its progress. A lab that fails is ended.
    ///
    /// # Errors
    /// What failed, with the end of the log where that says more.
    pub fn wait_up(mut self, mut watch: impl FnMut(&Event)) -> anyhow::Result<Running> {
        let started = Instant::now();
        while !self.directory.is_running() {
            if let Some(status) = self.main.try_wait()? {
                let log = std::fs::read_to_string(self.directory.log()).unwrap_or_default();
                self.directory.remove()?;
                bail!("the lab could not start ({status}):\n{}", log.trim_end());
            }
            if started.elapsed() > LISTEN_LIMIT {
                self.end()?;
                bail!(
                    "the lab did not listen within {LISTEN_LIMIT:?}; see {}",
                    self.directory.log().display()
                );
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.guard = None;
        let client = Client::new(&self.directory.socket());
        let mut failure = None;
        let followed = client.follow(&Request::Watch, |event| match event {
            Event::Failed { error } => failure = Some(error.clone()),
            other => watch(other),
        });
        match followed {
            Ok(true) => Ok(Running { directory: self.directory, main: self.main }),
            Ok(false) => {
                self.end()?;
                bail!("{}", failure.unwrap_or_default())
            }
            Err(error) => {
                let log = self.directory.log();
                self.end()?;
                Err(error).with_context(|| format!("the lab broke down; see {}", log.display()))
            }
        }
    }

    fn end(&mut self) -> anyhow::Result<()> {
        self.main.kill().context("could not end the lab's main process")?;
        self.main.wait().map(drop).context("could not wait for the lab's main process")
    }
}

/// A lab that is up, started by this command.
#[derive(Debug)]
pub struct Running {
    /// Where its socket and log are.
    pub directory: RunDirectory,
    main: Child,
}

impl Running {
    /// A client of it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.directory.socket())
    }

    /// The main process, as the host knows it.
    #[must_use]
    pub fn main_pid(&self) -> u32 {
        self.main.id()
    }

    /// All of its processes, the main one included.
    ///
    /// # Errors
    /// When it has ended.
    pub fn processes(&self) -> anyhow::Result<LabProcesses> {
        LabProcesses::of(self.main.id()).context("could not look at the lab's processes")
    }

    /// Kills the main process with SIGKILL, and waits until nothing answers.
    ///
    /// # Errors
    /// When the process cannot be killed.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.main.kill().context("could not kill the lab's main process")?;
        self.main.wait().context("could not wait for the lab's main process")?;
        wait_gone(&self.directory)?;
        self.directory.remove()
    }

    /// Ends pods, then nodes, then the lab, checking that every address comes back.
    ///
    /// # Errors
    /// When it stops answering.
    pub fn take_apart(mut self, watch: impl FnMut(&Event)) -> anyhow::Result<()> {
        self.client().follow(&Request::TakeApart, watch)?;
        self.client().follow(&Request::Down, |_| {})?;
        self.main.wait().context("could not wait for the lab's main process")?;
        wait_gone(&self.directory)?;
        self.directory.remove()
    }
}

/// Waits until nothing listens for the lab any more.
///
/// # Errors
/// When something still does after a while.
pub fn wait_gone(directory: &RunDirectory) -> anyhow::Result<()> {
    let started = Instant::now();
    while directory.is_running() {
        if started.elapsed() > GONE_LIMIT {
            bail!("lab `{}` still answers after {GONE_LIMIT:?}", directory.name);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The hidden command that is the lab's outermost process.
///
/// # Errors
/// When the lab cannot begin.
pub fn main_process(arguments: cli::MainArguments, name: &str) -> anyhow::Result<ExitCode> {
    log_to_stderr();
    let mut topology = String::new();
    std::io::stdin().read_to_string(&mut topology).context("no topology on standard input")?;
    run_main(&MainArguments {
        bootstrap: Bootstrap { name: name.to_owned(), topology, binaries: arguments.binaries },
        control_socket: arguments.socket,
        api: arguments.api,
        end_with: arguments.end_with,
    })
}

/// Logs of the lab's own processes; `RUST_LOG` chooses what.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    subscriber.with_writer(std::io::stderr).init();
}

/// The directory of the agent and the plugin: that of this program.
fn binaries() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("could not find this program's own path")?;
    let directory = own.parent().context("this program has no directory")?.to_owned();
    for program in ["flatnet-agent", "flatnet-cni"] {
        let path = directory.join(program);
        if !path.is_file() {
            bail!(
                "{} is missing; build it beside this program (cargo build --release --workspace)",
                path.display()
            );
        }
    }
    Ok(directory)
}
