use std::fs;
use std::path::Path;

use hookward_tests::counterparts::Btrfs;
use hookward_tests::lab::{Lab, finish};
use hookward_tests::repository::{lab, restic, snapshots};
use serde_json::json;

use crate::page::{WRAPPED, changed, example, go, held, until_go, wrap_restic, write_program};

/// A lab that backs up the btrfs by the page's example.
fn lab_on(btrfs: &Btrfs, changes: &[(&str, &str)]) -> Lab {
    fs::create_dir(btrfs.data().join(".snapshots")).unwrap();
    fs::write(btrfs.data().join("file"), "old\n").unwrap();
    let data = btrfs.data();
    let quoted = format!("\"{}", data.display());
    let paths: &[_] = &[("\"/srv", quoted.as_str()), ("hookward-db", "hookward-p")];
    let lab = lab(&[WRAPPED.to_owned(), example("volume-snapshot", "\"btrfs\"", &[paths, changes].concat())]);
    sources(&lab, &[&data, &lab.path("source")]);
    wrap_restic(&lab, "");
    lab
}

/// Gives the lab's profile other sources.
fn sources(lab: &Lab, sources: &[&Path]) {
    let file = lab.path("hookward.toml");
    let source = format!("sources = [\"{}\"]", lab.path("source").display());
    let text = changed(&fs::read_to_string(&file).unwrap(), &[(&source, &format!("sources = {sources:?}"))]);
    fs::write(file, text).unwrap();
}

