//! Who is notified, as it is configured.

use serde::Deserialize;

use crate::credential::Credential;

/// One service, and what it wants to know.
#[derive(Deserialize)]
#[serde(tag = "service", rename_all = "kebab-case")]
pub(crate) enum Target {
    Discord(Incoming),
    Slack(Incoming),
    Ntfy(Ntfy),
    Gotify(Gotify),
    Telegram(Telegram),
    Matrix(Matrix),
    Mailgun(Mailgun),
    Postmark(Mail),
    Sendgrid(Mail),
    Webhook(Webhook),
}

/// A URL that knows where to.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Incoming {
    url: Option<String>,
    url_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Ntfy {
    #[serde(default = "ntfy")]
    pub(crate) server: String,
    topic: Option<String>,
    topic_secret: Option<String>,
    token: Option<String>,
    token_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Gotify {
    pub(crate) server: String,
    token: Option<String>,
    token_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Telegram {
    #[serde(default = "telegram")]
    pub(crate) server: String,
    pub(crate) chat_id: ChatId,
    token: Option<String>,
    token_secret: Option<String>,
}

/// A number, or the `@name` of a channel.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum ChatId {
    Number(i64),
    Name(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Matrix {
    pub(crate) server: String,
    pub(crate) room: String,
    token: Option<String>,
    token_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Mailgun {
    #[serde(default = "mailgun")]
    pub(crate) server: String,
    pub(crate) domain: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    token: Option<String>,
    token_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Mail {
    /// None is the service's own.
    pub(crate) server: Option<String>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    token: Option<String>,
    token_secret: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Webhook {
    url: Option<String>,
    url_secret: Option<String>,
    token: Option<String>,
    token_secret: Option<String>,
}

impl Target {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Discord(_) => "discord",
            Self::Slack(_) => "slack",
            Self::Ntfy(_) => "ntfy",
            Self::Gotify(_) => "gotify",
            Self::Telegram(_) => "telegram",
            Self::Matrix(_) => "matrix",
            Self::Mailgun(_) => "mailgun",
            Self::Postmark(_) => "postmark",
            Self::Sendgrid(_) => "sendgrid",
            Self::Webhook(_) => "webhook",
        }
    }

    /// Where to: the URL, or the topic. Some have none that is secret.
    pub(crate) fn place(&self) -> Option<Credential<'_>> {
        let (key, clear, secret) = match self {
            Self::Discord(Incoming { url, url_secret })
            | Self::Slack(Incoming { url, url_secret })
            | Self::Webhook(Webhook { url, url_secret, .. }) => ("url", url, url_secret),
            Self::Ntfy(Ntfy { topic, topic_secret, .. }) => ("topic", topic, topic_secret),
            _ => return None,
        };
        Some(Credential { key, clear: clear.as_ref(), secret: secret.as_ref(), required: true })
    }

    /// What opens the door there.
    pub(crate) fn token(&self) -> Option<Credential<'_>> {
        let (clear, secret, required) = match self {
            Self::Discord(_) | Self::Slack(_) => return None,
            Self::Ntfy(Ntfy { token, token_secret, .. }) | Self::Webhook(Webhook { token, token_secret, .. }) => {
                (token, token_secret, false)
            }
            Self::Gotify(Gotify { token, token_secret, .. })
            | Self::Telegram(Telegram { token, token_secret, .. })
            | Self::Matrix(Matrix { token, token_secret, .. })
            | Self::Mailgun(Mailgun { token, token_secret, .. })
            | Self::Postmark(Mail { token, token_secret, .. })
            | Self::Sendgrid(Mail { token, token_secret, .. }) => (token, token_secret, true),
        };
        Some(Credential { key: "token", clear: clear.as_ref(), secret: secret.as_ref(), required })
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        for credential in self.place().iter().chain(&self.token()) {
            credential.check()?;
        }
        let to = match self {
            Self::Mailgun(mail) => &mail.to,
            Self::Postmark(mail) | Self::Sendgrid(mail) => &mail.to,
            _ => return Ok(()),
        };
        if to.is_empty() { Err("name an address in `to`".to_owned()) } else { Ok(()) }
    }
}

fn ntfy() -> String {
    "https://ntfy.sh".to_owned()
}

fn telegram() -> String {
    "https://api.telegram.org".to_owned()
}

fn mailgun() -> String {
    "https://api.mailgun.net".to_owned()
}
