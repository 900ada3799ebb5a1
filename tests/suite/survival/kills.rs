//! Rule 9: hookward, restic or both are killed at random times, round after round, and
//! what is noted and what the journal says must fit.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use hookward_tests::lab::Lab;
use hookward_tests::repository;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// Rounds of the normal suite, at least, and how long it goes on with more.
const ROUNDS: usize = 60;
const TIME: Duration = Duration::from_secs(45);

/// So many rounds, instead.
const VARIABLE: &str = "HOOKWARD_TEST_KILLS";

/// Labs side by side: a run mostly waits for the disk, or for a key to be derived.
const LABS: u64 = 4;

/// How long one round may take. It may have to end a restic first.
const ROUND: Duration = Duration::from_secs(120);

/// xorshift64*: the same rounds for the same seed, as far as the machine has a say.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Hookward,
    Restic,
    Both,
    /// Came too late: the run had ended.
    Nobody,
}

#[test]
fn kills_at_any_time_lose_nothing() {
    let wanted: Option<usize> = std::env::var(VARIABLE).ok().map(|rounds| rounds.parse().expect("a number of rounds"));
    let began = Instant::now();
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let seed = std::env::var("HOOKWARD_TEST_SEED").map_or(clock.as_nanos() as u64 | 1, |seed| seed.parse().unwrap());
    eprintln!("HOOKWARD_TEST_SEED={seed}");
    let begun = AtomicUsize::new(0);
    let another = || {
        let round = begun.fetch_add(1, Ordering::Relaxed);
        round < wanted.unwrap_or(ROUNDS) || (wanted.is_none() && began.elapsed() < TIME)
    };
    let tallies = std::thread::scope(|scope| {
        let labs = (1..=LABS).map(|lab| scope.spawn(move || torture(Random(seed.wrapping_mul(lab) | 1), another)));
        let labs: Vec<_> = labs.collect();
        labs.into_iter().map(|lab| lab.join().expect("see above")).collect::<Vec<_>>()
    });
    let mut sum: BTreeMap<String, usize> = BTreeMap::new();
    for (what, count) in tallies.into_iter().flatten() {
        *sum.entry(what).or_default() += count;
    }
    eprintln!("{} rounds in {:?}: {sum:?}", sum["rounds"], began.elapsed());
    assert!(sum["rounds"] >= wanted.unwrap_or(ROUNDS));
}

/// Rounds in one lab, as long as there is another; returns what has happened how often.
fn torture(mut random: Random, another: impl Fn() -> bool) -> BTreeMap<String, usize> {
    let lab = lab();
    let mut tally = BTreeMap::new();
    let mut count = |what: String| *tally.entry(what).or_default() += 1;
    // The first run may have to compile the hook.
    let [_, usual] = [(); 2].map(|()| {
        let began = Instant::now();
        assert_eq!(start(&lab).wait().unwrap().code(), Some(0), "{}", log(&lab));
        u64::try_from(began.elapsed().as_millis()).unwrap()
    });
    while another() {
        let (victim, code) = round(&lab, &mut random, usual);
        count("rounds".to_owned());
        count(format!("killed: {victim:?}"));
        let restic_died = victim == Victim::Restic;
        assert!(code.is_none_or(|code| code == 0 || (restic_died && code == 137)), "{code:?}: {}", log(&lab));
    }
    assert_eq!(start(&lab).wait().unwrap().code(), Some(0), "{}", log(&lab));
    for what in examine(&lab) {
        count(what);
    }
    tally
}

/// A lab with a pair, and a restic that notes its start into the same file.
fn lab() -> Lab {
    let pair = repository::hook("pair", &["before", "finally"], "", "id = true, sleep = { before = 30, finally = 30 }");
    let lab = repository::lab(&[pair, "[restic]\nbinary = \"@lab@/bin/noting-restic\"\n".to_owned()]);
    let script = "#!/bin/sh\n[ -z \"$HOOKWARD_RUN\" ] || echo \"restic start pid=$$ run=$HOOKWARD_RUN\" >>\"$NOTES\"\n\
                  exec restic \"$@\"\n";
    fs::write(lab.path("bin/noting-restic"), script).unwrap();
    fs::set_permissions(lab.path("bin/noting-restic"), Permissions::from_mode(0o755)).unwrap();
    lab
}

