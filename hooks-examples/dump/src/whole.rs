//! How a whole dump is told from one that was cut off.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use bytesize::ByteSize;
use hookward_sdk::command::{self, Command};

use crate::{Dump, Folder};

/// What a whole dump looks like, and a question to ask where one doesn't.
#[derive(Debug, Clone, Copy)]
pub enum Whole {
    /// It begins with these bytes.
    Begins(&'static [u8], &'static str),
    /// One of its last lines begins so.
    Ends(&'static str, &'static str),
}

/// A command that looks at a dump, whose name it finds in the open place `file`.
#[derive(Debug)]
pub struct Verify {
    /// It ends with exit code 0 when all is well.
    pub command: Command,
    /// And then it says just this, if anything is asked of what it says.
    pub says: Option<&'static str>,
}

/// As much of the end as is looked at, in bytes: the last words of the programs are
/// within a few hundred.
const TAIL: u64 = 1024;

/// Looks at a file that was just written, and makes sure that it is on the disk.
/// Returns its size in bytes.
pub(crate) fn check(dump: &Dump, partial: &str, folder: &Folder) -> Result<u64, String> {
    let shown = folder.shown(partial);
    let unreadable = |error: io::Error| format!("{shown} can't be read: {error}: may the user of the backup read it?");
    let mut file = File::open(folder.dir.join(partial)).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!(
            "the command ended well, and {shown} isn't there: does the `argv` of the command write to the directory \
             that the hook's `dirs` grant shows as {}?",
            folder.dir.display()
        ),
        _ => unreadable(error),
    })?;
    let size = file.metadata().map_err(unreadable)?.len();
    if size < dump.min_size.max(1) {
        let least = ByteSize(dump.min_size.max(1));
        return Err(format!("it has {}, less than {least}: is this the right database?", ByteSize(size)));
    }
    match dump.whole {
        Whole::Begins(bytes, question) => {
            if !begins(&mut file, bytes).map_err(unreadable)? {
                return Err(format!("what was written is no such dump: {question}"));
            }
        }
        Whole::Ends(line, question) => {
            if !ends(&mut file, size, line).map_err(unreadable)? {
                return Err(format!("it was cut off: none of its last lines is `{line}`: {question}"));
            }
        }
    }
    if let Some(verify) = &dump.verify {
        verify.run(partial)?;
    }
    file.sync_all().map_err(|error| format!("{shown} can't be written to the disk: {error}"))?;
    Ok(size)
}

fn begins(file: &mut File, bytes: &[u8]) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(bytes.len().try_into().unwrap_or(u64::MAX)).read_to_end(&mut head)?;
    Ok(head == bytes)
}

fn ends(file: &mut File, size: u64, line: &str) -> io::Result<bool> {
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).lines().any(|last| last.starts_with(line)))
}

impl Verify {
    fn run(&self, partial: &str) -> Result<(), String> {
        let output = self.command.clone().arg("file", partial).run_ok().map_err(|error| match error {
            command::Error::Failed(failed) => format!("it was written, and is damaged: {failed}"),
            other => format!("it was written, and can't be checked: {other}"),
        })?;
        let said = output.stdout_text();
        match self.says {
            Some(asked) if said != asked => {
                let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
                Err(format!("it was written, and is damaged: the check says {first}"))
            }
            _ => Ok(()),
        }
    }
}
