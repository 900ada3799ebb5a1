//! The same through the program.

use hookward_tests::lab::Lab;
use serde_json::Value;

use crate::Case;
use crate::subject::Subject;

fn call(subject: &Subject, lab: &Lab, path: &str) -> (i32, Value) {
    let file = subject.files[0].to_str().unwrap();
    let dir = format!("{}:/data", lab.path("source").display());
    let set = format!("path={path}");
    let finished = lab.run(["hook", "call", file, "--event", "before", "--set", &set, "--dir", &dir, "--json"]);
    let report = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    (finished.code, report)
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("hook call: ok", |subject| {
            let (code, report) = call(subject, &Lab::new(), "/data/file.txt");
            assert_eq!((code, &report["ok"]), (0, &Value::Bool(true)), "{report:#}");
            assert_eq!(report["log"][0]["message"], "as it should be");
        }),
        Case::new("hook call: an error", |subject| {
            let (code, report) = call(subject, &Lab::new(), "/data/gone");
            assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)), "{report:#}");
            let message = report["failure"]["message"].as_str().unwrap();
            assert!(message.starts_with("/data/gone isn't there: "), "{message}");
        }),
    ]
}
