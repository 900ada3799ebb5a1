//! The hook, called through the SDK's test door.
#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "in helpers of tests")]

use hookward_sdk::testing::{Call, EventBuilder, Report, Request, Response, event, outcome, response};
use hookward_sdk::{Event, EventKind, Outcome, Status, Summary};
use serde_json::{Value, json};

#[path = "../../readme.rs"]
mod readme;

const RUN: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const DISCORD: &str = "https://discord.com/api/webhooks/12345/aBcDeFgHiJkLmNoP";

fn call(event: impl Into<Event>, config: &Value) -> Call {
    Call::new(event)
        .config(config)
        .secret("discord", DISCORD)
        .secret("slack", "https://hooks.slack.com/services/T0/B0/XyZ")
        .secret("hook", "https://ops.example.org/backup?key=k")
        .secret("topic", "backups-7f3a")
        .secret("token", "123:s3cr3t-token")
}

fn answered(event: EventBuilder, config: &Value, answer: Response) -> Report {
    call(event, config).http(move |_: &Request| answer.clone()).run(notify::run)
}

fn run(event: EventBuilder, config: &Value) -> Report {
    answered(event, config, response(200))
}

/// The one request to a target.
fn sent(event: EventBuilder, target: Value) -> Request {
    let report = run(event, &json!({"targets": [target]}));
    assert_eq!(report.error(), None);
    let [request] = report.requests.as_slice() else { panic!("{:?}", report.requests) };
    request.clone()
}

fn body(request: &Request) -> Value {
    request.json().expect("the body is JSON")
}

/// Title and message, as the generic target gets them.
fn words(event: EventBuilder, settings: Value) -> (String, String) {
    let mut config = settings;
    config["targets"] = json!([{"service": "webhook", "url-secret": "hook"}]);
    let report = run(event, &config);
    assert_eq!(report.error(), None);
    let body = body(&report.requests[0]);
    let text = |key: &str| body[key].as_str().expect("a text").to_owned();
    (text("title"), text("message"))
}

fn discord() -> Value {
    json!({"targets": [{"service": "discord", "url-secret": "discord"}]})
}

fn failure() -> EventBuilder {
    event(EventKind::Failure).profile("db").error("restic failed: no route to host")
}

const TITLE: &str = "backup of db on test-host: failure";
const TEXT: &str = "restic failed: no route to host\ntook 1s 500ms";

#[test]
fn discord_gets_an_embed_that_mentions_nobody() {
    let request = sent(failure(), json!({"service": "discord", "url-secret": "discord"}));
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", DISCORD));
    assert_eq!(
        body(&request),
        json!({
            "embeds": [{"title": TITLE, "description": TEXT, "color": 0xe0_1e_5a}],
            "allowed_mentions": {"parse": []},
        })
    );
}

#[test]
fn slack_gets_blocks_and_a_fallback() {
    let target = json!({"service": "slack", "url-secret": "slack"});
    let request = sent(failure().host("a<b>&c"), target);
    assert_eq!(request.url, "https://hooks.slack.com/services/T0/B0/XyZ");
    assert_eq!(
        body(&request),
        json!({
            "text": "backup of db on a&lt;b&gt;&amp;c: failure",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "backup of db on a<b>&c: failure", "emoji": false}},
                {"type": "section", "text": {"type": "plain_text", "text": TEXT, "emoji": false}},
            ],
        })
    );
}

#[test]
fn ntfy_gets_json_at_its_root() {
    let request = sent(failure(), json!({"service": "ntfy", "topic-secret": "topic"}));
    assert_eq!((request.url.as_str(), request.header("authorization")), ("https://ntfy.sh/", None));
    assert_eq!(
        body(&request),
        json!({"topic": "backups-7f3a", "title": TITLE, "message": TEXT, "priority": 4, "tags": ["rotating_light"]})
    );
    let own = json!({"service": "ntfy", "server": "https://push.example.org/", "topic": "b", "token-secret": "token"});
    let request = sent(event(EventKind::Success), own);
    assert_eq!(request.url, "https://push.example.org/");
    assert_eq!(request.header("authorization"), Some("Bearer 123:s3cr3t-token"));
    assert_eq!((&body(&request)["priority"], &body(&request)["tags"]), (&json!(2), &json!(["white_check_mark"])));
}

