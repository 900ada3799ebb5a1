//! `wasi:filesystem`: files of the machine, or of the record.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView as _;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult, IoError};

use super::answer::{Code, Many, Opaque, Reader, Value, malformed, named, told};
use super::item::Item;
use super::tape::Tape;
use super::view::{HasView, View, answered, async_methods, methods};
use crate::state::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasView>(linker, |state| View(state))?;
    preopens::add_to_linker::<_, HasView>(linker, |state| View(state))
}

told!(Advice, DescriptorFlags, NewTimestamp, OpenFlags, PathFlags);

named!(ErrorCode {
    Access,
    WouldBlock,
    Already,
    BadDescriptor,
    Busy,
    Deadlock,
    Quota,
    Exist,
    FileTooLarge,
    IllegalByteSequence,
    InProgress,
    Interrupted,
    Invalid,
    Io,
    IsDirectory,
    Loop,
    TooManyLinks,
    MessageSize,
    NameTooLong,
    NoDevice,
    NoEntry,
    NoLock,
    InsufficientMemory,
    InsufficientSpace,
    NotDirectory,
    NotEmpty,
    NotRecoverable,
    Unsupported,
    NoTty,
    NoSuchDevice,
    Overflow,
    NotPermitted,
    Pipe,
    ReadOnly,
    InvalidSeek,
    TextFileBusy,
    CrossDevice,
});

named!(DescriptorType { Unknown, BlockDevice, CharacterDevice, Directory, Fifo, SymbolicLink, RegularFile, Socket });

/// A value of an enumeration, where it is no error.
macro_rules! named_values {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn write(&self, _: &Tape) -> Item {
                Code::write(self)
            }

            fn read(item: Item, _: &mut Reader<'_>) -> wasmtime::Result<Self> {
                Code::read(&item).ok_or_else(malformed)
            }
        }
    )+};
}

named_values!(DescriptorType, ErrorCode);

impl Value for DescriptorFlags {
    fn write(&self, _: &Tape) -> Item {
        let names = FLAGS.iter().filter(|(_, flag)| self.contains(*flag));
        Item::List(names.map(|(name, _)| Item::text(*name)).collect())
    }

    fn read(item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
        let mut flags = Self::empty();
        for name in Many::<String>::read(item, reader)?.0 {
            flags |= FLAGS.iter().find(|(known, _)| *known == name).ok_or_else(malformed)?.1;
        }
        Ok(flags)
    }
}

const FLAGS: &[(&str, DescriptorFlags)] = &[
    ("read", DescriptorFlags::READ),
    ("write", DescriptorFlags::WRITE),
    ("file-integrity-sync", DescriptorFlags::FILE_INTEGRITY_SYNC),
    ("data-integrity-sync", DescriptorFlags::DATA_INTEGRITY_SYNC),
    ("requested-write-sync", DescriptorFlags::REQUESTED_WRITE_SYNC),
    ("mutate-directory", DescriptorFlags::MUTATE_DIRECTORY),
];

/// A record of WIT by the names of its fields.
macro_rules! fields {
    ($type:ident { $($field:ident),+ }) => {
        impl Value for $type {
            fn write(&self, tape: &Tape) -> Item {
                Item::named([$((stringify!($field), Value::write(&self.$field, tape))),+])
            }

            fn read(mut item: Item, reader: &mut Reader<'_>) -> wasmtime::Result<Self> {
                let mut field = |name: &str| {
                    item.get_mut(name).map(|item| std::mem::replace(item, Item::Nothing)).ok_or_else(malformed)
                };
                Ok(Self { $($field: Value::read(field(stringify!($field))?, reader)?),+ })
            }
        }
    };
}

