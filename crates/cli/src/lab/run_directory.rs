//! Where running labs are found: one directory each, with a socket and a log.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

/// The longest name, as in the topology.
const MAX_NAME: usize = 32;

/// Keeps other labs from being made.
#[derive(Debug)]
pub struct CreationGuard {
    _lock: File,
}

/// A lab's directory on the host.
#[derive(Debug, Clone)]
pub struct RunDirectory {
    /// The lab's name.
    pub name: String,
    path: PathBuf,
}

impl RunDirectory {
    /// The directory of the lab called `name`, whether or not it exists.
    ///
    /// # Errors
    /// When the base directory cannot be made or is not this user's alone.
    pub fn of(name: &str) -> anyhow::Result<Self> {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(good) {
            bail!(
                "{name:?} cannot be a lab's name; use 1 to {MAX_NAME} of the characters a-z, 0-9 and -"
            );
        }
        Ok(Self { name: name.to_owned(), path: base()?.join(name) })
    }

    /// The lab that is meant: `name` if given, else the only one that runs.
    ///
    /// # Errors
    /// None runs, or several do.
    pub fn find(name: Option<&str>) -> anyhow::Result<Self> {
        if let Some(name) = name {
            return Self::of(name);
        }
        let mut running = Self::all()?;
        running.retain(Self::is_running);
        match running.as_slice() {
            [one] => Ok(one.clone()),
            [] => bail!("no lab is running; start one with `flatnet lab up`"),
            several => {
                let names: Vec<&str> = several.iter().map(|lab| lab.name.as_str()).collect();
                bail!("several labs are running; choose one: --name {}", names.join(" | --name "))
            }
        }
    }

    fn all() -> anyhow::Result<Vec<Self>> {
        let base = base()?;
        let entries = fs::read_dir(&base).with_context(|| format!("{}", base.display()))?;
        let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        Ok(names.map(|name| Self { path: base.join(&name), name }).collect())
    }

    /// Makes the directory for a new lab; what ended labs left is removed. Until the guard is
    /// dropped nobody else makes one: keep it until the lab listens.
    ///
    /// # Errors
    /// When a lab of this name runs, or the directory cannot be made.
    pub fn create(&self) -> anyhow::Result<CreationGuard> {
        let base = base()?;
        let lock = File::open(&base).context("could not open the labs' directory")?;
        flock(&lock, FlockOperation::LockExclusive)
            .context("could not lock the labs' directory")?;
        if self.is_running() {
            let name = &self.name;
            bail!(
                "a lab called `{name}` is running; end it (flatnet lab down --name {name}) or choose another --name"
            );
        }
        for ended in Self::all()?.into_iter().filter(|lab| !lab.is_running()) {
            // Another's leftovers must not stop this lab.
            if let Err(error) = ended.remove()
                && ended.name == self.name
            {
                return Err(error);
            }
        }
        private_directory(&self.path)
            .with_context(|| format!("could not make {}", self.path.display()))?;
        Ok(CreationGuard { _lock: lock })
    }

    /// Removes the directory of an ended lab. Only what labs make is removed.
    ///
    /// # Errors
    /// When there is something else in it, or the file system refuses.
    pub fn remove(&self) -> anyhow::Result<()> {
        let gone = |result: io::Result<()>| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        // Never anybody's files: a directory without these two is no lab's.
        let ours = [self.socket(), self.log()];
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => Err(error),
        };
        let path = self.path.display();
        let entries = entries.with_context(|| format!("could not look into {path}"))?;
        if entries.iter().any(|entry| !ours.contains(&entry.path())) {
            bail!(
                "{path} is no lab's directory (it holds more than a socket and a log); nothing was removed"
            );
        }
        let removed = ours.iter().try_for_each(|file| gone(fs::remove_file(file)));
        removed
            .and_then(|()| gone(fs::remove_dir(&self.path)))
            .with_context(|| format!("could not remove {path}"))
    }

    /// Whether a lab listens.
    #[must_use]
    pub fn is_running(&self) -> bool {
        UnixStream::connect(self.socket()).is_ok()
    }

    /// Where commands connect.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// What the lab's processes say.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}

/// `$FLATNET_LAB_DIR`, else a directory of this user's own that goes with the session or reboot.
fn base() -> anyhow::Result<PathBuf> {
    let uid = rustix::process::geteuid();
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = match (from("FLATNET_LAB_DIR"), from("XDG_RUNTIME_DIR")) {
        (Some(told), _) => told,
        (None, Some(runtime)) if runtime.is_dir() => runtime.join("flatnet-lab"),
        _ if uid.is_root() => PathBuf::from("/run/flatnet-labs"),
        _ => PathBuf::from(format!("/tmp/flatnet-lab-{}", uid.as_raw())),
    };
    let made = private_directory(&base);
    made.with_context(|| {
        format!("could not use {}; set FLATNET_LAB_DIR to a directory of yours", base.display())
    })?;
    Ok(base)
}

/// Makes a directory only this user may enter, or checks that it is one.
fn private_directory(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found = fs::symlink_metadata(path)?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != own || found.mode() & 0o022 != 0 {
        let message =
            format!("{} is not a directory that only this user can write", path.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(())
}