#[test]
fn gotify_gets_its_token_in_a_header() {
    let target = json!({"service": "gotify", "server": "https://gotify.example.org", "token-secret": "token"});
    let request = sent(failure(), target);
    assert_eq!(request.url, "https://gotify.example.org/message");
    assert_eq!(request.header("x-gotify-key"), Some("123:s3cr3t-token"));
    assert_eq!(body(&request), json!({"title": TITLE, "message": TEXT, "priority": 8}));
}

#[test]
fn telegram_gets_plain_text() {
    let target = |chat: Value| json!({"service": "telegram", "token-secret": "token", "chat-id": chat});
    let request = sent(failure(), target(json!(-100_123)));
    assert_eq!(request.url, "https://api.telegram.org/bot123:s3cr3t-token/sendMessage");
    assert_eq!(
        body(&request),
        json!({
            "chat_id": -100_123,
            "text": format!("{TITLE}\n\n{TEXT}"),
            "disable_notification": false,
            "link_preview_options": {"is_disabled": true},
        })
    );
    let quiet = body(&sent(event(EventKind::Success), target(json!("@backups"))));
    assert_eq!((&quiet["chat_id"], &quiet["disable_notification"]), (&json!("@backups"), &json!(true)));
}

#[test]
fn matrix_gets_the_same_transaction_again() {
    let target = json!({
        "service": "matrix", "server": "https://matrix.example.org", "room": "!abc:example.org", "token-secret": "token",
    });
    let url = format!(
        "https://matrix.example.org/_matrix/client/v3/rooms/%21abc%3Aexample%2Eorg/send/m.room.message/{RUN}-end"
    );
    for event in [failure(), failure().attempt(2), event(EventKind::Finally).recovered(true)] {
        let request = sent(event, target.clone());
        assert_eq!((request.method.as_str(), request.url.as_str()), ("PUT", url.as_str()));
        assert_eq!(request.header("authorization"), Some("Bearer 123:s3cr3t-token"));
    }
    let request = sent(failure(), target.clone());
    assert_eq!(body(&request), json!({"msgtype": "m.text", "body": format!("{TITLE}\n\n{TEXT}")}));
    let begin = sent(event(EventKind::Before), target);
    assert!(begin.url.ends_with(&format!("{RUN}-begin")), "{}", begin.url);
}

#[test]
fn mail_goes_by_three_services() {
    let mail = |service: &str| {
        json!({
            "service": service, "from": "backup@example.org", "to": ["a@example.org", "b@example.org"],
            "token-secret": "token",
        })
    };
    let mut mailgun = mail("mailgun");
    mailgun["domain"] = json!("mg.example.org");
    mailgun["server"] = json!("https://api.eu.mailgun.net");
    let request = sent(failure(), mailgun);
    assert_eq!(request.url, "https://api.eu.mailgun.net/v3/mg%2Eexample%2Eorg/messages");
    assert_eq!(request.header("authorization"), Some("Basic YXBpOjEyMzpzM2NyM3QtdG9rZW4="));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    let form = request.text();
    assert!(
        form.starts_with("from=backup%40example.org&to=a%40example.org%2Cb%40example.org&subject=backup%20of%20db"),
        "{form}"
    );
    assert!(form.contains("&text=restic%20failed%3A%20no%20route"), "{form}");

    let request = sent(failure(), mail("postmark"));
    assert_eq!(request.url, "https://api.postmarkapp.com/email");
    assert_eq!(request.header("x-postmark-server-token"), Some("123:s3cr3t-token"));
    assert_eq!(
        body(&request),
        json!({"From": "backup@example.org", "To": "a@example.org,b@example.org", "Subject": TITLE, "TextBody": TEXT})
    );

    let request = sent(failure(), mail("sendgrid"));
    assert_eq!(request.url, "https://api.sendgrid.com/v3/mail/send");
    assert_eq!(request.header("authorization"), Some("Bearer 123:s3cr3t-token"));
    assert_eq!(
        body(&request),
        json!({
            "personalizations": [{"to": [{"email": "a@example.org"}, {"email": "b@example.org"}]}],
            "from": {"email": "backup@example.org"},
            "subject": TITLE,
            "content": [{"type": "text/plain", "value": TEXT}],
        })
    );
}

