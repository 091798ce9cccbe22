//! CNI calls about the whole network: STATUS and GC (CNI specification 1.1.0).

use std::collections::BTreeSet;

use flatnet_cni::{CniError, Request, code};
use ipam::{AttachmentKey, Wait};
use serde_json::Value;

use crate::cloud::Cloud;
use crate::node::{Node, lock};
use crate::wiring::Wiring;

/// The key of GC's list in the configuration.
const VALID: &str = "cni.dev/valid-attachments";

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Whether the node can start pods. A node that has pods says yes even if it has no room for
    /// another one: a runtime takes a no for a broken network, the node becomes NotReady, and
    /// after minutes it loses the pods it has. The pod too many is told by its own ADD.
    ///
    /// # Errors
    /// [`code::NOT_AVAILABLE`] with the reason when the node has no pod and no address for one,
    /// nor will have within the time that an ADD waits.
    pub fn network_status(&self) -> Result<(), CniError> {
        let now = self.now();
        let books = self.books();
        let Err(refusal) = books.pool.can_assign(now) else { return Ok(()) };
        let soon = match refusal.wait() {
            Wait::ForEvent => true,
            Wait::Until(time) => time <= now.after(self.config.add_wait),
            Wait::Hopeless => false,
        };
        let stats = books.pool.stats(now);
        if soon || stats.used + stats.cooling > 0 {
            return Ok(());
        }
        let message = format!("{refusal}. {}", refusal.help(now));
        Err(CniError::new(code::NOT_AVAILABLE, message).with_details(refusal.name()))
    }

    /// Ends the network's attachments that the runtime does not list as valid. One that cannot be
    /// ended does not keep the others.
    ///
    /// # Errors
    /// [`code::INVALID_CONFIG`] when the list is missing or malformed, and then nothing is done;
    /// [`code::TRY_AGAIN_LATER`] with everything that could not be ended.
    pub async fn collect(&self, request: &Request) -> Result<(), CniError> {
        let valid = valid_attachments(request)?;
        let network = request.network();
        // Only what is there now: an ADD that comes while this runs is not in the list either.
        let stale: Vec<AttachmentKey> = lock(&self.checkpoint)
            .pods()
            .keys()
            .filter(|key| key.network == network && !valid.contains(*key))
            .cloned()
            .collect();
        let mut failures = Vec::new();
        for key in stale {
            let _ending = self.locks.announce_end(&key);
            let _turn = self.locks.lock(&key).await;
            tracing::info!(%key, "GC: the runtime does not know it any more");
            if let Err(error) = self.free(&key).await {
                failures.push(format!("{key}: {}", error.msg));
            }
        }
        if failures.is_empty() {
            return Ok(());
        }
        Err(CniError::new(code::TRY_AGAIN_LATER, failures.join("; "))
            .with_details("Their addresses stay taken until a later GC or DEL succeeds."))
    }
}

fn valid_attachments(request: &Request) -> Result<BTreeSet<AttachmentKey>, CniError> {
    let invalid = |what: &str| {
        let message = format!("{VALID} of the network configuration {what}");
        CniError::new(code::INVALID_CONFIG, message)
    };
    let list = request.config.get(VALID).ok_or_else(|| invalid("is missing"))?;
    let list = list.as_array().ok_or_else(|| invalid("is no list"))?;
    let text = |entry: &Value, key: &str| {
        let text = entry[key].as_str().map(ToOwned::to_owned);
        text.ok_or_else(|| invalid(&format!("has an entry without \"{key}\"")))
    };
    list.iter()
        .map(|entry| {
            Ok(AttachmentKey {
                network: request.network().to_owned(),
                container_id: text(entry, "containerID")?,
                ifname: text(entry, "ifname")?,
            })
        })
        .collect()
}
