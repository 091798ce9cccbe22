//! Whether EC2 still agrees with the agent's books: others may take addresses and ENIs away.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use ipam::Reconciled;

use crate::cloud::{Cloud, CloudError};
use crate::node::Node;
use crate::wiring::Wiring;

/// After an answer that the books cannot explain EC2 is asked this soon: several such answers make
/// one look.
const DOUBT_PAUSE: Duration = Duration::from_secs(5);

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Asks EC2 once per `FLATNET_RECONCILE`, and when an answer gave reason to doubt the books.
    pub(crate) async fn keep_reconciled(&self) -> Infallible {
        let interval = self.config.reconcile;
        if interval.is_zero() {
            return std::future::pending().await;
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(jittered(interval)) => {}
                () = self.doubt.notified() => tokio::time::sleep(DOUBT_PAUSE).await,
            }
            if let Err(error) = self.reconcile().await {
                tracing::warn!(%error, "cannot compare the pool with EC2: comparing again later");
            }
        }
    }

    /// One call: what EC2 does not list any more is given to no pod. Pods keep what they have.
    async fn reconcile(&self) -> Result<(), CloudError> {
        let asked = self.now();
        let listed = self.cloud.enis_of_instance(&self.identity.instance_id).await?;
        let attachments = || listed.iter().filter_map(|eni| eni.attachment.as_ref());
        if !attachments().any(|to| to.device_index == 0) {
            tracing::warn!("EC2 lists no primary ENI: the answer is not believed");
            return Ok(());
        }
        let known = self.books().pool.enis(asked);
        for eni in known {
            let id = &eni.id;
            let info = listed.iter().find(|info| info.id == *id);
            let attached =
                info.filter(|eni| eni.attachment.as_ref().is_some_and(|to| !to.detaching));
            let Some(info) = attached else {
                let gone = self.books().pool.eni_gone(id, asked);
                if gone {
                    tracing::warn!(eni = %id, "somebody else has detached the ENI");
                    self.unwire_eni(id).await;
                }
                continue;
            };
            let changes = self.books().pool.reconcile(id, &info.secondaries, asked);
            if changes != Reconciled::default() {
                let Reconciled { dropped, found, unconfirmed } = &changes;
                tracing::warn!(
                    eni = %id, ?dropped, ?found, ?unconfirmed,
                    "somebody else has changed the ENI's addresses; pods keep theirs"
                );
            }
        }
        self.poke();
        Ok(())
    }
}

/// Up to a tenth shorter or longer, so that nodes started together do not ask together.
fn jittered(interval: Duration) -> Duration {
    let percent = 90 + u32::try_from(RandomState::new().hash_one(()) % 21).unwrap_or(0);
    interval * percent / 100
}
