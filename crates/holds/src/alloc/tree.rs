//! Free ranges in the order of their addresses: a treap whose nodes know the longest range below them,
//! so that the first range that fits is found in O(log n). It leaves all policy to `alloc.rs`.

use crate::range::Range;

const NONE: u32 = u32::MAX;

/// A free range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Free {
    pub(super) range: Range,
    /// At most this many of its bytes lie in pages that are in use.
    pub(super) dirty: u64,
    /// Free, for the most part, since then.
    pub(super) since_ns: u64,
}

#[derive(Clone, Debug)]
struct Node {
    free: Free,
    priority: u64,
    left: u32,
    right: u32,
    /// The longest range of the subtree, in bytes and in bytes of whole pages.
    longest: [u64; 2],
}

#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    vacant: Vec<u32>,
    root: u32,
    page: u64,
}

impl Tree {
    pub(super) fn new(page: u64) -> Tree {
        Tree {
            nodes: Vec::new(),
            vacant: Vec::new(),
            root: NONE,
            page,
        }
    }

    /// Number of free ranges.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.vacant.len()
    }

    /// The longest free range: in bytes, or in bytes of whole pages.
    pub(super) fn longest(&self, pages: bool) -> u64 {
        self.longest_below(self.root, pages)
    }

    /// The free range with the lowest address that has `bytes` bytes, or as many in whole pages.
    pub(super) fn first_fit(&self, bytes: u64, pages: bool) -> Option<Free> {
        if self.longest(pages) < bytes {
            return None;
        }
        let mut at = self.root;
        loop {
            let node = self.node(at);
            if self.longest_below(node.left, pages) >= bytes {
                at = node.left;
            } else if self.own(node.free.range)[usize::from(pages)] >= bytes {
                return Some(node.free);
            } else {
                at = node.right;
            }
        }
    }

    /// The last free range that begins at or below `offset`.
    pub(super) fn at_or_below(&self, offset: u64) -> Option<Free> {
        let (mut at, mut found) = (self.root, None);
        while at != NONE {
            let node = self.node(at);
            if node.free.range.offset <= offset {
                found = Some(node.free);
                at = node.right;
            } else {
                at = node.left;
            }
        }
        found
    }

    /// The first free range that begins above `offset`.
    pub(super) fn above(&self, offset: u64) -> Option<Free> {
        let (mut at, mut found) = (self.root, None);
        while at != NONE {
            let node = self.node(at);
            if node.free.range.offset > offset {
                found = Some(node.free);
                at = node.left;
            } else {
                at = node.right;
            }
        }
        found
    }

    pub(super) fn insert(&mut self, free: Free) {
        let node = Node {
            free,
            priority: scramble(free.range.offset),
            left: NONE,
            right: NONE,
            longest: self.own(free.range),
        };
        let new = match self.vacant.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                (self.nodes.len() - 1) as u32
            }
        };
        self.root = self.insert_below(self.root, new);
    }

    /// Removes the free range that begins at `offset`.
    pub(super) fn remove(&mut self, offset: u64) {
        self.root = self.remove_below(self.root, offset);
    }

    /// Replaces the free range that begins at `offset` by one that lies between the same neighbours.
    pub(super) fn replace(&mut self, offset: u64, free: Free) {
        self.replace_below(self.root, offset, free);
    }

    /// All free ranges in the order of their addresses.
    pub(super) fn all(&self) -> Vec<Free> {
        let (mut all, mut path, mut at) = (Vec::with_capacity(self.len()), Vec::new(), self.root);
        while at != NONE || !path.is_empty() {
            while at != NONE {
                path.push(at);
                at = self.node(at).left;
            }
            if let Some(next) = path.pop() {
                all.push(self.node(next).free);
                at = self.node(next).right;
            }
        }
        all
    }

    fn node(&self, at: u32) -> &Node {
        &self.nodes[at as usize]
    }

    fn own(&self, range: Range) -> [u64; 2] {
        [range.len, range.whole_pages(self.page).len]
    }

    fn longest_below(&self, at: u32, pages: bool) -> u64 {
        if at == NONE {
            0
        } else {
            self.node(at).longest[usize::from(pages)]
        }
    }

    /// Sets what a node knows of its subtree from its children.
    fn update(&mut self, at: u32) {
        let node = self.node(at);
        let mut longest = self.own(node.free.range);
        for child in [node.left, node.right] {
            if child != NONE {
                let below = self.node(child).longest;
                longest = [longest[0].max(below[0]), longest[1].max(below[1])];
            }
        }
        self.nodes[at as usize].longest = longest;
    }

    fn insert_below(&mut self, at: u32, new: u32) -> u32 {
        if at == NONE {
            return new;
        }
        let key = self.node(new).free.range.offset;
        if self.node(new).priority > self.node(at).priority {
            let (left, right) = self.split(at, key);
            let node = &mut self.nodes[new as usize];
            (node.left, node.right) = (left, right);
            self.update(new);
            return new;
        }
        if key < self.node(at).free.range.offset {
            let left = self.insert_below(self.node(at).left, new);
            self.nodes[at as usize].left = left;
        } else {
            let right = self.insert_below(self.node(at).right, new);
            self.nodes[at as usize].right = right;
        }
        self.update(at);
        at
    }

    fn remove_below(&mut self, at: u32, offset: u64) -> u32 {
        if at == NONE {
            return NONE;
        }
        let Node {
            free, left, right, ..
        } = *self.node(at);
        if offset == free.range.offset {
            self.vacant.push(at);
            return self.merge(left, right);
        }
        if offset < free.range.offset {
            let left = self.remove_below(left, offset);
            self.nodes[at as usize].left = left;
        } else {
            let right = self.remove_below(right, offset);
            self.nodes[at as usize].right = right;
        }
        self.update(at);
        at
    }

    fn replace_below(&mut self, at: u32, offset: u64, new: Free) {
        if at == NONE {
            return;
        }
        let Node {
            free, left, right, ..
        } = *self.node(at);
        if offset == free.range.offset {
            self.nodes[at as usize].free = new;
        } else {
            self.replace_below(
                if offset < free.range.offset {
                    left
                } else {
                    right
                },
                offset,
                new,
            );
        }
        self.update(at);
    }

    /// Splits a subtree into what begins below `key` and the rest.
    fn split(&mut self, at: u32, key: u64) -> (u32, u32) {
        if at == NONE {
            return (NONE, NONE);
        }
        let Node {
            free, left, right, ..
        } = *self.node(at);
        if free.range.offset < key {
            let (low, high) = self.split(right, key);
            self.nodes[at as usize].right = low;
            self.update(at);
            (at, high)
        } else {
            let (low, high) = self.split(left, key);
            self.nodes[at as usize].left = high;
            self.update(at);
            (low, at)
        }
    }

    /// Merges two subtrees, the first of which lies below the second.
    fn merge(&mut self, low: u32, high: u32) -> u32 {
        if low == NONE || high == NONE {
            return if low == NONE { high } else { low };
        }
        if self.node(low).priority > self.node(high).priority {
            let right = self.merge(self.node(low).right, high);
            self.nodes[low as usize].right = right;
            self.update(low);
            low
        } else {
            let left = self.merge(low, self.node(high).left);
            self.nodes[high as usize].left = left;
            self.update(high);
            high
        }
    }
}

/// A priority that looks random and is the same in every run: the finaliser of SplitMix64.
fn scramble(offset: u64) -> u64 {
    let mut bits = offset.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
