//! Numbers that look random and are the same for the same seed: `splitmix64`.

/// A sequence of them.
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next one, below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// One chance of so many.
    pub(crate) fn one_of(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    /// One of a list.
    pub(crate) fn pick<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        let at = usize::try_from(self.below(list.len() as u64)).unwrap_or_default();
        &list[at]
    }

    /// Some of a list, in its order.
    pub(crate) fn some<T: Clone>(&mut self, list: &[T]) -> Vec<T> {
        list.iter().filter(|_| self.one_of(2)).cloned().collect()
    }
}
