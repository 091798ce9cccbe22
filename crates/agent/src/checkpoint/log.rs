//! The file: lines appended durably, written anew atomically.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::CheckpointError;
use super::record::Record;

/// The first line; another means a file of another version.
const HEADER: &str = r#"{"flatnet_checkpoint":1}"#;

#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: File,
    /// Length in bytes of the complete lines.
    length: u64,
    lines: usize,
    /// A failed append left something behind that could not be cut off.
    torn: bool,
}

impl Log {
    /// Writes `records` to a new file that takes the place of `path`.
    pub(super) fn create(path: PathBuf, records: &[Record]) -> Result<Self, CheckpointError> {
        let failed = |action| move |source| (action, source);
        let write = || -> Result<(File, u64), (&'static str, io::Error)> {
            let directory = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(directory).map_err(failed("make the directory of"))?;
            let mut text = format!("{HEADER}\n");
            for record in records {
                text.push_str(&line(record).map_err(failed("encode"))?);
            }
            let new = path.with_extension("new");
            let mut file = OpenOptions::new()
                .create(true)
                .append(true)
                .truncate(false)
                .mode(0o600)
                .open(&new)
                .map_err(failed("create"))?;
            file.set_len(0).map_err(failed("create"))?;
            file.write_all(text.as_bytes()).map_err(failed("write"))?;
            file.sync_all().map_err(failed("write"))?;
            fs::rename(&new, &path).map_err(failed("replace"))?;
            // The rename itself must survive, or the old file comes back.
            File::open(directory).and_then(|dir| dir.sync_all()).map_err(failed("replace"))?;
            Ok((file, text.len() as u64))
        };
        match write() {
            Ok((file, length)) => {
                Ok(Self { path, file, length, lines: records.len(), torn: false })
            }
            Err((action, source)) => Err(CheckpointError { action, path, source }),
        }
    }

    pub(super) fn rewrite(&mut self, records: &[Record]) -> Result<(), CheckpointError> {
        *self = Self::create(self.path.clone(), records)?;
        Ok(())
    }

    /// Appends a line, wholly and durably or not at all.
    pub(super) fn append(&mut self, record: &Record) -> Result<(), CheckpointError> {
        let written = line(record).and_then(|line| {
            self.file.write_all(line.as_bytes())?;
            rustix::fs::fdatasync(&self.file)?;
            Ok(line.len() as u64)
        });
        match written {
            Ok(bytes) => {
                self.length += bytes;
                self.lines += 1;
                Ok(())
            }
            Err(source) => {
                self.torn = self.file.set_len(self.length).is_err();
                Err(CheckpointError { action: "write", path: self.path.clone(), source })
            }
        }
    }

    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    pub(super) fn needs_rewrite(&self) -> bool {
        self.torn
    }

    #[cfg(test)]
    pub(super) fn on_file(path: PathBuf, file: File) -> Self {
        Self { path, file, length: 0, lines: 0, torn: false }
    }
}

/// Reads the records of a log. What cannot be read is left out and noted.
pub(super) fn read(path: &Path, notes: &mut Vec<String>) -> Result<Vec<Record>, CheckpointError> {
    let failed = |action, source| CheckpointError { action, path: path.to_owned(), source };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("read", source)),
    };
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    // What follows the last newline was never replied to.
    if lines.pop().is_some_and(|torn| !torn.is_empty()) {
        notes.push("its last line is incomplete and was ignored".into());
    }
    let mut lines = lines.into_iter();
    match lines.next() {
        None => return Ok(Vec::new()),
        Some(first) if first == HEADER.as_bytes() => {}
        Some(_) => {
            let aside = path.with_extension("unreadable");
            fs::rename(path, &aside).map_err(|source| failed("set aside", source))?;
            let aside = aside.display();
            notes.push(format!("it is not a checkpoint of this version; it is now {aside}"));
            return Ok(Vec::new());
        }
    }
    let mut records = Vec::new();
    for (number, line) in (2..).zip(lines) {
        match serde_json::from_slice(line) {
            Ok(record) => records.push(record),
            Err(error) => notes.push(format!("line {number} was ignored: {error}")),
        }
    }
    Ok(records)
}

fn line(record: &Record) -> io::Result<String> {
    let mut line = serde_json::to_string(record)?;
    line.push('\n');
    Ok(line)
}
