//! What an accepted report of a worker changes.

use std::collections::BTreeSet;

use crate::defect::Defect;
use crate::error::Violation;
use crate::range::{CallId, Entry, Range, RegionId, Worker};

use super::check::{Cluster, Origin, Plan};
use super::{Block, Holds, Owner, RegionKind, Shares, State};

impl Holds {
    /// The result of a call has come, with a table of `outputs` and the arrays of the call that the worker still
    /// holds. Afterwards every output has one handle, and the call is closed. Of mutable memory that the call
    /// owned, and of mutable memory that the worker had retained and names a part of, exactly what the two
    /// lists name is alive. A failed call reports an empty table. Of a call that was cancelled meanwhile, the
    /// outputs have handles as well: the caller drops them.
    ///
    /// On a violation nothing has changed, and the call is still at the worker.
    pub fn finished(
        &mut self,
        call: CallId,
        worker: Worker,
        outputs: &[Entry],
        retained: &[Entry],
    ) -> Result<(), Violation> {
        let Plan { clusters, consumed } = self.check(call, worker, outputs, retained)?;
        if self.defects.is(Defect::ReleasesBeforeTaking) {
            self.close_read(call);
        }
        // The new holds come first: a result may consist of the arguments' memory.
        for cluster in clusters
            .iter()
            .filter(|cluster| cluster.origin != Origin::Owned)
        {
            match cluster.origin {
                Origin::Held => self.take_share(worker, cluster),
                _ => self.lend(worker, cluster),
            }
        }
        let blocks = self.consume(worker, &consumed);
        for cluster in clusters
            .iter()
            .filter(|cluster| cluster.origin == Origin::Owned)
        {
            self.put_owned(worker, cluster);
        }
        if !self.defects.is(Defect::Leaks) {
            for (region, block) in blocks {
                self.settle(region, block);
            }
        }
        self.close_read(call);
        Ok(())
    }

    /// Closes a call whose mutable memory has been dealt with.
    fn close_read(&mut self, call: CallId) {
        if let Some(open) = self.calls.get_mut(&call) {
            open.args.retain(|entry| !entry.mutable);
        }
        self.close(call);
    }

    /// More holds on the frozen piece that a cluster lies in.
    fn take_share(&mut self, worker: Worker, cluster: &Cluster) {
        let ignores = self.defects.is(Defect::IgnoresRetained);
        let Some(region) = self.regions.get_mut(&cluster.region) else {
            return;
        };
        let piece = region
            .frozen_at(cluster.range)
            .map(|(piece, _)| piece.offset);
        let Some(piece) = piece else { return };
        region.share(piece, |shares| {
            shares.handles += cluster.outputs;
            if cluster.retained > 0 && !ignores {
                *shares.retained.entry(worker).or_default() += cluster.retained;
            }
        });
        if cluster.retained > 0 && !ignores {
            self.retained.insert((worker, cluster.region, piece));
        }
        self.count_entries(worker, cluster);
    }

    /// Memory of the worker's arena becomes known, alone or together with what it overlaps.
    fn lend(&mut self, worker: Worker, cluster: &Cluster) {
        let (id, mut range) = (cluster.region, cluster.range);
        let born = self.next_birth();
        let mut block = Block {
            len: 0,
            born,
            entries: 0,
            pieces: 0,
            shared: !cluster.mutable,
        };
        let mut shares = Shares::default();
        if !cluster.mutable {
            while let Some(old) = self
                .regions
                .get(&id)
                .and_then(|region| region.block_in(range))
            {
                let old = old.0;
                self.absorb(id, old.offset, &mut block, &mut shares);
                range = Range::between(range.offset.min(old.offset), range.end().max(old.end()));
            }
        }
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        region.put_block(
            range.offset,
            Block {
                len: range.len,
                ..block
            },
        );
        self.retained.extend(
            shares
                .retained
                .keys()
                .map(|&worker| (worker, id, range.offset)),
        );
        if cluster.mutable {
            region.put_piece(range, State::Mutable(Owner::Coordinator));
            self.count_entries(worker, cluster);
        } else {
            region.put_piece(range, State::Frozen(shares));
            self.take_share(worker, cluster);
        }
    }

    /// Removes a lent block, and adds all that there was to a new one.
    fn absorb(&mut self, id: RegionId, start: u64, block: &mut Block, shares: &mut Shares) {
        let born = self
            .regions
            .get(&id)
            .and_then(|region| Some(region.blocks.get(&start)?.born));
        self.disinherit(id, start, born.unwrap_or(0));
        let Some(region) = self.regions.get_mut(&id) else {
            return;
        };
        if let Some(State::Frozen(old)) = region.take_piece(start).map(|piece| piece.state) {
            for (worker, count) in old.retained {
                *shares.retained.entry(worker).or_default() += count;
                self.retained.remove(&(worker, id, start));
            }
            if self.defects.is(Defect::LosesHandles) {
                shares.handles = 0;
            }
            shares.handles += old.handles;
            shares.calls += old.calls;
        }
        if let Some(old) = region.take_block(start) {
            block.entries += old.entries;
            block.born = block.born.min(old.born);
        }
    }

    /// Removes mutable pieces of the call and of the worker. Returns the blocks that they lay in.
    fn consume(
        &mut self,
        worker: Worker,
        consumed: &BTreeSet<(RegionId, u64)>,
    ) -> BTreeSet<(RegionId, u64)> {
        let mut blocks = BTreeSet::new();
        for &(id, start) in consumed {
            let Some(region) = self.regions.get_mut(&id) else {
                continue;
            };
            region.take_piece(start);
            blocks.extend(region.block_at(start).map(|(block, _)| (id, block.offset)));
            self.retained.remove(&(worker, id, start));
        }
        blocks
    }

    /// A part of memory that the call or the worker owned.
    fn put_owned(&mut self, worker: Worker, cluster: &Cluster) {
        let Some(region) = self.regions.get_mut(&cluster.region) else {
            return;
        };
        if cluster.mutable {
            region.put_piece(cluster.range, State::Mutable(Owner::Coordinator));
            self.retain_mutable(worker, cluster);
            self.count_entries(worker, cluster);
        } else {
            region.put_piece(cluster.range, State::Frozen(Shares::default()));
            self.take_share(worker, cluster);
        }
    }

    /// A mutable piece stays with the worker, unless it is a result.
    fn retain_mutable(&mut self, worker: Worker, cluster: &Cluster) {
        if cluster.retained > 0
            && let Some(region) = self.regions.get_mut(&cluster.region)
        {
            region.change(cluster.range.offset, |state| {
                *state = State::Mutable(Owner::Worker(worker))
            });
            self.retained
                .insert((worker, cluster.region, cluster.range.offset));
        }
    }

    /// Counts by how many entries the arena's own worker has lent a block.
    fn count_entries(&mut self, worker: Worker, cluster: &Cluster) {
        let Some(region) = self.regions.get_mut(&cluster.region) else {
            return;
        };
        if region.kind != RegionKind::Worker(worker) {
            return;
        }
        if let Some((_, block)) = region.blocks.range_mut(..=cluster.range.offset).next_back() {
            block.entries += cluster.outputs;
        }
    }
}
