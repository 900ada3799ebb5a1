use std::fs;

use hookward_tests::counterparts::{Answer, Recorder};
use hookward_tests::lab::{Finished, Lab};
use hookward_tests::repository::run;
use serde_json::{Value, json};

use crate::ground::{backed_up, secret};
use crate::page::{example, lab_of};

/// What nobody may learn.
const SECRETS: [(&str, &str); 4] = [
    ("discord", "aBcDeFgHiJkLmNoPqRsT"),
    ("topic", "backups-7hK2mNpQ"),
    ("slack", "XxXxYyYyZzZz0000"),
    ("token", "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"),
];

fn value(name: &str) -> &'static str {
    SECRETS.iter().find(|(key, _)| *key == name).unwrap().1
}

/// The page's first example, told of this server, with these settings of the hook.
fn discord(server: &Recorder, changes: &[(&str, &str)]) -> Lab {
    let grant = server.url("/api/webhooks/*");
    let own = [
        ("https://discord.com/api/webhooks/*", grant.as_str()),
        ("/etc/hookward/discord-webhook", "@lab@/discord"),
        ("delay = \"10s\"", "delay = \"50ms\""),
    ];
    let lab = lab_of(&example("notify", "https://discord.com", &[&own, changes].concat()));
    secret(&lab, "discord", &server.url(&format!("/api/webhooks/4711/{}", value("discord"))));
    lab
}

/// The backup can't but fail.
fn broken(lab: &Lab) {
    fs::remove_dir_all(lab.path("repo/keys")).unwrap();
}

/// Runs the profile with these arguments. No secret is in what it says.
#[track_caller]
fn run_quietly(lab: &Lab, args: &[&str]) -> (Finished, Value) {
    let (finished, run) = run(lab, &[&["run", "p"], args].concat());
    assert!(SECRETS.iter().all(|(_, value)| !format!("{finished:?}").contains(value)), "{finished:?}");
    (finished, run)
}

#[test]
fn notify_tells_discord_of_a_failure_and_nothing_of_a_success() {
    let server = Recorder::start([]);
    let lab = discord(&server, &[]);
    let (finished, _) = run_quietly(&lab, &[]);
    backed_up(&lab, &finished, 1);
    assert_eq!(server.requests().len(), 0);
    broken(&lab);
    let (finished, run) = run_quietly(&lab, &[]);
    assert_eq!(finished.code, 1, "{run:#}");
    let [request] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    let target = format!("/api/webhooks/4711/{}", value("discord"));
    assert_eq!((request.method.as_str(), &request.target), ("POST", &target));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let sent = request.json();
    let embed = &sent["embeds"][0];
    let title = embed["title"].as_str().unwrap();
    assert!(title.starts_with("backup of p on ") && title.ends_with(": failure"), "{sent:#}");
    assert!(embed["description"].as_str().unwrap().contains(run["error"].as_str().unwrap()), "{sent:#}");
    assert_eq!((&embed["color"], &sent["allowed_mentions"]), (&json!(0xe0_1e_5a), &json!({"parse": []})));
}

#[test]
fn notify_tells_two_services_in_ones_own_words() {
    let server = Recorder::start([]);
    let (slack, ntfy) = (server.url("/services/*"), server.url("/"));
    let base = format!("service = \"ntfy\", server = \"{}\",", server.url(""));
    let changes = [
        ("https://hooks.slack.com/services/*", slack.as_str()),
        ("https://ntfy.sh/", ntfy.as_str()),
        ("service = \"ntfy\",", base.as_str()),
        ("/etc/hookward/slack-webhook", "@lab@/slack"),
        ("/etc/hookward/ntfy-topic", "@lab@/topic"),
    ];
    let lab = lab_of(&example("notify", "https://ntfy.sh", &changes));
    secret(&lab, "slack", &server.url(&format!("/services/T1/B2/{}", value("slack"))));
    secret(&lab, "topic", value("topic"));
    let (finished, _) = run_quietly(&lab, &[]);
    backed_up(&lab, &finished, 1);
    let [ntfy, slack] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert_eq!(ntfy.target, "/");
    let sent = ntfy.json();
    let message = sent["message"].as_str().unwrap().to_owned();
    assert_eq!(
        sent,
        json!({
            "topic": value("topic"), "title": "p: success", "message": message, "priority": 2,
            "tags": ["white_check_mark"],
        })
    );
    assert!(message.starts_with("1 files, ") && message.ends_with(" new"), "{message}");
    assert_eq!(slack.target, format!("/services/T1/B2/{}", value("slack")));
    let sent = slack.json();
    assert_eq!(
        (&sent["text"], &sent["blocks"][0]["text"]["text"], &sent["blocks"][1]["text"]["text"]),
        (&json!("p: success"), &json!("p: success"), &json!(message))
    );
}

