//! The command line of what has to do with registries, the lock and signatures.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use hookward_registry::Reference;

#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Take what has changed, too: of these hooks or components, or of all
    #[arg(long, num_args = 0.., value_name = "NAME")]
    pub(crate) update: Option<Vec<String>>,
    /// Don't ask, even if a component asks for more than it did
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Vendor {
    /// The directory, which is made if it isn't there
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The component
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where to: oci://HOST/NAME:TAG
    pub(crate) reference: Reference,
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// What: oci://HOST/NAME:TAG, or @sha256:...
    pub(crate) reference: Reference,
    /// The file to write [default: the last word of the name, and .wasm]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// A component's file, or a reference to a registry
    #[arg(value_name = "FILE|REFERENCE", value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// The private key: of cosign, or in PKCS#8
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: PathBuf,
    /// File with the key's password [default: COSIGN_PASSWORD]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A component's file, or a reference to a registry
    #[arg(value_name = "FILE|REFERENCE", value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// A public key, any of which will do [default: those of the configuration]
    #[arg(long = "key", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) keys: Vec<PathBuf>,
}
