//! Locations of repositories, without the credentials in them.

use url::Url;

/// The location with user names, passwords and query removed: fit to be told to
/// hooks and to be printed.
#[must_use]
pub fn without_credentials(location: &str) -> String {
    // `rest:https://...`, `s3:https://...`: a backend's name before a URL.
    let (backend, rest) = match location.split_once("://") {
        Some((head, _)) => match head.rfind(':') {
            Some(at) => location.split_at_checked(at + 1).unwrap_or(("", location)),
            None => ("", location),
        },
        None => {
            // `sftp:user@host:/path`, and no user name in a path.
            let stripped = location.strip_prefix("sftp:").and_then(|rest| {
                let (user, rest) = rest.split_once('@')?;
                (!user.contains('/')).then(|| format!("sftp:{rest}"))
            });
            return stripped.unwrap_or_else(|| location.to_owned());
        }
    };
    let Ok(mut url) = Url::parse(rest) else {
        // Not to be understood, so not to be shown: it may hold a password.
        return if rest.contains('@') { format!("{backend}[unreadable]") } else { location.to_owned() };
    };
    // A location without these parts is kept to the letter.
    if url.username().is_empty() && url.password().is_none() && url.query().is_none() {
        return location.to_owned();
    }
    url.set_query(None);
    if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
        return format!("{backend}[unreadable]");
    }
    format!("{backend}{url}")
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn credentials_are_removed() {
        for (location, clean) in [
            ("/srv/restic", "/srv/restic"),
            ("/srv/a@b:c", "/srv/a@b:c"),
            ("rest:https://me:secret@host:8000/repo", "rest:https://host:8000/repo"),
            ("rest:https://host:8000/repo", "rest:https://host:8000/repo"),
            ("s3:https://key:secret@s3.example.com/bucket", "s3:https://s3.example.com/bucket"),
            ("s3:s3.amazonaws.com/bucket", "s3:s3.amazonaws.com/bucket"),
            ("sftp:backup@nas:/srv/restic", "sftp:nas:/srv/restic"),
            ("sftp://backup:pw@nas:2222//srv/restic", "sftp://nas:2222//srv/restic"),
            ("sftp:nas:/srv/a@b", "sftp:nas:/srv/a@b"),
            ("b2:bucket:path", "b2:bucket:path"),
            ("rclone:remote:path", "rclone:remote:path"),
            ("rest:https://host/repo?token=secret", "rest:https://host/repo"),
        ] {
            assert_eq!(without_credentials(location), clean);
        }
    }
}
