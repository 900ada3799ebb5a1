//! A grant of requests as it is kept: what it was made of.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{HttpGrant, InvalidHttpGrant};

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Written {
    url: String,
    methods: Option<Vec<String>>,
    allow: Option<Vec<String>>,
    private: bool,
    unix: Option<File>,
    ca_file: Option<File>,
}

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct File(#[serde(with = "crate::event::path")] PathBuf);

impl From<HttpGrant> for Written {
    fn from(grant: HttpGrant) -> Self {
        let (methods, allow) = grant.said();
        let file = |path: Option<&Path>| path.map(|path| File(path.to_owned()));
        Self {
            url: grant.url(),
            methods,
            allow,
            private: grant.is_private(),
            unix: file(grant.socket()),
            ca_file: file(grant.authorities()),
        }
    }
}

impl TryFrom<Written> for HttpGrant {
    type Error = InvalidHttpGrant;

    fn try_from(written: Written) -> Result<Self, InvalidHttpGrant> {
        let mut grant = Self::new(&written.url)?;
        if let Some(methods) = &written.methods {
            grant = grant.methods(methods)?;
        }
        if let Some(rules) = &written.allow {
            grant = grant.allow(rules)?;
        }
        if let Some(File(file)) = written.ca_file {
            grant = grant.ca_file(file)?;
        }
        if written.private {
            grant = grant.private()?;
        }
        match written.unix {
            Some(File(socket)) => grant.unix(socket),
            None => Ok(grant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_the_same_after_it_was_kept() {
        let grants = [
            HttpGrant::new("https://hc-ping.com"),
            HttpGrant::new("https://*.example.com:8443/a/*?all=1").and_then(|grant| grant.methods(&["POST", "PUT"])),
            HttpGrant::new("http://[::1]/x").and_then(|grant| grant.methods(&["DELETE"])),
            HttpGrant::new("https://nas").and_then(|grant| grant.ca_file("/etc/ca.pem".into())?.private()),
            HttpGrant::new("http://docker")
                .and_then(|grant| grant.allow(&["POST /v*/stop", "GET /json?all=1"])?.unix("/run/docker.sock".into())),
        ];
        for grant in grants {
            let grant = grant.unwrap();
            let kept = serde_json::to_string(&grant).unwrap();
            assert_eq!(serde_json::from_str::<HttpGrant>(&kept).unwrap(), grant, "{kept}");
        }
        let forged = serde_json::to_string(&HttpGrant::new("https://a.b").unwrap()).unwrap().replace("https", "ftp");
        assert!(serde_json::from_str::<HttpGrant>(&forged).is_err());
    }
}