#[test]
fn a_webhook_gets_the_whole_event() {
    let request = sent(failure(), json!({"service": "webhook", "url-secret": "hook", "token-secret": "token"}));
    assert_eq!(request.url, "https://ops.example.org/backup?key=k");
    assert_eq!(request.header("idempotency-key"), Some(format!("{RUN}-end").as_str()));
    assert_eq!(request.header("authorization"), Some("Bearer 123:s3cr3t-token"));
    let body = body(&request);
    assert_eq!((&body["title"], &body["message"]), (&json!(TITLE), &json!(TEXT)));
    assert_eq!((&body["event"]["kind"], &body["event"]["run-id"]), (&json!("failure"), &json!(RUN)));
    let open = sent(failure(), json!({"service": "webhook", "url": "https://ops.example.org/"}));
    assert_eq!(open.header("authorization"), None);
}

#[test]
fn long_texts_are_cut_to_what_a_service_takes() {
    let long = || failure().error("😀".repeat(5000));
    let length = |text: &Value| text.as_str().expect("a text").encode_utf16().count();
    let discord = body(&sent(long(), json!({"service": "discord", "url-secret": "discord"})));
    let text = &discord["embeds"][0]["description"];
    assert!((4095..=4096).contains(&length(text)) && text.as_str().unwrap().ends_with('…'));
    let slack = body(&sent(long(), json!({"service": "slack", "url-secret": "slack"})));
    assert!((2999..=3000).contains(&length(&slack["blocks"][1]["text"]["text"])));
    let telegram = body(&sent(long(), json!({"service": "telegram", "token-secret": "token", "chat-id": 1})));
    assert!((4095..=4096).contains(&length(&telegram["text"])));
    let ntfy = body(&sent(long(), json!({"service": "ntfy", "topic": "t"})));
    assert_eq!(ntfy["message"].as_str().unwrap().len(), 4096);
    let title = body(&sent(failure().host("h".repeat(300)), json!({"service": "discord", "url-secret": "discord"})));
    assert_eq!(length(&title["embeds"][0]["title"]), 256);
}

#[test]
fn the_default_words_tell_what_matters() {
    let summary = Summary {
        files_new: 12,
        files_changed: 3,
        total_files_processed: 1200,
        total_bytes_processed: 5 * 1024 * 1024,
        data_added: 2048,
        data_added_packed: 1024,
        ..Summary::default()
    };
    let outcome = Outcome { duration_ms: 90_400, ..outcome(Status::Success) };
    assert_eq!(
        words(event(EventKind::Success).outcome(outcome).summary(summary), json!({})),
        (
            "backup of test on test-host: success".to_owned(),
            "1200 files with 5.0 MiB, of them 12 new and 3 changed\nadded 2.0 KiB, stored as 1.0 KiB\nsnapshot \
             4f3c7a1e\ntook 1m 30s"
                .to_owned()
        )
    );
    let outcome = Outcome { stderr_tail: "Fatal: <nowhere>\n".to_owned(), ..testing_failure() };
    let failed = event(EventKind::Failure).outcome(outcome).hook(
        "stop-db",
        EventKind::Before,
        Some(("error", "unit db.service didn't stop")),
    );
    assert_eq!(
        words(failed, json!({})).1,
        "restic failed\nhook \"stop-db\" failed in `before`: unit db.service didn't stop\ntook 1s 500ms\n\nFatal: \
         <nowhere>"
    );
    assert_eq!(
        words(event(EventKind::Before), json!({})),
        ("backup of test on test-host: begins".to_owned(), "/srv/data to /srv/restic".to_owned())
    );
    let recovered = words(event(EventKind::Finally).outcome(testing_failure()).recovered(true), json!({})).1;
    assert!(recovered.contains("The process that began this run is gone."), "{recovered}");
}

fn testing_failure() -> Outcome {
    outcome(Status::Failure)
}

#[test]
fn words_can_be_ones_own() {
    let settings = json!({
        "title": "{{ profile | upper }}:\n{{ status }}",
        "message": "{% if status == 'failure' %}{{ error }} <{{ host }}>{% else %}fine{% endif %}",
    });
    assert_eq!(
        words(failure(), settings.clone()),
        ("DB: failure".to_owned(), "restic failed: no route to host <test-host>".to_owned())
    );
    assert_eq!(words(event(EventKind::Success), settings).1, "fine");
    // Services refuse empty messages.
    assert_eq!(words(failure(), json!({"message": "  "})).1, TITLE);
}