fn start(lab: &Lab) -> Child {
    let log = File::options().create(true).append(true).open(lab.path("log")).unwrap();
    let mut command = lab.hookward(["run", "p"]);
    command.env("NOTES", lab.path("notes/journal"));
    command.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap()
}

fn log(lab: &Lab) -> String {
    format!("{}\n{:#?}", fs::read_to_string(lab.path("log")).unwrap_or_default(), lab.journal())
}

/// One run and one kill. Returns the exit code of a hookward that has lived.
fn round(lab: &Lab, random: &mut Random, usual: u64) -> (Victim, Option<i32>) {
    // Something new to store, so that no two snapshots are the same.
    let noise: Vec<u8> = (0..100_000).map(|_| random.below(256) as u8).collect();
    fs::write(lab.path("source/noise"), noise).unwrap();
    let noted = lab.journal().len();
    let mut child = start(lab);
    let victim = [Victim::Hookward, Victim::Hookward, Victim::Restic, Victim::Both][random.below(4) as usize];
    // Half of the kills come shortly after a step, wherever that is on this machine.
    let step = ["pair before", "restic start", "pair finally"][random.below(3) as usize];
    let (step, delay) = match victim {
        Victim::Restic => (Some("restic start"), random.below(usual / 2)),
        _ if random.below(2) == 0 => (Some(step), random.below(60)),
        _ => (None, random.below(usual * 9 / 8)),
    };
    let is_there = |step| lab.journal().iter().skip(noted).any(|line| line.starts_with(step));
    let ended = |child: &mut Child| child.try_wait().unwrap().is_some();
    let began = Instant::now();
    while step.is_some_and(|step| !is_there(step)) && !ended(&mut child) {
        assert!(began.elapsed() < ROUND, "no {step:?}: {}", log(lab));
        std::thread::sleep(Duration::from_millis(3));
    }
    let delayed = Instant::now();
    while delayed.elapsed() < Duration::from_millis(delay) && !ended(&mut child) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut killed = Victim::Nobody;
    if victim != Victim::Restic && !ended(&mut child) {
        child.kill().unwrap();
        killed = Victim::Hookward;
    }
    if victim != Victim::Hookward && kill_restic(lab, noted) {
        killed = if killed == Victim::Hookward { Victim::Both } else { Victim::Restic };
    }
    while !ended(&mut child) {
        assert!(began.elapsed() < ROUND, "the run does not end: {}", log(lab));
        std::thread::sleep(Duration::from_millis(3));
    }
    (killed, child.wait().unwrap().code())
}

/// Kills the restic of this round, if there is one.
fn kill_restic(lab: &Lab, noted: usize) -> bool {
    let journal = lab.journal();
    let Some(line) = journal.iter().skip(noted).rfind(|line| line.starts_with("restic start")) else { return false };
    let pid: i32 = value(line, "pid=").parse().unwrap();
    let mark = format!("HOOKWARD_RUN={}", value(line, "run="));
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    // Else it has ended, and the number may be another's.
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        && kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
}

/// The word behind `key`.
fn value<'a>(line: &'a str, key: &str) -> &'a str {
    line.split(' ').find_map(|word| word.strip_prefix(key)).unwrap_or_else(|| panic!("no {key} in {line}"))
}

