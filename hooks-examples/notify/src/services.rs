//! What each service wants to be sent.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hookward_sdk::http::{self, Error, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::message::{Message, Severity, cut};
use crate::target::{ChatId, Target};

/// The request for one target. `place` and `token` are its credentials, read.
pub(crate) fn request(target: &Target, message: &Message<'_>, place: &str, token: &str) -> Result<Request, Error> {
    let Message { title, body, severity, id, .. } = message;
    match target {
        Target::Discord(_) => http::post(place).json(&json!({
            "embeds": [{ "title": cut(title, 256), "description": cut(body, 4096), "color": color(*severity) }],
            "allowed_mentions": { "parse": [] },
        })),
        Target::Slack(_) => http::post(place).json(&json!({
            "text": title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
            "blocks": [
                { "type": "header", "text": { "type": "plain_text", "text": cut(title, 150), "emoji": false } },
                { "type": "section", "text": { "type": "plain_text", "text": cut(body, 3000), "emoji": false } },
            ],
        })),
        Target::Ntfy(ntfy) => {
            let request = http::post(format!("{}/", base(&ntfy.server)));
            let request = if token.is_empty() { request } else { request.bearer(token) };
            let (priority, tag) = urgency(*severity);
            request.json(&json!({
                "topic": place, "title": cut(title, 250), "message": within(body, 4096), "priority": priority,
                "tags": [tag],
            }))
        }
        Target::Gotify(gotify) => http::post(format!("{}/message", base(&gotify.server)))
            .header("x-gotify-key", token)
            .json(&json!({ "title": title, "message": body, "priority": loudness(*severity) })),
        Target::Telegram(telegram) => {
            let chat_id = match &telegram.chat_id {
                ChatId::Number(number) => json!(number),
                ChatId::Name(name) => json!(name),
            };
            http::post(format!("{}/bot{token}/sendMessage", base(&telegram.server))).json(&json!({
                "chat_id": chat_id,
                "text": cut(&message.whole(), 4096),
                "disable_notification": matches!(severity, Severity::Good | Severity::Neutral),
                "link_preview_options": { "is_disabled": true },
            }))
        }
        Target::Matrix(matrix) => {
            let (server, room) = (base(&matrix.server), utf8_percent_encode(&matrix.room, NON_ALPHANUMERIC));
            http::put(format!("{server}/_matrix/client/v3/rooms/{room}/send/m.room.message/{id}"))
                .bearer(token)
                .json(&json!({ "msgtype": "m.text", "body": within(&message.whole(), 32 * 1024) }))
        }
        Target::Mailgun(mail) => {
            let domain = utf8_percent_encode(&mail.domain, NON_ALPHANUMERIC);
            let credentials = BASE64_STANDARD.encode(format!("api:{token}"));
            Ok(http::post(format!("{}/v3/{domain}/messages", base(&mail.server)))
                .header("authorization", format!("Basic {credentials}"))
                .form(&[("from", &mail.from), ("to", &mail.to.join(",")), ("subject", title), ("text", body)]))
        }
        Target::Postmark(mail) => {
            let server = mail.server.as_deref().unwrap_or("https://api.postmarkapp.com");
            http::post(format!("{}/email", base(server)))
                .header("accept", "application/json")
                .header("x-postmark-server-token", token)
                .json(&json!({ "From": mail.from, "To": mail.to.join(","), "Subject": title, "TextBody": body }))
        }
        Target::Sendgrid(mail) => {
            let server = mail.server.as_deref().unwrap_or("https://api.sendgrid.com");
            let to: Vec<_> = mail.to.iter().map(|to| json!({ "email": to })).collect();
            http::post(format!("{}/v3/mail/send", base(server))).bearer(token).json(&json!({
                "personalizations": [{ "to": to }],
                "from": { "email": mail.from },
                "subject": title,
                "content": [{ "type": "text/plain", "value": body }],
            }))
        }
        Target::Webhook(_) => {
            let request = http::post(place).header("idempotency-key", id);
            let request = if token.is_empty() { request } else { request.bearer(token) };
            request.json(&json!({ "title": title, "message": body, "event": message.event }))
        }
    }
}

fn base(server: &str) -> &str {
    server.trim_end_matches('/')
}

/// Cuts a text to as many bytes.
fn within(text: &str, most: usize) -> String {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default().to_owned()
}

/// Of the bar beside a message.
const fn color(severity: Severity) -> u32 {
    match severity {
        Severity::Good => 0x2e_b6_7d,
        Severity::Neutral => 0x95_a5_a6,
        Severity::Bad => 0xec_b2_2e,
        Severity::Worst => 0xe0_1e_5a,
    }
}

/// Priority and emoji of ntfy.
const fn urgency(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Good => (2, "white_check_mark"),
        Severity::Neutral => (2, "information_source"),
        Severity::Bad => (3, "warning"),
        Severity::Worst => (4, "rotating_light"),
    }
}

/// Priority of Gotify: from 4 on it makes a sound, from 8 on it insists.
const fn loudness(severity: Severity) -> u8 {
    match severity {
        Severity::Good => 2,
        Severity::Neutral => 1,
        Severity::Bad => 5,
        Severity::Worst => 8,
    }
}
