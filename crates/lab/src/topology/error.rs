//! What is wrong with a topology file, and where.

use std::fmt;
use std::path::PathBuf;

/// Why a topology could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The file itself could not be read.
    #[error("cannot read the topology file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file was read and says something that cannot be.
    #[error("{}", render(source_name, problems))]
    Invalid {
        /// The file's name, as it appears before each line number.
        source_name: String,
        /// Every problem found, in the order of the lines.
        problems: Vec<Problem>,
    },
}

/// One thing wrong with a topology file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1.
    pub line: u64,
    /// Path of the field, for example `nodes[1].instanceType`; empty for the file as a whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            write!(f, "{}: {}", self.line, self.message)
        } else {
            write!(f, "{}: {}: {}", self.line, self.field, self.message)
        }
    }
}

/// One line per problem, each starting `file:line:` so that editors can jump to it.
fn render(source_name: &str, problems: &[Problem]) -> String {
    const SHOWN: usize = 50;
    let mut lines: Vec<String> =
        problems.iter().take(SHOWN).map(|problem| format!("{source_name}:{problem}")).collect();
    if problems.len() > SHOWN {
        lines.push(format!("{source_name}: and {} more problems", problems.len() - SHOWN));
    }
    lines.join("\n")
}
