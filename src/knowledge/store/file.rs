//! Opening the file: creating, recognising, moving aside.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, StorageError, TableDefinition, TableError,
};
use tracing::error;

use super::{BLOCKS, FITS, HEADS, OLDER, StoreError};
use crate::domain::{Clock, SystemClock};

const NAME: &str = "forescale.redb";

/// Names the format; a file without it is not ours.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT_KEY: &str = "forescale-format";
const FORMAT: u64 = 1;

/// redb's own default is a gibibyte; everything that matters is in memory already.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Device and inode: what tells one file from another under the same name.
pub(super) type Identity = (u64, u64);

/// Which file lies at `path`; `None` where there is none, or the system has no such numbers.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Why a file could not be opened.
enum Refusal {
    Io(io::Error),
    Locked,
    /// It is damaged, foreign or of another version: not to be trusted.
    Unusable(String),
}

/// What a file that can be read holds.
enum Found {
    /// No table at all.
    Empty,
    /// Tables of the right types.
    Tables {
        format: Option<u64>,
        /// Whether none is missing.
        complete: bool,
    },
}

/// The path of the file in folder `dir`.
pub(super) fn path_in(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

/// Opens or creates the file, and its folder; one that can't be trusted is moved aside first.
pub(super) fn open(path: &Path) -> Result<Database, StoreError> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|source| open_error(path, source))?;
    }
    let reason = match try_open(path) {
        Ok(database) => return Ok(database),
        Err(Refusal::Unusable(reason)) => reason,
        Err(other) => return Err(refused(path, other)),
    };
    move_aside(path, "damaged", &reason)?;
    try_open(path).map_err(|other| refused(path, other))
}

/// Gives the file another name, with what is the matter in it.
pub(super) fn move_aside(path: &Path, what: &str, reason: &str) -> Result<(), StoreError> {
    let aside = free_name(path, what);
    fs::rename(path, &aside).map_err(|source| open_error(path, source))?;
    error!(
        path = %path.display(), moved_to = %aside.display(), reason,
        "snapshot can't be used, it was moved aside and learning starts anew"
    );
    Ok(())
}

fn try_open(path: &Path) -> Result<Database, Refusal> {
    create_private(path).map_err(Refusal::Io)?;
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        // Reads every page once and compares checksums: a damaged file is found here and not in the middle of work.
        .set_check_integrity_on_open(true)
        .create(path)
        .map_err(Refusal::from)?;
    recognise(&database)?;
    Ok(database)
}

/// Metadata may hold what tenants consider private, so only we may read the file.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            file.sync_all()?;
            // The name itself must survive a power cut too.
            path.parent()
                .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the file is ours and of our format; a new one becomes so.
fn recognise(database: &Database) -> Result<(), Refusal> {
    let read = || -> Result<Found, redb::Error> {
        let transaction = database.begin_read()?;
        if transaction.list_tables()?.next().is_none() {
            return Ok(Found::Empty);
        }
        let format = transaction
            .open_table(META)?
            .get(FORMAT_KEY)?
            .map(|format| format.value());
        // Opening checks the types of the tables.
        transaction.open_table(HEADS)?;
        transaction.open_table(FITS)?;
        transaction.open_table(BLOCKS)?;
        let complete = match transaction.open_table(OLDER) {
            Ok(_) => true,
            Err(TableError::TableDoesNotExist(_)) => false,
            Err(error) => return Err(error.into()),
        };
        Ok(Found::Tables { format, complete })
    };
    match read() {
        // A file of an earlier version has no table for the older part of histories yet.
        Ok(
            Found::Empty
            | Found::Tables {
                format: Some(FORMAT),
                complete: false,
            },
        ) => initialise(database).map_err(|error| Refusal::Io(io_error(error))),
        Ok(Found::Tables {
            format: Some(FORMAT),
            complete: true,
        }) => Ok(()),
        Ok(Found::Tables {
            format: Some(format),
            ..
        }) => Err(Refusal::Unusable(format!(
            "it has format {format}, this version reads {FORMAT}"
        ))),
        Ok(Found::Tables { format: None, .. }) => Err(Refusal::Unusable(
            "it is not a snapshot of forescale".to_owned(),
        )),
        Err(redb::Error::Io(error)) => Err(Refusal::Io(error)),
        Err(error) => Err(Refusal::Unusable(error.to_string())),
    }
}

fn initialise(database: &Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    transaction.open_table(HEADS)?;
    transaction.open_table(FITS)?;
    transaction.open_table(BLOCKS)?;
    transaction.open_table(OLDER)?;
    transaction.commit()?;
    Ok(())
}

fn free_name(path: &Path, what: &str) -> PathBuf {
    let now = SystemClock.now().to_rfc3339().replace(':', "-");
    let name = |number: &str| path.with_file_name(format!("{NAME}.{what}-{now}{number}"));
    let mut number = 1;
    let mut free = name("");
    while free.exists() {
        number += 1;
        free = name(&format!("-{number}"));
    }
    free
}

fn refused(path: &Path, refusal: Refusal) -> StoreError {
    match refusal {
        Refusal::Io(source) => open_error(path, source),
        Refusal::Locked => StoreError::Locked {
            path: path.display().to_string(),
        },
        Refusal::Unusable(reason) => open_error(path, io::Error::other(reason)),
    }
}

fn open_error(path: &Path, source: io::Error) -> StoreError {
    StoreError::Open {
        path: path.display().to_string(),
        source,
    }
}

fn io_error(error: redb::Error) -> io::Error {
    match error {
        redb::Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                Self::Locked
            }
            DatabaseError::Storage(StorageError::Io(error))
                if !matches!(
                    error.kind(),
                    ErrorKind::InvalidData | ErrorKind::UnexpectedEof
                ) =>
            {
                Self::Io(error)
            }
            other => Self::Unusable(other.to_string()),
        }
    }
}
