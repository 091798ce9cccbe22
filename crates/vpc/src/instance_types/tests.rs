use super::*;

fn known(name: &str) -> &'static InstanceType {
    find(name).unwrap_or_else(|| panic!("{name} is not in the table"))
}

#[test]
fn every_row_is_read_and_found_by_its_name() {
    let rows: Vec<_> = CSV.lines().skip(1).collect();
    assert!(rows.len() > 1400);
    for row in &rows {
        let read = read(row).unwrap_or_else(|| panic!("cannot read {row}"));
        assert_eq!(known(read.name), &read);
    }
    assert_eq!(all().len(), rows.len());
    assert!(all().is_sorted_by(|a, b| a.name < b.name), "names are unique");
    assert_eq!(find("m5.lar"), None);
}

#[test]
fn fields_are_where_the_header_says() {
    let header = CSV.lines().next().expect("a header");
    assert_eq!(
        header,
        "instance_type,vcpus,memory_mib,hypervisor,bare_metal,max_enis,ipv4_per_eni,\
         ipv6_per_eni,network_cards,network_performance,baseline_gbps,peak_gbps,\
         trunking_compatible,branch_enis,arch"
    );
    assert_eq!(
        *known("m5.large"),
        InstanceType {
            name: "m5.large",
            vcpus: Some(2),
            memory_mib: Some(8192),
            hypervisor: Some(Hypervisor::Nitro),
            bare_metal: false,
            max_enis: 3,
            ipv4_per_eni: 10,
            ipv6_per_eni: Some(10),
            network_cards: 1,
            network_performance: Some("Up to 10 Gigabit"),
            baseline_gbps: Some(0.75),
            peak_gbps: Some(10.0),
            trunking_compatible: Some(true),
            branch_enis: Some(9),
            arch: Some("x86_64"),
        }
    );
    assert_eq!(known("c5a.metal").vcpus, None);
    assert_eq!(known("c5a.metal").arch, None);
    assert_eq!(known("c5a.metal").architectures().count(), 0);
    assert_eq!(known("c3.large").architectures().collect::<Vec<_>>(), ["i386", "x86_64"]);
}

#[test]
fn broken_rows_are_not_read() {
    let row = CSV.lines().find(|row| row.starts_with("m5.large,")).expect("m5.large");
    let longer: &'static str = format!("{row},x").leak();
    let shorter = row.rsplit_once(',').expect("fields").0;
    let no_cards: &'static str = row.replace(",1,Up to", ",0,Up to").leak();
    let bad_number: &'static str = row.replace("8192", "8 GiB").leak();
    for broken in [longer, shorter, no_cards, bad_number] {
        assert_eq!(read(broken), None, "{broken}");
    }
}

#[test]
fn pods_use_the_default_card_only() {
    // From Amazon EKS's own list of max pods, except i7ie (see data/README.md).
    for (name, enis, pods) in [
        ("t3.small", 3, 11),
        ("t3.medium", 3, 17),
        ("m5.large", 3, 29),
        ("m5.24xlarge", 15, 737),
        ("p4d.24xlarge", 15, 737),
        ("i7ie.48xlarge", 8, 394),
    ] {
        assert_eq!(known(name).default_card_enis(), enis, "{name}");
        assert_eq!(known(name).max_pods(), pods, "{name}");
    }
}

#[test]
fn cards_share_all_enis_of_a_type() {
    for known in all() {
        let enis: u32 = (0..known.network_cards).filter_map(|card| known.card_enis(card)).sum();
        assert_eq!(enis, known.max_enis, "{}", known.name);
        assert_eq!(known.card_enis(known.network_cards), None);
    }
}
