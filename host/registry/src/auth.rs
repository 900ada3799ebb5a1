//! Who we are to a registry: what Docker's configuration, or that of Podman, says.

use std::time::Duration;

use docker_credential::{CredentialRetrievalError, DockerCredential};
use http_auth::parser::ChallengeParser;
use oci_client::secrets::RegistryAuth;
use reqwest::header::HeaderValue;
use url::Url;

use crate::failure::{Failure, Reason};

/// How long a helper may take that Docker's configuration names. Some ask a keyring.
const HELPER: Duration = Duration::from_secs(30);

/// Docker's own registry is another name in its configuration.
const DOCKER: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");

/// The credentials for a registry; none where none are configured.
pub(crate) async fn credentials(host: &str) -> Result<RegistryAuth, Failure> {
    let server = if host == DOCKER.0 { DOCKER.1 } else { host }.to_owned();
    let denied = |message: String| Failure::new(Reason::Denied, message);
    // A helper is a process, and is waited for.
    let asked = tokio::task::spawn_blocking(move || find(&server));
    let found = tokio::time::timeout(HELPER, asked).await;
    match found {
        Ok(Ok(Ok(Some(DockerCredential::UsernamePassword(user, password))))) => Ok(RegistryAuth::Basic(user, password)),
        Ok(Ok(Ok(Some(DockerCredential::IdentityToken(_))))) => {
            let message =
                format!("the credentials for {host} are an identity token: log in with a user and a password");
            Err(denied(message))
        }
        Ok(Ok(Ok(None))) => Ok(RegistryAuth::Anonymous),
        Ok(Ok(Err(error))) => Err(denied(format!("the credentials for {host} can't be read: {error}"))),
        Ok(Err(_)) => Err(denied(format!("the credentials for {host} can't be read"))),
        Err(_) => Err(denied(format!("the credential helper for {host} didn't answer within {} s", HELPER.as_secs()))),
    }
}

fn find(server: &str) -> Result<Option<DockerCredential>, CredentialRetrievalError> {
    for found in [docker_credential::get_credential(server), docker_credential::get_podman_credential(server)] {
        match found {
            Ok(credential) => return Ok(Some(credential)),
            Err(
                CredentialRetrievalError::NoCredentialConfigured
                | CredentialRetrievalError::ConfigNotFound
                | CredentialRetrievalError::ConfigReadError,
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Refuses to send a password in the clear where the registry itself isn't plain: it
/// names who is to be asked for a token.
pub(crate) fn check_challenge(challenge: &HeaderValue, plain: bool) -> Result<(), Failure> {
    let refused = |what: &str| Failure::new(Reason::Denied, format!("the registry sends us for a token to {what}"));
    let text = challenge.to_str().map_err(|_| refused("something that can't be read"))?;
    for challenge in ChallengeParser::new(text).flatten().filter(|found| found.scheme.eq_ignore_ascii_case("bearer")) {
        let mut realms = challenge.params.iter().filter(|(name, _)| name.eq_ignore_ascii_case("realm"));
        let realm = realms.next().map(|(_, value)| value.to_unescaped()).unwrap_or_default();
        let url = Url::parse(&realm).map_err(|_| refused("no address"))?;
        if url.scheme() != "https" && !plain {
            return Err(refused(&format!("{}, where a password would go in the clear", crate::failure::clean(&realm))));
        }
    }
    Ok(())
}