fields!(DescriptorStat {
    type_,
    link_count,
    size,
    data_access_timestamp,
    data_modification_timestamp,
    status_change_timestamp
});
fields!(DirectoryEntry { type_, name });
fields!(MetadataHashValue { lower, upper });

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let directories: wasmtime::Result<Many<(Resource<Descriptor>, String)>> =
            answered!(self, "wasi:filesystem/preopens#get-directories", [], {
                preopens::Host::get_directories(&mut self.0.filesystem()).map(Many)
            });
        directories.map(|directories| directories.0)
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, err: Resource<IoError>) -> wasmtime::Result<Option<ErrorCode>> {
        answered!(self, "wasi:filesystem/types#filesystem-error-code", [err], {
            types::Host::filesystem_error_code(&mut self.0.filesystem(), err)
        })
    }
}

impl HostDescriptor for View<'_> {
    async_methods! { "wasi:filesystem/types#descriptor.", HostDescriptor of filesystem:
        fn advise(this: Resource<Descriptor>, offset: u64, length: u64, advice: Advice) -> FsResult<()>;
        fn sync_data(this: Resource<Descriptor>) -> FsResult<()>;
        fn get_flags(this: Resource<Descriptor>) -> FsResult<DescriptorFlags>;
        fn get_type(this: Resource<Descriptor>) -> FsResult<DescriptorType>;
        fn set_size(this: Resource<Descriptor>, size: u64) -> FsResult<()>;
        fn set_times(this: Resource<Descriptor>, atime: NewTimestamp, mtime: NewTimestamp) -> FsResult<()>;
        fn read(this: Resource<Descriptor>, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)>;
        fn write(this: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64>;
        fn read_directory(this: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>>;
        fn sync(this: Resource<Descriptor>) -> FsResult<()>;
        fn create_directory_at(this: Resource<Descriptor>, path: String) -> FsResult<()>;
        fn stat(this: Resource<Descriptor>) -> FsResult<DescriptorStat>;
        fn stat_at(this: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<DescriptorStat>;
        fn set_times_at(
            this: Resource<Descriptor>, flags: PathFlags, path: String, atime: NewTimestamp, mtime: NewTimestamp
        ) -> FsResult<()>;
        fn link_at(
            this: Resource<Descriptor>, flags: PathFlags, path: String, new: Resource<Descriptor>, new_path: String
        ) -> FsResult<()>;
        fn open_at(
            this: Resource<Descriptor>, flags: PathFlags, path: String, how: OpenFlags, access: DescriptorFlags
        ) -> FsResult<Resource<Descriptor>>;
        fn readlink_at(this: Resource<Descriptor>, path: String) -> FsResult<String>;
        fn remove_directory_at(this: Resource<Descriptor>, path: String) -> FsResult<()>;
        fn rename_at(
            this: Resource<Descriptor>, path: String, new: Resource<Descriptor>, new_path: String
        ) -> FsResult<()>;
        fn symlink_at(this: Resource<Descriptor>, target: String, path: String) -> FsResult<()>;
        fn unlink_file_at(this: Resource<Descriptor>, path: String) -> FsResult<()>;
        fn is_same_object(this: Resource<Descriptor>, other: Resource<Descriptor>) -> wasmtime::Result<bool>;
        fn metadata_hash(this: Resource<Descriptor>) -> FsResult<MetadataHashValue>;
        fn metadata_hash_at(this: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<MetadataHashValue>;
    }

    methods! { "wasi:filesystem/types#descriptor.", HostDescriptor of filesystem:
        fn read_via_stream(this: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynInputStream>>;
        fn write_via_stream(this: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynOutputStream>>;
        fn append_via_stream(this: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>>;
    }

    fn drop(&mut self, this: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        if self.is_replay() {
            return Opaque::drop(&mut self.0.table, &this);
        }
        HostDescriptor::drop(&mut self.0.filesystem(), this)
    }
}

impl HostDirectoryEntryStream for View<'_> {
    async_methods! { "wasi:filesystem/types#directory-entry-stream.", HostDirectoryEntryStream of filesystem:
        fn read_directory_entry(this: Resource<DirectoryEntryStream>) -> FsResult<Option<DirectoryEntry>>;
    }

    fn drop(&mut self, this: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.tape().forget(this.rep());
        if self.is_replay() {
            return Opaque::drop(&mut self.0.table, &this);
        }
        HostDirectoryEntryStream::drop(&mut self.0.filesystem(), this)
    }
}
