//! `hook push`, `pull`, `sign` and `verify`: one component, and registries.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use hookward_engine::{Digest, Inspection, Limits};
use hookward_registry::signature::{PairSignature, Policy, PrivateKey, PublicKey, Signature, Signer};
use hookward_registry::{Artifact, Client, Failure, Reference, Registries};
use hookward_runner::config::{ComponentSettings, Config, SignatureSpec, Source};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{Pull, Push, Sign, Verify};
use crate::session::{Problem, Session};
use crate::{environment, output};

/// What the configuration says of registries, if there is one.
fn settings(session: &Session) -> Result<ComponentSettings, Problem> {
    match session.config_path() {
        Ok(path) => Ok(Config::load(&path)?.components),
        Err(Problem::NotFound(_)) if session.global.config.is_none() => Ok(ComponentSettings::default()),
        Err(error) => Err(error),
    }
}

fn client(session: &Session, registries: &Registries, reference: &Reference) -> Result<Client, Problem> {
    if session.global.offline {
        return Err(Problem::Registry(format!("{reference}: offline no registry is asked")));
    }
    Ok(Client::new(registries.clone()))
}

fn failed(failure: Failure) -> Problem {
    Problem::Registry(failure.message)
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

pub(crate) fn push(session: &Session, args: &Push) -> anyhow::Result<i32> {
    let Push { file, reference } = args;
    let bytes = read(file)?;
    let unusable = |failure| Problem::Component { file: file.clone(), failure };
    Inspection::of(&bytes).map_err(unusable)?;
    if session.global.dry_run {
        output::say(format_args!("{} would be pushed to {reference}", file.display()));
        return Ok(0);
    }
    let client = client(session, &settings(session)?.registries, reference)?;
    let runtime = session.runtime()?;
    let pushed = runtime.block_on(client.push(reference, bytes)).map_err(failed)?;
    runtime.shutdown_background();
    let pinned = format!("{reference}@{}", pushed.manifest);
    if session.global.json {
        let report = json!({
            "version": 1, "exit-code": 0, "reference": reference, "pinned": pinned,
            "manifest": pushed.manifest, "component": pushed.component, "size": pushed.size,
        });
        output::result(format_args!("{report:#}"))?;
    } else {
        output::result(pinned)?;
    }
    Ok(0)
}

pub(crate) fn pull(session: &Session, args: &Pull) -> anyhow::Result<i32> {
    let Pull { reference, output } = args;
    let name = reference.repository().rsplit('/').next().unwrap_or("hook");
    let file = output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")));
    let settings = settings(session)?;
    let client = client(session, &settings.registries, reference)?;
    let policy = policy(&settings, &Source::Registry(reference.clone()), &[])?;
    let runtime = session.runtime()?;
    let pulled = runtime.block_on(async {
        let artifact = client.resolve(reference).await?;
        let signed_by = match &policy {
            Some(policy) => {
                let signatures = client.signatures(reference, &artifact.subjects(), policy).await?;
                Some(policy.check_artifact(&artifact, &signatures)?)
            }
            None => None,
        };
        let bytes = client.component(reference, &artifact, Limits::default().component_size).await?;
        Ok::<_, Failure>((artifact, bytes, signed_by))
    });
    runtime.shutdown_background();
    let (artifact, bytes, signed_by) = pulled.map_err(failed)?;
    if !session.global.dry_run {
        write(&file, &bytes)?;
    }
    let Artifact { manifest, component, size, .. } = &artifact;
    if session.global.json {
        let report = json!({
            "version": 1, "exit-code": 0, "reference": reference, "file": file, "manifest": manifest.digest,
            "component": component, "size": size, "signed-by": signed_by.as_ref().map(Signer::name),
            "issuer": signed_by.as_ref().and_then(Signer::issuer),
        });
        output::result(format_args!("{report:#}"))?;
    } else if !session.global.quiet {
        output::result(format_args!("{}: {component}", file.display()))?;
        if let Some(signer) = signed_by {
            output::result(format_args!("signed by {signer}"))?;
        }
    }
    Ok(0)
}

/// Writes a file as a whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        let mut new = tempfile::Builder::new().prefix(".hookward-").permissions(mode).tempfile_in(dir)?;
        new.write_all(bytes)?;
        new.persist(file)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", file.display()))
}

/// What a command line names: what a registry has, or a file.
fn component(text: &str) -> Result<Source, Problem> {
    if Reference::is_meant(text) {
        let reference =
            text.parse().map_err(|error: hookward_registry::InvalidReference| Problem::NotNamed(error.to_string()))?;
        return Ok(Source::Registry(reference));
    }
    Ok(Source::File(PathBuf::from(text)))
}

