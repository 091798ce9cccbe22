//! What ties a request to its action's name and to its answer.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// A request of the EC2 API.
pub trait Action:
    Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq + Send + Sync
{
    /// The value of the `Action` parameter, such as `DescribeSubnets`.
    const NAME: &'static str;

    /// What EC2 answers when it accepts the request.
    type Response: Serialize + DeserializeOwned + Clone + Debug + Default + PartialEq + Send + Sync;

    /// Whether the caller asks only if the request would be allowed.
    ///
    /// Always false for the actions that have no `DryRun` parameter: AssignPrivateIpAddresses and
    /// UnassignPrivateIpAddresses.
    fn dry_run(&self) -> bool;

    /// Whether sending the request a second time changes nothing beyond what the first did.
    ///
    /// A client may then repeat it without knowing whether the first arrived. The repetition may
    /// still be *answered* differently: deleting twice says "not found" the second time.
    fn is_repeatable(&self) -> bool;
}

/// A `Describe*` request whose answer comes in pages.
pub trait Paginated: Action {
    /// One element of the answer's list.
    type Item;

    /// Asks for the page that `token` names; none means the first.
    fn set_next_token(&mut self, token: Option<String>);

    /// Takes an answer apart: its elements, and the token of the next page unless it is the last.
    fn into_page(response: Self::Response) -> (Vec<Self::Item>, Option<String>);
}

/// Implements [`Action`] for requests with a `dry_run` field.
macro_rules! action {
    ($request:ident => $response:ty, repeatable) => {
        action!($request => $response, |_request| true);
    };
    ($request:ident => $response:ty, $repeatable:expr) => {
        impl $crate::Action for $request {
            const NAME: &'static str = stringify!($request);
            type Response = $response;

            fn dry_run(&self) -> bool {
                self.dry_run.unwrap_or(false)
            }

            fn is_repeatable(&self) -> bool {
                let repeatable: fn(&Self) -> bool = $repeatable;
                repeatable(self)
            }
        }
    };
}

/// Implements [`Paginated`] for a request whose answer lists `$items` of type `$item`.
macro_rules! paginated {
    ($request:ident, $items:ident: $item:ty) => {
        impl $crate::Paginated for $request {
            type Item = $item;

            fn set_next_token(&mut self, token: Option<String>) {
                self.next_token = token;
            }

            fn into_page(response: Self::Response) -> (Vec<Self::Item>, Option<String>) {
                // EC2 ends a listing either way: without the element, or with an empty one.
                (response.$items, response.next_token.filter(|token| !token.is_empty()))
            }
        }
    };
}

pub(crate) use {action, paginated};
