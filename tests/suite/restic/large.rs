//! A gigabyte through the pipes of every way.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::process::Stdio;

use crate::support::{Way, back_up, lab, witness};

const SIZE: u64 = 1 << 30;

#[test]
fn a_large_file_is_dumped_byte_for_byte() {
    let lab = lab(&[witness()]);
    let path = lab.path("source/large");
    let mut file = File::create(&path).unwrap();
    // Holes, and something to find amid them: quickly made, quickly stored.
    file.set_len(SIZE).unwrap();
    for place in (0..SIZE).step_by(100 << 20) {
        file.seek(SeekFrom::Start(place)).unwrap();
        file.write_all(format!("here is {place}").as_bytes()).unwrap();
    }
    drop(file);
    back_up(&lab);
    // Alone is the file itself: that is what `dump` promises.
    for way in [Way::Exec, Way::StandIn] {
        let mut command = way.command(&lab, &["dump", "latest", path.to_str().unwrap()]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut dumped = child.stdout.take().unwrap();
        let mut original = File::open(&path).unwrap();
        let (mut here, mut there) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        for block in 0..SIZE >> 20 {
            dumped.read_exact(&mut here).unwrap();
            original.read_exact(&mut there).unwrap();
            assert!(here == there, "{way:?}: block {block} differs");
        }
        assert_eq!(dumped.read(&mut here).unwrap(), 0, "{way:?}: there is more");
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(lab.journal().len(), 6);
    fs::remove_file(path).unwrap();
}
