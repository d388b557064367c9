//! The last offset of each key, by a hash of the key, in memory of a fixed size.
//!
//! A hash of 128 bits stands for the key, as in Kafka, so that a key costs the same whatever its
//! length. Two keys with one hash would lose a record; the hash is keyed with random numbers, so that
//! nobody can look for such keys. Places are found by open addressing; nothing is ever removed.

use std::hash::{BuildHasher, RandomState};

/// Bytes of an entry.
const SLOT_BYTES: usize = size_of::<Slot>();
/// Entries in use for every hundred there are, at most: as with Kafka's `io.buffer.load.factor`.
const LOAD_PERCENT: usize = 90;

/// An entry; one without a key has the offset -1.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: [u64; 2],
    offset: i64,
}

const FREE: Slot = Slot {
    hash: [0; 2],
    offset: -1,
};

/// The map.
#[derive(Debug)]
pub(super) struct OffsetMap {
    hashers: [RandomState; 2],
    slots: Vec<Slot>,
    keys_max: usize,
    key_count: usize,
}

/// There is no place for another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl OffsetMap {
    /// A map for up to `key_count` keys, or for as many as fit into `memory_max` bytes; at least one.
    pub(super) fn new(memory_max: usize, key_count: usize) -> Self {
        let wanted = key_count.saturating_mul(100).div_ceil(LOAD_PERCENT);
        let slots = wanted.min(memory_max / SLOT_BYTES).max(2);
        Self {
            hashers: [RandomState::new(), RandomState::new()],
            slots: vec![FREE; slots],
            keys_max: (slots.saturating_mul(LOAD_PERCENT) / 100).max(1),
            key_count: 0,
        }
    }

    /// Takes note of a key's offset, which is larger than those before.
    pub(super) fn put(&mut self, key: &[u8], offset: i64) -> Result<(), Full> {
        let hash = self.hash(key);
        let is_full = self.key_count >= self.keys_max;
        let place = self.place_of(hash);
        let Some(slot) = self.slots.get_mut(place) else {
            return Err(Full);
        };
        if slot.offset < 0 {
            if is_full {
                return Err(Full);
            }
            self.key_count += 1;
        }
        *slot = Slot { hash, offset };
        Ok(())
    }

    /// The last offset of a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<i64> {
        let slot = self.slots.get(self.place_of(self.hash(key)))?;
        (slot.offset >= 0).then_some(slot.offset)
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        let [first, second] = &self.hashers;
        [first.hash_one(key), second.hash_one(key)]
    }

    /// Where the hash is, or would be. There is always a free entry to end the search.
    fn place_of(&self, hash: [u64; 2]) -> usize {
        let count = self.slots.len();
        let [first, _] = hash;
        let spread = u128::from(first).saturating_mul(u128::try_from(count).unwrap_or(0));
        let mut place = usize::try_from(spread >> 64).unwrap_or_default();
        while let Some(slot) = self.slots.get(place) {
            if slot.offset < 0 || slot.hash == hash {
                break;
            }
            place = place.saturating_add(1) % count.max(1);
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_its_last_offset() {
        let mut map = OffsetMap::new(1 << 20, 1000);
        for offset in 0..3000 {
            let key = (offset % 1000_i64).to_be_bytes();
            map.put(&key, offset).unwrap();
        }
        for key in 0..1000_i64 {
            assert_eq!(map.get(&key.to_be_bytes()), Some(key + 2000));
        }
        assert_eq!(map.get(b"another"), None);
        assert_eq!(map.get(b""), None);
    }

    #[test]
    fn a_full_map_takes_known_keys_alone_and_stays_within_its_memory() {
        let memory = 24 * 100;
        let mut map = OffsetMap::new(memory, usize::MAX);
        let taken = (0..1000_i64)
            .take_while(|key| map.put(&key.to_be_bytes(), *key).is_ok())
            .count();
        assert_eq!(taken, 90);
        assert!(map.slots.capacity() * SLOT_BYTES <= memory);
        assert_eq!(map.put(&5_i64.to_be_bytes(), 2000), Ok(()));
        assert_eq!(map.get(&5_i64.to_be_bytes()), Some(2000));
        assert_eq!(map.put(&90_i64.to_be_bytes(), 2001), Err(Full));
        assert_eq!(map.get(&90_i64.to_be_bytes()), None);
    }

    #[test]
    fn the_smallest_map_holds_one_key() {
        let mut map = OffsetMap::new(0, 0);
        assert_eq!(map.put(b"a", 0), Ok(()));
        assert_eq!(map.put(b"b", 1), Err(Full));
        assert_eq!(map.get(b"a"), Some(0));
    }
}