/// Asserts all that must be so when everything is over; returns what has happened.
fn examine(lab: &Lab) -> Vec<String> {
    let runs = list(lab);
    let details: BTreeMap<String, Value> =
        runs.iter().map(|id| (id.clone(), ask(lab, &["runs", "show", id])["run"].take())).collect();
    let snapshots: BTreeSet<String> =
        repository::snapshots(lab).iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect();
    let mut seen = order(lab, &details);
    for (id, run) in &details {
        let context = || format!("{run:#}\n{}", log(lab));
        assert_eq!(
            (run["state"].as_str(), run["owed"].as_array().map(Vec::len)),
            (Some("ended"), Some(0)),
            "{}",
            context()
        );
        let calls = run["hooks"].as_array().unwrap();
        let is = |call: &&Value, event: &str| call["event"] == event;
        let before = calls.iter().find(|call| is(call, "before"));
        let paid = calls.iter().any(|call| is(&call, "finally") && call["ended"] == true && call["failure"].is_null());
        assert_eq!(before.is_some(), paid, "{id}: {}", context());
        if !run["gate-opened"].is_null() {
            let before = before.unwrap_or_else(|| panic!("{id}: {}", context()));
            assert!(before["ended"] == true && before["failure"].is_null(), "{id}: {}", context());
        }
        let status = run["status"].as_str().unwrap_or("none");
        if status == "success" {
            let made = run["restic"]["snapshot-id"].as_str().unwrap_or_else(|| panic!("{id}: {}", context()));
            assert!(snapshots.iter().any(|id| id.starts_with(made)), "{id}: no snapshot {made}: {}", context());
        }
        seen.push(format!("runs: {status}"));
    }
    assert_eq!(ask(lab, &["recover"])["exit-code"].as_i64().unwrap_or_default(), 0);
    assert_eq!(left_over(lab), Vec::<String>::new(), "processes are left");
    let locks: Vec<_> = fs::read_dir(lab.path("state/runs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(locks.is_empty(), "locks of runs are left: {locks:?}");
    seen
}

/// Walks through what hooks and restic have noted.
fn order(lab: &Lab, runs: &BTreeMap<String, Value>) -> Vec<String> {
    let mut seen = Vec::new();
    let (mut open, mut paid): (Option<String>, BTreeSet<String>) = (None, BTreeSet::new());
    for line in lab.journal() {
        let run = value(&line, "run=").to_owned();
        let context = || format!("{line}, while {open:?} is open: {}", log(lab));
        assert!(runs.contains_key(&run), "not in the journal: {}", context());
        if line.starts_with("pair before") {
            assert!(open.is_none() && !paid.contains(&run), "{}", context());
            open = Some(run);
        } else if line.starts_with("restic start") {
            assert_eq!(open.as_ref(), Some(&run), "{}", context());
        } else {
            let recovered = line.ends_with("recovered") || line.contains(" recovered ");
            // The process may die after the call was written and before the hook ran, or
            // after the hook ran and before that was written.
            assert!(open.as_ref() == Some(&run) || (open.is_none() && recovered), "{}", context());
            if recovered {
                seen.push(if paid.contains(&run) { "recovered again" } else { "recovered" }.to_owned());
            }
            open = None;
            paid.insert(run);
        }
    }
    assert!(open.is_none(), "{open:?} has not got its `finally`: {}", log(lab));
    seen
}

/// The ids of all runs.
fn list(lab: &Lab) -> Vec<String> {
    let list = ask(lab, &["runs", "list", "--limit", "100000"]);
    list["runs"].as_array().unwrap().iter().map(|run| run["run-id"].as_str().unwrap().to_owned()).collect()
}

fn ask(lab: &Lab, args: &[&str]) -> Value {
    let finished = lab.run([args, &["--json"]].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// Processes that have the lab in their environment.
fn left_over(lab: &Lab) -> Vec<String> {
    let mark = format!("HOOKWARD_STATE_DIR={}", lab.path("state").display());
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let dir = entry.ok()?.path();
        let environment = fs::read(dir.join("environ")).ok()?;
        let is_marked = environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes());
        is_marked.then(|| fs::read_to_string(dir.join("cmdline")).unwrap_or_default().replace('\0', " "))
    });
    processes.collect()
}
