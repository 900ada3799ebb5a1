use hookward_engine::{Event, EventKind};

pub(crate) fn body(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<Event>(data) else { return };
    // It is what it says that it is, and says it again.
    let text = serde_json::to_string(&event).expect("an event can be written");
    let again: Event = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(again, event);
    assert_eq!(event.kind.as_str().parse::<EventKind>().ok(), Some(event.kind));
}
