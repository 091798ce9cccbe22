//! The CNI configuration that makes the node ready: there when pods can be started, and only then.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use flatnet_cni::SUPPORTED_VERSIONS;
use serde_json::json;

/// The file's name; runtimes take the first one in alphabetical order.
const FILE: &str = "10-flatnet.conflist";

/// The network's name and the version of the list: every runtime in use understands 1.0.0; newer
/// ones choose from `cniVersions`.
const NETWORK: &str = "flatnet";
const VERSION: &str = "1.0.0";

/// A list that this process wrote.
#[derive(Debug)]
pub struct Conflist {
    path: PathBuf,
    text: String,
}

impl Conflist {
    /// Writes the list into `directory`, wholly or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(directory: &Path, socket: &Path) -> io::Result<Self> {
        let path = directory.join(FILE);
        let list = json!({
            "cniVersion": VERSION,
            "cniVersions": SUPPORTED_VERSIONS,
            "name": NETWORK,
            "plugins": [{"type": "flatnet-cni", "agentSocket": socket}],
        });
        let text = format!("{list:#}\n");
        fs::create_dir_all(directory)?;
        // Runtimes look at names that end in .conf, .conflist or .json.
        let new = directory.join(format!(".{FILE}.new"));
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o644).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        File::open(directory)?.sync_all()?;
        Ok(Self { path, text })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the list away, unless somebody else has written another one since.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(self) -> io::Result<()> {
        match fs::read_to_string(&self.path) {
            Ok(text) if text == self.text => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_list_names_the_plugin_and_its_socket() {
        let directory = tempfile::tempdir().unwrap();
        let sub = directory.path().join("net.d");
        let list = Conflist::write(&sub, Path::new("/run/x.sock")).unwrap();
        let json: Value = serde_json::from_slice(&fs::read(list.path()).unwrap()).unwrap();
        assert_eq!(list.path(), sub.join("10-flatnet.conflist"));
        assert_eq!(json["plugins"][0]["type"], "flatnet-cni");
        assert_eq!(json["plugins"][0]["agentSocket"], "/run/x.sock");
        assert!(SUPPORTED_VERSIONS.contains(&json["cniVersion"].as_str().unwrap()));
        assert_eq!(fs::read_dir(&sub).unwrap().count(), 1, "nothing else is left");
        list.remove().unwrap();
        assert_eq!(fs::read_dir(&sub).unwrap().count(), 0);
    }

    #[test]
    fn only_what_this_process_wrote_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let list = Conflist::write(directory.path(), Path::new("/run/x.sock")).unwrap();
        let path = list.path().to_owned();
        fs::write(&path, "somebody else's").unwrap();
        list.remove().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody else's");
    }
}
