//! The pool loop: whenever something happened, ask the pool what to do, and do it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::cloud::Cloud;
use crate::node::Node;
use crate::wiring::Wiring;

/// How long the end waits for calls under way, so that no ENI is left created and not attached.
/// What is left all the same is found at the next start.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until `end` becomes true. The actions run side by side; at idle there is nothing to do
/// but to wait for the next event or timer.
pub async fn run_pool<C: Cloud, W: Wiring>(node: Arc<Node<C, W>>, mut end: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    let looking = node.look_for_orphans();
    let comparing = node.keep_reconciled();
    tokio::pin!(looking, comparing);
    loop {
        let now = node.now();
        let (actions, wake) = {
            let mut books = node.books();
            (books.pool.plan(now), books.pool.next_wake(now))
        };
        for action in actions {
            tracing::info!(action = %action.id, reason = %action.reason, "{}", action.task);
            let node = Arc::clone(&node);
            running.spawn(async move { node.perform(action).await });
        }
        let timer = async {
            match wake {
                Some(time) => tokio::time::sleep_until(node.clock.instant(time)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = node.work.notified() => {}
            () = timer => node.poke(),
            never = &mut looking => match never {},
            never = &mut comparing => match never {},
            Some(_) = running.join_next() => {}
            _ = end.wait_for(|end| *end) => break,
        }
    }
    let finish = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, finish).await.is_err() {
        tracing::warn!(grace = ?GRACE, "EC2 calls were still under way at the end");
    }
}
