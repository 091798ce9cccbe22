//! Metadata that does not show yet what EC2 has done.

use std::collections::BTreeSet;

use vpc::AddressRequest;
use vpc::requests::{Profile, Span, Timing};

use super::{Clock as _, Scene, Service, scene, scene_with};
use crate::requests::{Effect, RequestPolicy, Requests};

const DELAY: i64 = 10_000;

fn behind(half_visible: u32) -> Scene {
    let metadata = Span::new(10_000, 10_000);
    let timing = Timing { metadata, half_visible, ..Profile::Instant.timing() };
    let scene = scene_with(None, Requests::new(RequestPolicy { timing, deny: [].into() }, 1));
    // From here on changes are seen late.
    scene.lab.mutate(|world| world.create_tags(&[], &[].into()).map(|_| ())).unwrap();
    scene
}

async fn seen(scene: &Scene) -> Service {
    scene.seen_by(&scene.node).await.with_token().await
}

async fn macs(service: &Service) -> BTreeSet<String> {
    service.meta("network/interfaces/macs/").await.lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn a_new_address_shows_late() {
    let scene = behind(0);
    let service = seen(&scene).await;
    let eni = scene.enis(&scene.node)[0].clone();
    let path = format!("network/interfaces/macs/{}/local-ipv4s", eni.mac);
    let new =
        scene.lab.mutate(|world| world.assign(&eni.id, AddressRequest::Count(1), false)).unwrap();
    let shows = async || service.meta(&path).await.contains(&new[0].to_string());
    assert!(!shows().await);
    scene.clock.advance(DELAY - 1);
    assert!(!shows().await);
    scene.clock.advance(1);
    assert!(shows().await);
}

#[tokio::test]
async fn a_detached_eni_shows_on() {
    let scene = behind(0);
    let service = seen(&scene).await;
    let attachment = scene.enis(&scene.node)[1].attachment.clone().unwrap().id;
    scene.lab.mutate(|world| world.detach_eni(&attachment, false)).unwrap();
    assert_eq!(macs(&service).await.len(), 2);
    scene.clock.advance(DELAY);
    assert_eq!(macs(&service).await.len(), 1);
}

#[tokio::test]
async fn a_new_eni_is_listed_before_it_is_known() {
    let scene = behind(100);
    let service = seen(&scene).await;
    let eni = scene.enis(&scene.node)[1].clone();
    let mac = format!("{}/", eni.mac);
    let attachment = eni.attachment.clone().unwrap().id;
    scene.lab.mutate(|world| world.detach_eni(&attachment, false)).unwrap();
    scene.clock.advance(DELAY);
    assert!(!macs(&service).await.contains(&mac));
    let now = scene.clock.now();
    scene.lab.mutate(|world| world.attach_eni(&eni.id, &scene.node, 1, 0, now)).unwrap();
    scene.clock.advance(DELAY / 2 - 1);
    assert!(!macs(&service).await.contains(&mac));
    scene.clock.advance(1);
    assert!(macs(&service).await.contains(&mac));
    let directory = format!("/latest/meta-data/network/interfaces/macs/{mac}");
    for path in ["", "interface-id", "local-ipv4s"] {
        assert_eq!(service.get(&format!("{directory}{path}")).await.0, 404, "{path}");
    }
    let client = ec2::ImdsClient::new(format!("http://{}/", service.address).parse().unwrap());
    assert_eq!(client.unwrap().interfaces().await.unwrap().len(), 1);
    scene.clock.advance(DELAY / 2);
    assert_eq!(service.get(&format!("{directory}interface-id")).await.1, eni.id.to_string());
}

#[tokio::test]
async fn frozen_metadata_stays_until_the_fault_is_cleared() {
    let scene = scene(None);
    let service = seen(&scene).await;
    let (instance, node) = (scene.node.clone(), "node-1".to_owned());
    let effect = Effect::FreezeMetadata { instance, node };
    let lab = &scene.lab;
    let fault = lab.read(|world| lab.requests.add_fault(effect, world, lab.now()));
    let eni = scene.enis(&scene.node)[1].clone();
    let attachment = eni.attachment.clone().unwrap().id;
    lab.mutate(|world| world.detach_eni(&attachment, false)).unwrap();
    scene.clock.advance(3_600_000);
    let service = service.with_token().await;
    assert_eq!(macs(&service).await.len(), 2);
    assert_eq!(lab.requests.clear_faults(Some(fault.id)), [fault]);
    assert_eq!(macs(&service).await.len(), 1);
}
