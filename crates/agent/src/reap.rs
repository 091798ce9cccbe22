//! ENIs that are of no use any more: none of ours is left behind.

use std::convert::Infallible;
use std::time::Duration;

use ipam::EniId;

use crate::cloud::{Cloud, CloudError, EniInfo, ErrorKind, TAG_CREATED};
use crate::node::Node;
use crate::wiring::Wiring;

/// Attempts to delete one, and the first and longest pause between them. EC2 says that an ENI is
/// in use for some seconds after it was detached.
const ATTEMPTS: u32 = 12;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// When to look for an ENI whose creation was not answered.
const SCANS: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(900)];

impl<C: Cloud, W: Wiring> Node<C, W> {
    /// Deletes an ENI, detaching it first if it is attached to this instance after all.
    pub(crate) async fn reap(&self, id: &EniId) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            match self.cloud.delete(id).await {
                Ok(()) => {
                    tracing::info!(eni = %id, "ENI deleted");
                    return;
                }
                Err(error) if error.kind == ErrorKind::NotFound => return,
                Err(error) if error.kind == ErrorKind::InUse => self.let_go(id).await,
                Err(error) => tracing::warn!(eni = %id, %error, "cannot delete it yet"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tracing::error!(eni = %id, "gave up deleting the ENI; the agent's next start tries again");
    }

    /// Deletes ENIs that an agent of this instance created and that are attached to nothing. Not
    /// those being created now, nor those that a listing does not show as attached yet.
    pub(crate) async fn reap_orphans(&self) -> Result<(), CloudError> {
        for orphan in self.cloud.orphans_of_instance(&self.identity.instance_id).await? {
            let id = &orphan.id;
            let live = {
                let books = self.books();
                let created = orphan.tags.get(TAG_CREATED);
                created.is_some_and(|created| books.creating.contains(created))
                    || books.pool.has_eni(id)
            };
            if !live {
                tracing::warn!(eni = %id, "created earlier and never attached: deleting it");
                self.reap(id).await;
            }
        }
        Ok(())
    }

    /// An ENI may have been created although EC2 did not say so. It may show up late.
    pub(crate) fn expect_orphans(&self) {
        let now = self.now();
        self.books().orphan_scans.extend(SCANS.map(|pause| now.after(pause)));
        self.orphans.notify_one();
    }

    /// Looks for them when it is time.
    pub(crate) async fn look_for_orphans(&self) -> Infallible {
        loop {
            let next = self.books().orphan_scans.first().copied();
            let due = async {
                match next {
                    Some(time) => tokio::time::sleep_until(self.clock.instant(time)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.orphans.notified() => continue,
            }
            if let Some(time) = next {
                self.books().orphan_scans.remove(&time);
            }
            if let Err(error) = self.reap_orphans().await {
                tracing::warn!(%error, "cannot look for ENIs left behind: looking again later");
                let again = self.now().after(SCANS[0]);
                self.books().orphan_scans.insert(again);
            }
        }
    }

    /// Waits until EC2 has detached an ENI, or for a minute.
    pub(crate) async fn wait_detached(&self, id: &EniId) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            match self.cloud.eni(id).await {
                Ok(Some(eni)) if eni.attachment.is_some() => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(eni = %id, %error, "cannot see whether it is detached");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(8));
        }
    }

    /// Detaches an ENI that is attached to this instance.
    async fn let_go(&self, id: &EniId) {
        let Ok(Some(EniInfo { attachment: Some(attachment), .. })) = self.cloud.eni(id).await
        else {
            return;
        };
        let ours = attachment.instance.as_deref() == Some(self.identity.instance_id.as_str());
        if ours
            && !attachment.detaching
            && let Err(error) = self.cloud.detach(&attachment.id).await
        {
            tracing::warn!(eni = %id, %error, "cannot detach it yet");
        }
    }
}
