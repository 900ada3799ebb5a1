//! What stands in the config itself, or better in a secret.

use hookward_sdk::secrets;

/// A value that has two keys: `token` and `token-secret`, say.
pub(crate) struct Credential<'a> {
    pub(crate) key: &'static str,
    pub(crate) clear: Option<&'a String>,
    pub(crate) secret: Option<&'a String>,
    pub(crate) required: bool,
}

impl Credential<'_> {
    pub(crate) fn check(&self) -> Result<(), String> {
        let key = self.key;
        match (self.clear, self.secret) {
            (None, None) if self.required => {
                Err(format!("name a secret in `{key}-secret`, or give the value itself in `{key}`"))
            }
            (Some(_), Some(_)) => Err(format!("leave `{key}` out: `{key}-secret` is given")),
            _ => Ok(()),
        }
    }

    /// The value: empty when it isn't given, and isn't needed.
    pub(crate) fn read(&self) -> Result<String, String> {
        match (self.clear, self.secret) {
            (_, Some(name)) => {
                let secret = secrets::secret(name).map_err(|error| error.to_string())?;
                Ok(secret.expose().trim().to_owned())
            }
            (Some(clear), None) => Ok(clear.trim().to_owned()),
            (None, None) => Ok(String::new()),
        }
    }
}
