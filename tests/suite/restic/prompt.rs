//! restic asks for the password on the terminal, and Hookward is not in the way.

use hookward_tests::pty::Terminal;

use crate::support::{PASSWORD, Way, back_up, lab, snapshots, witness};

const PROMPT: &str = "enter password for repository: ";

#[test]
fn the_password_is_asked_for_and_not_shown() {
    let lab = lab(&[witness()]);
    back_up(&lab);
    for &way in [Way::Alone].iter().chain(Way::BEHIND) {
        let mut terminal = Terminal::start(way.on_terminal(&lab, &["snapshots"]));
        assert!(terminal.echoes());
        terminal.expect(PROMPT);
        lab.wait_for("the terminal to be silent", |_| !terminal.echoes());
        terminal.send(&format!("{PASSWORD}\n"));
        terminal.expect("1 snapshots");
        assert_eq!(terminal.wait(), 0, "{way:?}: {}", terminal.shown());
        assert!(terminal.echoes(), "{way:?}");
        assert!(!terminal.shown().contains(PASSWORD), "{way:?}: {}", terminal.shown());
        assert!(!terminal.shown().contains("hookward:"), "{way:?}: {}", terminal.shown());
    }
    assert_eq!(lab.journal().len(), 6);
}

#[test]
fn a_backup_with_json_asks_too() {
    let lab = lab(&[witness()]);
    let source = lab.path("source");
    let mut terminal = Terminal::start(Way::StandIn.on_terminal(&lab, &["backup", "--json", source.to_str().unwrap()]));
    terminal.expect(PROMPT);
    lab.wait_for("the terminal to be silent", |_| !terminal.echoes());
    terminal.send(&format!("{PASSWORD}\n"));
    terminal.expect("\"message_type\":\"summary\"");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(snapshots(&lab).len(), 1);
}

#[test]
fn ctrl_c_at_the_prompt_ends_it_and_gives_the_terminal_back() {
    let lab = lab(&[witness()]);
    let code = |way: Way| {
        let mut terminal = Terminal::start(way.on_terminal(&lab, &["snapshots"]));
        terminal.expect(PROMPT);
        lab.wait_for("the terminal to be silent", |_| !terminal.echoes());
        terminal.send("\x03");
        let code = terminal.wait();
        assert!(terminal.echoes(), "{way:?}: {}", terminal.shown());
        code
    };
    let alone = code(Way::Alone);
    for &way in Way::BEHIND {
        assert_eq!(code(way), alone, "{way:?}");
    }
    let calls: Vec<_> = lab.journal().iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect();
    assert_eq!(calls, ["before", "cancelled", "finally", "before", "cancelled", "finally"]);
}

#[test]
fn a_run_asks_on_a_line_of_its_own() {
    let lab = lab(&[]);
    let without = std::fs::read_to_string(lab.path("bare.toml")).unwrap();
    let without: String =
        without.lines().filter(|line| !line.starts_with("password")).map(|line| format!("{line}\n")).collect();
    lab.configure(&without);
    let mut command = lab.on_terminal(hookward_tests::lab::hookward());
    command.args(["run", "p"]);
    let mut terminal = Terminal::start(command);
    let before = terminal.expect(PROMPT);
    assert!(before.ends_with('\n'), "{before:?}");
    lab.wait_for("the terminal to be silent", |_| !terminal.echoes());
    terminal.send(&format!("{PASSWORD}\n"));
    terminal.expect("snapshot ");
    assert_eq!(terminal.wait(), 0, "{}", terminal.shown());
    assert_eq!(snapshots(&lab).len(), 1);
}