#[test]
fn a_mistake_in_a_template_does_not_swallow_the_news() {
    for (template, expected) in [("{{ eror }}", "undefined value"), ("{% if %}", "syntax error")] {
        let mut config = discord();
        config["message"] = json!(template);
        let report = run(failure(), &config);
        assert_eq!(report.error(), None);
        assert_eq!(body(&report.requests[0])["embeds"][0]["description"], TEXT);
        let warning = &report.warnings[0];
        assert!(warning.starts_with("config key `message`: ") && warning.contains(expected), "{warning}");
        assert!(warning.ends_with("(in message:1): its default was sent instead"), "{warning}");
    }
}

#[test]
fn how_bad_it_is_has_a_color() {
    let color = |event: EventBuilder| body(&sent(event, discord()["targets"][0].clone()))["embeds"][0]["color"].clone();
    let failed_hook = event(EventKind::Success).hook("guard", EventKind::Success, Some(("error", "no")));
    let colors = [
        color(event(EventKind::Success)),
        color(event(EventKind::Before)),
        color(event(EventKind::Warning)),
        color(event(EventKind::Failure)),
    ];
    assert_eq!(colors.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    assert_eq!(color(event(EventKind::Skipped)), colors[1]);
    assert_eq!(color(event(EventKind::Cancelled)), colors[2]);
    assert_eq!(color(failed_hook), colors[2]);
}

#[test]
fn a_run_is_told_of_once() {
    let first = run(failure(), &discord());
    assert_eq!(first.stored::<String>("end").unwrap().as_deref(), Some(RUN));
    let again = |kind, config: &Value, run_id: &str| {
        call(event(kind).run_id(run_id), config).state("end", RUN).http(|_: &Request| response(200)).run(notify::run)
    };
    let finally = again(EventKind::Finally, &discord(), RUN);
    assert!(finally.is_ok() && finally.requests.is_empty() && finally.logged("told of already"));
    // Another run, and the begin of this one, are other news.
    assert_eq!(again(EventKind::Finally, &discord(), "other").requests.len(), 1);
    assert_eq!(again(EventKind::Before, &discord(), RUN).requests.len(), 1);
    let mut always = discord();
    always["once"] = json!(false);
    let report = again(EventKind::Finally, &always, RUN);
    assert_eq!(report.requests.len(), 1);
    // A message that wasn't taken was not told.
    let failed = answered(failure(), &discord(), response(500));
    assert!(failed.error().is_some() && failed.state.is_empty());
}

#[test]
fn only_runs_that_are_asked_for_are_told_of() {
    let mut config = discord();
    config["when"] = json!(["failure", "hook-failure"]);
    let count = |event: EventBuilder| {
        let report = run(event, &config);
        assert_eq!(report.error(), None);
        assert_eq!(report.state.len(), report.requests.len());
        report.requests.len()
    };
    assert_eq!(count(event(EventKind::Success)), 0);
    assert_eq!(count(event(EventKind::Finally)), 0);
    assert_eq!(count(event(EventKind::Failure)), 1);
    assert_eq!(count(event(EventKind::Finally).outcome(outcome(Status::Failure))), 1);
    assert_eq!(count(event(EventKind::Finally).hook("start-db", EventKind::Finally, Some(("error", "no")))), 1);
    config["when"] = json!(["success", "warning", "cancelled", "skipped"]);
    for kind in [EventKind::Success, EventKind::Warning, EventKind::Cancelled, EventKind::Skipped] {
        assert_eq!(run(event(kind), &config).requests.len(), 1, "{kind}");
    }
    assert!(run(failure(), &config).requests.is_empty());
}

#[test]
fn a_dry_run_notifies_nobody_unless_asked_to() {
    let report = run(failure().dry_run(true), &discord());
    assert!(report.is_ok() && report.requests.is_empty());
    let mut config = discord();
    config["dry-run"] = json!(true);
    let report = run(failure().dry_run(true), &config);
    assert_eq!((report.requests.len(), report.state.len()), (1, 0));
}

#[test]
fn all_targets_are_tried_and_all_errors_told() {
    let config = json!({"targets": [
        {"service": "telegram", "token-secret": "token", "chat-id": 1},
        {"service": "discord", "url-secret": "discord"},
        {"service": "slack", "url-secret": "missing"},
        {"service": "ntfy", "topic": "t"},
        {"service": "webhook", "url": "https://elsewhere.example.org/x-y-z"},
    ]});
    let report = call(failure(), &config)
        .route("POST", "https://api.telegram.org/*", response(404).body("no bot123:s3cr3t-token here"))
        .route(
            "POST",
            "https://discord.com/*",
            response(429).header("Retry-After", "7").body("Cannot POST /api/webhooks/12345/aBcDeFgHiJkLmNoP"),
        )
        .route("POST", "https://ntfy.sh/", response(200))
        .run(notify::run);
    assert_eq!(
        report.error(),
        Some(
            "the message was not taken by targets[0], telegram: status 404: no bot*** here; targets[1], discord: \
             status 429, Retry-After 7: Cannot POST /***; targets[2], slack: no secret `missing` is granted: grant \
             it in `grants.secrets.missing`; targets[4], webhook: the host doesn't allow it: grant it in \
             `grants.http`"
        )
    );
    assert_eq!(report.requests.len(), 4);
}

#[test]
fn no_error_tells_a_credential() {
    for (target, secret, part) in [
        (json!({"service": "discord", "url": DISCORD}), DISCORD, "aBcDeFgH"),
        (json!({"service": "telegram", "token": "123:s3cr3t", "chat-id": 1}), "/bot123:s3cr3t/sendMessage", "s3cr3t"),
        (json!({"service": "ntfy", "topic": "backups-7f3a"}), "backups-7f3a", "7f3a"),
        (json!({"service": "webhook", "url": "https://joe:s3cr3t@h/p?k=s3cr3t"}), "/p?k=s3cr3t", "s3cr3t"),
        (json!({"service": "webhook", "url": "joe:s3cr3t"}), "", "s3cr3t"),
    ] {
        let config = json!({"targets": [target]});
        for answer in [
            Response::refused(),
            Response::timeout(),
            response(301).header("location", secret),
            response(400).body(format!("bad: {secret}")),
        ] {
            let report = answered(failure(), &config, answer);
            let error = report.error().expect("there is an error");
            assert!(!error.contains(part), "{error}");
        }
        let denied = call(failure(), &config).run(notify::run);
        assert!(!denied.error().expect("there is an error").contains(part), "{denied:?}");
    }
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (config, expected) in [
        (json!({}), "config key `targets` is missing"),
        (json!({"targets": []}), "config key `targets`: name at least one"),
        (
            json!({"targets": [{"service": "discord"}]}),
            "config key `targets[0]`: name a secret in `url-secret`, or give the value itself in `url`",
        ),
        (
            json!({"targets": [{"service": "gotify", "server": "x", "token": "a", "token-secret": "b"}]}),
            "config key `targets[0]`: leave `token` out: `token-secret` is given",
        ),
        (
            json!({"targets": [{"service": "postmark", "from": "a", "to": [], "token": "b"}]}),
            "config key `targets[0]`: name an address in `to`",
        ),
        (
            json!({"targets": [{"service": "telegram", "token": "b"}]}),
            "config key `targets[0]`: missing field `chat-id`",
        ),
    ] {
        assert_eq!(run(failure(), &config).error(), Some(expected));
    }
    let unknown = run(failure(), &json!({"targets": [{"service": "discord", "url": "x", "urll": "y"}]}));
    assert!(unknown.error().unwrap().contains("unknown field `urll`"), "{:?}", unknown.error());
}

#[test]
fn the_readme_configures_this_hook() {
    let page = include_str!("../README.md");
    for hook in readme::hooks(page) {
        assert_eq!(hook["component"], json!("notify.wasm"));
        assert_eq!(hook["grants"]["state"], json!({}));
        // Its secrets and its servers are granted, and nothing else is.
        let mut call = Call::new(failure()).config(&hook["config"]);
        let secrets = hook["grants"]["secrets"].as_object().expect("it has secrets").keys().cloned();
        for (n, name) in secrets.enumerate() {
            let url = hook["grants"]["http"][n]["url"].as_str().expect("a URL").replace('*', "x");
            call = call.secret(name, url);
        }
        for grant in hook["grants"]["http"].as_array().expect("it has servers") {
            let (url, method) =
                (grant["url"].as_str().expect("a URL"), grant["methods"][0].as_str().expect("a method"));
            call = call.route(method, url, response(200));
        }
        let report = call.run(notify::run);
        assert_eq!(report.error(), None);
        assert_eq!(report.requests.len(), hook["config"]["targets"].as_array().map_or(0, Vec::len));
    }
}
