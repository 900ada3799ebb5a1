//! Memory, tables and instances of one store, summed: `wasmtime::StoreLimits`
//! holds each memory alone to the limit, and a component may have several.

use wasmtime::ResourceLimiter;

use crate::{Limits, Reason};

/// Ends a call from inside of a host function or the allocator. It is the error
/// of the trap, and is read back from it.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the limit `{0}` was hit")]
pub(crate) struct LimitHit(pub(crate) Reason);

#[derive(Debug)]
pub(crate) struct Limiter {
    memory_limit: u64,
    memory: u64,
    peak_memory: u64,
    table_limit: u64,
    table_elements: u64,
    instances: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory,
            memory: 0,
            peak_memory: 0,
            table_limit: limits.table_elements,
            table_elements: 0,
            instances: limits.instances as usize,
        }
    }

    /// The most bytes that all memories of the store had together.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.peak_memory
    }
}

/// The new sum when a part grows from `current` to `desired`, if within `limit`.
fn grown(sum: u64, current: usize, desired: usize, limit: u64) -> Option<u64> {
    let sum = sum.checked_add(desired.saturating_sub(current) as u64)?;
    (sum <= limit).then_some(sum)
}

impl ResourceLimiter for Limiter {
    /// Traps past the limit, where WebAssembly would let the guest see a failed
    /// growth: a guest's allocator turns that into an abort without a reason.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory = grown(self.memory, current, desired, self.memory_limit).ok_or(LimitHit(Reason::Memory))?;
        self.peak_memory = self.peak_memory.max(self.memory);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements =
            grown(self.table_elements, current, desired, self.table_limit).ok_or(LimitHit(Reason::Tables))?;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.instances
    }
}