pub(crate) fn sign(session: &Session, args: &Sign) -> anyhow::Result<i32> {
    let key = PrivateKey::read(&args.key, || password(args.password_file.as_deref()))
        .map_err(|error| Problem::Registry(error.to_string()))?;
    let unusable = |error: hookward_registry::signature::InvalidKey| Problem::Registry(error.to_string());
    let public = key.public().map_err(unusable)?;
    let (what, subject) = match component(&args.component)? {
        Source::File(file) => {
            let bytes = read(&file)?;
            let signature = PairSignature::of_file(&bytes, &key).map_err(unusable)?;
            let path = PairSignature::file(&file);
            if !session.global.dry_run {
                // Beside those of others, but for what was signed before.
                let kept = PairSignature::beside(&file).map_err(failed)?;
                let kept = kept.iter().filter(|kept| kept.is_of(&bytes, &public)).count();
                let mut text = std::fs::read_to_string(&path).unwrap_or_default();
                if kept == 0 {
                    text.push_str(&signature.to_base64());
                    text.push('\n');
                }
                write(&path, text.as_bytes())?;
            }
            (path.display().to_string(), Digest::of(&bytes))
        }
        Source::Registry(reference) => {
            let client = client(session, &settings(session)?.registries, &reference)?;
            let runtime = session.runtime()?;
            let signed = runtime.block_on(async {
                // What the tag stands for now is what is signed: who has looked at
                // another pins it by its digest.
                let artifact = client.resolve(&reference).await.map_err(failed)?;
                let subject = artifact.index.as_ref().map_or(artifact.manifest.digest, |index| index.digest);
                let signature = PairSignature::of_artifact(&reference, subject, &key).map_err(unusable)?;
                if !session.global.dry_run {
                    client.push_signature(&reference, subject, &signature).await.map_err(failed)?;
                }
                Ok::<_, Problem>(subject)
            });
            runtime.shutdown_background();
            (reference.to_string(), signed?)
        }
    };
    if session.global.json {
        let report = json!({
            "version": 1, "exit-code": 0, "component": args.component, "digest": subject, "key": public.fingerprint(),
        });
        output::result(format_args!("{report:#}"))?;
    } else if !session.global.quiet {
        output::result(format_args!("{what}: {subject} signed by {public}"))?;
    }
    Ok(0)
}

fn password(file: Option<&Path>) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    use std::os::unix::ffi::OsStringExt as _;
    let Some(file) = file else {
        return Ok(std::env::var_os(environment::KEY_PASSWORD).map(|password| Zeroizing::new(password.into_vec())));
    };
    let mut password = Zeroizing::new(std::fs::read(file)?);
    while password.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        password.pop();
    }
    Ok(Some(password))
}

pub(crate) fn verify(session: &Session, args: &Verify) -> anyhow::Result<i32> {
    let source = component(&args.component)?;
    let settings = settings(session)?;
    let policy = policy(&settings, &source, &args.keys)?.ok_or_else(|| {
        let message = format!("nothing says who has to have signed {source}: name the keys with --key");
        Problem::NotNamed(message)
    })?;
    let (digest, signer) = match &source {
        Source::File(file) => {
            let bytes = read(file)?;
            let signatures = Signature::beside(file).map_err(failed)?;
            let signer = policy.check_file(&bytes, &signatures).map_err(|failure| of(&source, &failure))?;
            (Digest::of(&bytes), signer)
        }
        Source::Registry(reference) => {
            let client = client(session, &settings.registries, reference)?;
            let runtime = session.runtime()?;
            let found = runtime.block_on(async {
                let artifact = client.resolve(reference).await?;
                let signatures = client.signatures(reference, &artifact.subjects(), &policy).await?;
                Ok((artifact, signatures))
            });
            runtime.shutdown_background();
            let (artifact, signatures) = found.map_err(failed)?;
            let signer = policy.check_artifact(&artifact, &signatures).map_err(|failure| of(&source, &failure))?;
            (artifact.manifest.digest, signer)
        }
    };
    if session.global.json {
        let report = json!({
            "version": 1, "exit-code": 0, "component": args.component, "digest": digest,
            "signed-by": signer.name(), "issuer": signer.issuer(),
        });
        output::result(format_args!("{report:#}"))?;
    } else if !session.global.quiet {
        output::result(format_args!("{source}: {digest} signed by {signer}"))?;
    }
    Ok(0)
}

fn of(source: &Source, failure: &Failure) -> Problem {
    Problem::Registry(format!("{source}: {failure}"))
}

/// Whose signature is asked for: on the command line, or else by the configuration.
fn policy(settings: &ComponentSettings, source: &Source, keys: &[PathBuf]) -> Result<Option<Policy>, Problem> {
    if keys.is_empty() {
        return settings.signature(source).map(SignatureSpec::read).transpose().map_err(failed);
    }
    let keys = keys.iter().map(|key| PublicKey::read(key)).collect::<Result<_, _>>();
    let keys = keys.map_err(|error| Problem::Registry(error.to_string()))?;
    Ok(Some(Policy { keys, keyless: None, origin: "--key".to_owned() }))
}