/// What restic has stored in a file.
fn stored(lab: &Lab, file: &Path) -> String {
    let output = restic(lab, &["dump", "latest", file.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn volume_snapshot_backs_up_the_moment_of_the_snapshot() {
    let Some(btrfs) = Btrfs::start() else { return };
    let lab = lab_on(&btrfs, &[]);
    wrap_restic(&lab, &until_go(&lab));
    let child = held(&lab);
    assert_eq!(btrfs.subvolumes(), ["data", "data/.snapshots/hookward-p"]);
    fs::write(btrfs.data().join("file"), "new\n").unwrap();
    let finished = go(&lab, child);
    assert_eq!(finished.code, 0, "{finished:?}");
    let snapshot = btrfs.data().join(".snapshots/hookward-p");
    let made = snapshots(&lab);
    assert_eq!(made.len(), 1);
    // The source that is elsewhere stays as it is. restic sorts them.
    let mut paths = [json!(snapshot), json!(lab.path("source"))];
    paths.sort_by_key(ToString::to_string);
    assert_eq!(made[0]["paths"], json!(paths));
    assert_eq!(stored(&lab, &snapshot.join("file")), "old\n");
    assert_eq!(btrfs.subvolumes(), ["data"], "the snapshot is gone");
    // The next one is of another moment, under the same name.
    let finished = lab.run(["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(stored(&lab, &snapshot.join("file")), "new\n");
    assert_eq!(btrfs.subvolumes(), ["data"]);
}

#[test]
fn volume_snapshot_leaves_nothing_behind_when_restic_fails() {
    let Some(btrfs) = Btrfs::start() else { return };
    let lab = lab_on(&btrfs, &[]);
    wrap_restic(
        &lab,
        &format!("ls -d {}/.snapshots/* > {}; exit 1", btrfs.data().display(), lab.path("seen").display()),
    );
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (1, 0), "{finished:?}");
    assert_eq!(lab.lines("seen").len(), 1, "there was one while restic ran");
    assert_eq!(btrfs.subvolumes(), ["data"]);
}

#[test]
fn volume_snapshot_removes_what_a_killed_run_has_left() {
    let Some(btrfs) = Btrfs::start() else { return };
    let lab = lab_on(&btrfs, &[]);
    wrap_restic(&lab, &until_go(&lab));
    let mut child = held(&lab);
    child.kill().unwrap();
    // What it has started is not the child's any more, and waits for this.
    fs::write(lab.path("go"), "").unwrap();
    assert_eq!(finish(child).code, 128 + 9);
    assert_eq!(btrfs.subvolumes(), ["data", "data/.snapshots/hookward-p"]);
    fs::write(btrfs.data().join("file"), "new\n").unwrap();
    let finished = lab.run(["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(stored(&lab, &btrfs.data().join(".snapshots/hookward-p/file")), "new\n");
    assert_eq!(btrfs.subvolumes(), ["data"]);
}

#[test]
fn volume_snapshot_keeps_the_gate_shut_when_none_can_be_made() {
    let Some(btrfs) = Btrfs::start() else { return };
    let lab = lab_on(&btrfs, &[]);
    fs::remove_dir(btrfs.data().join(".snapshots")).unwrap();
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (80, 0), "{finished:?}");
    assert!(finished.stderr.contains("snapshot"), "{finished:?}");
    assert!(lab.lines("restic-journal").is_empty(), "{finished:?}");
    assert_eq!(btrfs.subvolumes(), ["data"]);
}

#[test]
fn volume_snapshot_is_refused_without_a_source_on_the_volume() {
    let Some(btrfs) = Btrfs::start() else { return };
    let lab = lab_on(&btrfs, &[]);
    let text = fs::read_to_string(lab.path("hookward.toml")).unwrap();
    let data = format!("sources = [\"{}\", ", btrfs.data().display());
    fs::write(lab.path("hookward.toml"), changed(&text, &[(&data, "sources = [")])).unwrap();
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (80, 0), "{finished:?}");
    assert!(finished.stderr.contains("no source is on the volume"), "{finished:?}");
}

/// A lab whose volume `srv` is served by stand-ins: `zfs`, or those of LVM. Each notes
/// its call in `calls`, and the snapshots are the lines of `names`.
fn stand_ins(example: String, programs: &[(&str, &str)]) -> Lab {
    eprintln!(
        "{} are stand-ins that do what their manuals say",
        programs.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    );
    let mut example = example.replace("hookward-db", "hookward-p").replace("\"/srv\"", "\"@lab@/srv\"");
    for (name, _) in programs {
        example = example.replace(&format!("[\"{name}\", "), &format!("[\"@lab@/bin/{name}\", "));
    }
    let lab = lab(&[WRAPPED.to_owned(), example]);
    fs::create_dir(lab.path("srv")).unwrap();
    fs::write(lab.path("srv/file"), "old\n").unwrap();
    sources(&lab, &[&lab.path("srv")]);
    for (name, script) in programs {
        let root = lab.path("");
        let text = format!(
            "#!/bin/sh\nset -eu\ncd '{}'\ntouch names\necho \"{name} $*\" >> calls\n{script}\n",
            root.display()
        );
        write_program(&lab.path(format!("bin/{name}")), &text);
    }
    wrap_restic(&lab, "echo new > $(dirname \"$0\")/srv/file");
    lab
}

/// Two runs: each backs up what was there before it, as `file`, and leaves no snapshot.
fn two_runs(lab: &Lab, file: &Path) {
    for content in ["old\n", "new\n"] {
        let finished = lab.run(["run", "p"]);
        assert_eq!(finished.code, 0, "{finished:?}");
        assert_eq!(stored(lab, file), content);
        assert!(lab.lines("names").is_empty());
    }
}

/// As zfs(8): a snapshot is seen in `.zfs/snapshot`, `list -H` has a name a line, and
/// a second of the same name is an error.
const ZFS: &str = r#"case "$1" in
snapshot)
    name=${2#*@}
    if grep -qx "$2" names; then echo "cannot create snapshot '$2': dataset already exists" >&2; exit 1; fi
    mkdir -p "srv/.zfs/snapshot/$name"
    cp srv/file "srv/.zfs/snapshot/$name/file"
    echo "$2" >> names ;;
list) cat names ;;
destroy)
    if ! grep -qx "$2" names; then echo "could not find any snapshots to destroy" >&2; exit 1; fi
    rm -r "srv/.zfs/snapshot/${2#*@}"
    grep -vx "$2" names > names.new || :
    mv names.new names ;;
esac"#;

#[test]
fn volume_snapshot_with_zfs_by_a_stand_in() {
    let lab = stand_ins(example("volume-snapshot", "\"zfs\"", &[]), &[("zfs", ZFS)]);
    two_runs(&lab, &lab.path("srv/.zfs/snapshot/hookward-p/file"));
    let calls = lab.lines("calls");
    let expected = ["zfs snapshot tank/srv@hookward-p", "zfs destroy tank/srv@hookward-p"];
    assert!(expected.iter().all(|call| calls.iter().filter(|made| made == call).count() == 2), "{calls:?}");
}

#[test]
fn volume_snapshot_with_zfs_removes_a_stale_one_by_a_stand_in() {
    let lab = stand_ins(example("volume-snapshot", "\"zfs\"", &[]), &[("zfs", ZFS)]);
    // Of a run that was killed, and of somebody else.
    fs::write(lab.path("names"), "tank/srv@hookward-p\ntank/srv@daily\n").unwrap();
    fs::create_dir_all(lab.path("srv/.zfs/snapshot/hookward-p")).unwrap();
    let finished = lab.run(["run", "p"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(stored(&lab, &lab.path("srv/.zfs/snapshot/hookward-p/file")), "old\n");
    assert_eq!(lab.lines("names"), ["tank/srv@daily"]);
}

/// As in their manuals: `lvs` indents, a volume that is mounted can't be removed, and
/// `umount` of what isn't mounted is an error.
const LVM: &[(&str, &str)] = &[
    (
        "lvcreate",
        r#"if grep -qw "$5" names; then echo "  Logical Volume \"$5\" already exists in volume group \"vg0\"" >&2; exit 5; fi
[ "$1 $2 $3 $4 $6" = "--snapshot --size 5G --name vg0/srv" ]
mkdir "lv-$5"; cp srv/file "lv-$5/file"; echo "  $5" >> names"#,
    ),
    ("lvs", "cat names"),
    (
        "mount",
        r#"[ "$1 $2" = "-o ro" ]; name=${3#/dev/vg0/}; [ -d "lv-$name" ]
cp "lv-$name/file" "$4/file"; echo "$4" > "mounted-$name""#,
    ),
    (
        "umount",
        r#"name=${1#/dev/vg0/}
if [ ! -e "mounted-$name" ]; then echo "umount: $1: not mounted." >&2; exit 32; fi
rm "$(cat "mounted-$name")/file" "mounted-$name""#,
    ),
    (
        "lvremove",
        r#"name=${2#vg0/}
if [ -e "mounted-$name" ]; then echo "  Logical volume vg0/$name contains a filesystem in use." >&2; exit 5; fi
rm -r "lv-$name"; grep -vw "$name" names > names.new || :; mv names.new names"#,
    ),
];

fn lvm() -> Lab {
    let lab = stand_ins(example("volume-snapshot", "\"lvm\"", &[("/mnt/hookward-srv", "@lab@/mnt")]), LVM);
    fs::create_dir(lab.path("mnt")).unwrap();
    lab
}

#[test]
fn volume_snapshot_with_lvm_by_stand_ins() {
    let lab = lvm();
    two_runs(&lab, &lab.path("mnt/file"));
    let calls: Vec<_> = lab.lines("calls").iter().map(|call| call.split(' ').next().unwrap().to_owned()).collect();
    let run = ["lvs", "lvcreate", "mount", "lvs", "umount", "lvremove"];
    assert_eq!(calls, [run, run].concat());
}

#[test]
fn volume_snapshot_with_lvm_removes_one_that_can_not_be_mounted_by_stand_ins() {
    let lab = lvm();
    write_program(&lab.path("bin/mount"), "#!/bin/sh\necho 'mount: wrong fs type' >&2\nexit 32\n");
    let finished = lab.run(["run", "p"]);
    assert_eq!((finished.code, snapshots(&lab).len()), (80, 0), "{finished:?}");
    for part in ["can't be mounted", "wrong fs type"] {
        assert!(finished.stderr.contains(part), "no {part:?} in {finished:?}");
    }
    assert!(lab.lines("names").is_empty(), "{finished:?}");
}
