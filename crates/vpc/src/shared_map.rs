//! An ordered map whose copies share what they have in common.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Entries per chunk, at most. Small, since changing one entry of a copy copies its chunk; not
/// tiny, since copying the map counts every chunk.
const CHUNK: usize = 32;

/// As a `BTreeMap`, but a clone copies nothing until one of the two changes, and then only the
/// entries next to the changed one. A [`World`](crate::World) is copied for every change, so that
/// a change that fails is forgotten with its copy.
pub(crate) struct SharedMap<K, V> {
    /// Not empty, in ascending order, no key in two of them.
    chunks: Vec<Arc<BTreeMap<K, V>>>,
    len: usize,
}

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    pub(crate) fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.chunks.get(self.chunk_of(key)?)?.get(key)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        // Looking first keeps a chunk without the key shared.
        self.get(key)?;
        let chunk = self.chunk_of(key)?;
        Arc::make_mut(self.chunks.get_mut(chunk)?).get_mut(key)
    }

    /// The value the key had before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        // A key before all others goes into the first chunk.
        let index = self.chunk_of(&key).unwrap_or(0);
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push(Arc::new(BTreeMap::from([(key, value)])));
            self.len += 1;
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        let previous = chunk.insert(key, value);
        if previous.is_none() {
            self.len += 1;
        }
        let middle = (chunk.len() > CHUNK).then(|| chunk.keys().nth(CHUNK / 2).cloned()).flatten();
        if let Some(middle) = middle {
            let upper = chunk.split_off(&middle);
            self.chunks.insert(index + 1, Arc::new(upper));
        }
        previous
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get(key)?;
        let index = self.chunk_of(key)?;
        let chunk = Arc::make_mut(self.chunks.get_mut(index)?);
        let removed = chunk.remove(key);
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
        self.len -= usize::from(removed.is_some());
        removed
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The chunk that has the key, if any has: the last that does not begin after it.
    fn chunk_of<Q: Ord + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        let begins_by = |chunk: &Arc<BTreeMap<K, V>>| {
            chunk.first_key_value().is_some_and(|(first, _)| first.borrow() <= key)
        };
        self.chunks.partition_point(begins_by).checked_sub(1)
    }
}

impl<K, V> Clone for SharedMap<K, V> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<K: Ord + Clone, V: Clone> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// How the entries are spread over chunks makes no difference.
impl<K: Ord + Clone, V: Clone + PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone + fmt::Debug, V: Clone + fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_as_a_btree_map_and_leaves_copies_alone(
            steps in prop::collection::vec((0_u8..4, 0_u16..200, any::<u32>()), 0..600),
        ) {
            let (mut shared, mut plain) = (SharedMap::new(), BTreeMap::new());
            let mut copies = Vec::new();
            for (step, key, value) in steps {
                match step {
                    0 | 1 => prop_assert_eq!(shared.insert(key, value), plain.insert(key, value)),
                    2 => prop_assert_eq!(shared.remove(&key), plain.remove(&key)),
                    _ => prop_assert_eq!(
                        shared.get_mut(&key).map(|v| std::mem::replace(v, value)),
                        plain.get_mut(&key).map(|v| std::mem::replace(v, value))
                    ),
                }
                prop_assert_eq!(shared.get(&key), plain.get(&key));
                prop_assert_eq!(shared.len(), plain.len());
                if value % 50 == 0 {
                    copies.push((shared.clone(), plain.clone()));
                }
            }
            copies.push((shared, plain));
            for (shared, plain) in &copies {
                prop_assert!(shared.iter().eq(plain.iter()));
                prop_assert!(shared.chunks.iter().all(|c| (1..=CHUNK).contains(&c.len())));
            }
        }
    }

    #[test]
    fn a_change_of_a_copy_copies_one_chunk() {
        let mut map = SharedMap::new();
        for key in 0..1000 {
            map.insert(key, key);
        }
        let mut copy = map.clone();
        *copy.get_mut(&500).unwrap() = 0;
        assert_eq!(copy.get_mut(&5000), None);
        let own = |(a, b): &(&Arc<_>, &Arc<_>)| !Arc::ptr_eq(a, b);
        assert_eq!(map.chunks.iter().zip(&copy.chunks).filter(own).count(), 1);
        assert!(map != copy && map.get(&500) == Some(&500));
    }
}
