use std::fs;
use std::net::Ipv4Addr;

use datapath::Mac;
use ipam::Time;

use super::{Checkpoint, FILE, PodRecord, SLACK};

pub(crate) fn pod(n: u8, address: u8) -> PodRecord {
    PodRecord {
        network: "flatnet".into(),
        container_id: format!("c{n}"),
        ifname: "eth0".into(),
        address: Ipv4Addr::new(10, 10, 1, address),
        eni: "eni-1".into(),
        device_index: 1,
        table: 2,
        veth: format!("eni{n}"),
        host_mac: Mac([2, 0, 0, 0, 0, n]),
        pod_mac: Mac([2, 0, 0, 0, 1, n]),
        mtu: 9001,
        netns: format!("/run/netns/{n}"),
        namespace: Some("default".into()),
        pod: Some(format!("web-{n}")),
    }
}

fn open(directory: &tempfile::TempDir) -> Checkpoint {
    Checkpoint::open(directory.path(), Time(0)).unwrap()
}

fn pods(checkpoint: &Checkpoint) -> Vec<PodRecord> {
    checkpoint.pods().values().cloned().collect()
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(&directory);
    for n in 1..=3 {
        checkpoint.assign(pod(n, n)).unwrap();
    }
    checkpoint.release(&pod(2, 2).key(), Some(Time(77))).unwrap();
    checkpoint.release(&pod(3, 3).key(), None).unwrap();
    for _ in 0..2 {
        let again = open(&directory);
        assert_eq!(pods(&again), [pod(1, 1)]);
        let rests: Vec<_> = again.released().collect();
        assert_eq!(rests, [(Ipv4Addr::new(10, 10, 1, 2), Time(77))], "3 never carried traffic");
        assert_eq!(again.notes, [""; 0]);
    }
    let past = Checkpoint::open(directory.path(), Time(78)).unwrap();
    assert_eq!(past.released().count(), 0);
}

#[test]
fn a_log_cut_at_any_byte_gives_what_its_complete_lines_say() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(&directory);
    checkpoint.assign(pod(1, 1)).unwrap();
    checkpoint.assign(pod(2, 2)).unwrap();
    checkpoint.release(&pod(1, 1).key(), Some(Time(5))).unwrap();
    let path = directory.path().join(FILE);
    let whole = fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let complete = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
        let expected = match complete {
            0 | 1 => vec![],
            2 => vec![pod(1, 1)],
            3 => vec![pod(1, 1), pod(2, 2)],
            _ => vec![pod(2, 2)],
        };
        let checkpoint = open(&directory);
        assert_eq!(pods(&checkpoint), expected, "cut at byte {cut}");
        let torn = cut > 0 && whole[cut - 1] != b'\n';
        assert_eq!(checkpoint.notes.len(), usize::from(torn), "{:?}", checkpoint.notes);
    }
}

#[test]
fn a_damaged_line_loses_that_line_only_and_is_noted() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(&directory);
    for n in 1..=3 {
        checkpoint.assign(pod(n, n)).unwrap();
    }
    let path = directory.path().join(FILE);
    let text = fs::read_to_string(&path).unwrap().replace("web-2", "web-\u{0}2\"");
    fs::write(&path, text).unwrap();
    let checkpoint = open(&directory);
    assert_eq!(pods(&checkpoint), [pod(1, 1), pod(3, 3)]);
    assert!(checkpoint.notes[0].starts_with("line 3 was ignored"), "{:?}", checkpoint.notes);
}

#[test]
fn a_file_of_another_version_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    fs::write(&path, "{\"flatnet_checkpoint\":2}\n{}\n").unwrap();
    let checkpoint = open(&directory);
    assert!(checkpoint.pods().is_empty());
    assert!(checkpoint.notes[0].contains("checkpoint.unreadable"), "{:?}", checkpoint.notes);
    let aside = fs::read_to_string(directory.path().join("checkpoint.unreadable")).unwrap();
    assert!(aside.contains(":2}"));
}

#[test]
fn of_two_claims_to_an_address_the_later_wins() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(&directory);
    checkpoint.assign(pod(1, 7)).unwrap();
    checkpoint.assign(pod(2, 7)).unwrap();
    // The same attachment again, with another address.
    checkpoint.assign(pod(2, 8)).unwrap();
    let again = open(&directory);
    assert_eq!(pods(&again), [pod(2, 8)]);
    assert_eq!(pods(&checkpoint), pods(&again));
}

#[test]
fn the_log_does_not_grow_with_the_number_of_changes() {
    let directory = tempfile::tempdir().unwrap();
    let mut checkpoint = open(&directory);
    checkpoint.assign(pod(1, 1)).unwrap();
    for _ in 0..SLACK {
        checkpoint.assign(pod(2, 2)).unwrap();
        checkpoint.release(&pod(2, 2).key(), Some(Time(1))).unwrap();
    }
    let lines = fs::read_to_string(directory.path().join(FILE)).unwrap().lines().count();
    assert!(lines <= SLACK + 10, "{lines} lines");
    assert_eq!(pods(&open(&directory)), [pod(1, 1)]);
}

#[test]
fn a_failed_append_changes_nothing_and_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
    let mut checkpoint = Checkpoint::on_file(directory.path().join(FILE), full);
    let error = checkpoint.assign(pod(1, 1)).unwrap_err();
    assert!(error.to_string().contains("cannot write the checkpoint"), "{error}");
    assert!(checkpoint.pods().is_empty());
}