#[test]
fn notify_tells_telegram_once_a_run() {
    let server = Recorder::start([]);
    let target = format!(
        "service = \"telegram\"\ntoken-secret = \"token\"\nchat-id = -100123\nserver = \"{}\"\n",
        server.url("")
    );
    let grant = server.url("/*");
    let changes = [
        ("on = [\"finally\"]", "on = [\"before\", \"failure\", \"finally\"]"),
        ("service = \"discord\"\nurl-secret = \"discord\"\n", target.as_str()),
        ("https://discord.com/api/webhooks/*", grant.as_str()),
        ("secrets.discord", "secrets.token"),
        ("/etc/hookward/discord-webhook", "@lab@/token"),
    ];
    let lab = lab_of(&example("notify", "https://discord.com", &changes));
    secret(&lab, "token", value("token"));
    broken(&lab);
    let (_, run) = run_quietly(&lab, &[]);
    // One when it begins, and of `failure` and `finally` the first.
    let [begin, end] = &server.requests()[..] else { panic!("{:?}", server.requests()) };
    assert_eq!(begin.target, format!("/bot{}/sendMessage", value("token")));
    assert!(begin.json()["text"].as_str().unwrap().contains(": begins"), "{begin:?}");
    let sent = end.json();
    assert_eq!((&sent["chat_id"], &sent["disable_notification"]), (&json!(-100_123), &json!(false)));
    assert!(sent["text"].as_str().unwrap().contains(run["error"].as_str().unwrap()), "{sent:#}");
    // The next run is another one.
    drop(run_quietly(&lab, &[]));
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn notify_sends_again_until_it_is_taken_and_then_no_more() {
    let server = Recorder::start([
        Answer::new(429, "{\"retry_after\": 1}").header("retry-after", "1"),
        Answer::new(500, format!("POST /api/webhooks/4711/{} failed", value("discord"))),
    ]);
    let lab = discord(&server, &[("on = [\"finally\"]", "on = [\"failure\", \"finally\"]")]);
    broken(&lab);
    let (_, run) = run_quietly(&lab, &[]);
    let bodies: Vec<_> = server.requests().iter().map(|request| request.body.clone()).collect();
    assert_eq!((bodies.len(), bodies[0] == bodies[2]), (3, true), "{bodies:?}");
    assert_eq!(run["warnings"].as_array().map(Vec::len), Some(0), "{run:#}");
}

#[test]
fn notify_that_nobody_takes_leaves_the_run_as_it_is() {
    let refusal = || Answer::new(401, format!("no webhook {} here", value("discord")));
    let server = Recorder::start([refusal(), refusal(), refusal()]);
    let lab = discord(&server, &[("[\"warning\",", "[\"success\", \"warning\",")]);
    let (finished, run) = run_quietly(&lab, &[]);
    backed_up(&lab, &finished, 1);
    assert_eq!((run["status"].as_str(), server.requests().len()), (Some("success"), 3), "{run:#}");
    let failure = run["hooks"].as_array().unwrap().last().unwrap()["failure"]["message"].as_str().unwrap();
    assert!(failure.starts_with("the message was not taken by targets[0], discord: status 401"), "{failure}");
}

#[test]
fn notify_says_nothing_of_a_dry_run() {
    let server = Recorder::start([]);
    let lab = discord(&server, &[("[\"warning\",", "[\"success\", \"warning\",")]);
    let (finished, _) = run_quietly(&lab, &["--dry-run"]);
    backed_up(&lab, &finished, 0);
    assert_eq!(server.requests().len(), 0);
    let (finished, _) = run_quietly(&lab, &[]);
    backed_up(&lab, &finished, 1);
    assert_eq!(server.requests().len(), 1);
}
