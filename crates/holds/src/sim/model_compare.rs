//! Compares the whole state of `holds` with the model.

use std::collections::BTreeSet;

use crate::{Holder, Holds, Piece, Range, Usage};

use super::model::{CELL, Cells, Held, Model, runs};

impl Model {
    /// Compares everything that `holds` has with the model.
    pub(super) fn compare(&self, holds: &Holds) -> Result<(), String> {
        for (&id, region) in &self.regions {
            let blocks: Vec<Range> = runs(&region.block)
                .into_iter()
                .map(|(range, _)| range)
                .collect();
            let found: Vec<Range> = holds.blocks(id).collect();
            if blocks != found {
                return Err(format!(
                    "blocks of {id:?}: expected {blocks:?}, found {found:?}"
                ));
            }
            let pieces: Vec<Piece> = runs(&region.piece)
                .into_iter()
                .map(|(range, n)| self.piece(range, n))
                .collect();
            let found: Vec<Piece> = holds.pieces(id).collect();
            if pieces != found {
                return Err(format!(
                    "pieces of {id:?}: expected {pieces:?}, found {found:?}"
                ));
            }
            let (expected, found) = (self.usage(region), holds.usage(id));
            if found != Some(expected) {
                return Err(format!(
                    "usage of {id:?}: expected {expected:?}, found {found:?}"
                ));
            }
        }
        Ok(())
    }

    fn piece(&self, range: Range, number: u32) -> Piece {
        let holder = match self.pieces[&number].clone() {
            Held::Handle => Holder::Handle,
            Held::Call(call) => Holder::Call(call),
            Held::Worker(worker) => Holder::Worker(worker),
            Held::Shared {
                handles,
                calls,
                retained,
            } => Holder::Shared {
                handles,
                calls,
                retained: retained.into_iter().collect(),
            },
        };
        Piece { range, holder }
    }

    fn usage(&self, region: &Cells) -> Usage {
        let mut usage = Usage {
            size: region.bytes,
            ..Usage::default()
        };
        let held: BTreeSet<u32> = region
            .block
            .iter()
            .zip(&region.piece)
            .filter(|&(_, &piece)| piece != 0)
            .map(|(&block, _)| block)
            .collect();
        for (&block, piece) in region
            .block
            .iter()
            .zip(&region.piece)
            .filter(|&(&block, _)| block != 0)
        {
            *match self.pieces.get(piece) {
                Some(Held::Handle) => &mut usage.handles,
                Some(Held::Call(_)) => &mut usage.calls,
                Some(Held::Worker(_)) => &mut usage.retained,
                Some(Held::Shared { handles: 1.., .. }) => &mut usage.handles,
                Some(Held::Shared { calls: 1.., .. }) => &mut usage.calls,
                Some(Held::Shared { .. }) => &mut usage.retained,
                None if held.contains(&block) => &mut usage.rest,
                None => &mut usage.inherited,
            } += CELL;
        }
        usage
    }
}
