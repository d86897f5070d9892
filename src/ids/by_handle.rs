//! A map by handle, small for a few handles.

/// Names a handle within its sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandleId(pub(super) u64);

/// Values by handle, sorted: most sequences have one handle, and a process may have thousands of
/// them.
#[derive(Debug)]
pub(super) struct ByHandle<T>(Vec<(HandleId, T)>);

impl<T> Default for ByHandle<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByHandle<T> {
    /// Adds a value. Handles are numbered in the order of their making, so it belongs at the end.
    pub fn push(&mut self, id: HandleId, value: T) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last < id));
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.push((id, value));
    }

    pub fn get(&self, id: HandleId) -> Option<&T> {
        self.at(id).map(|at| &self.0[at].1)
    }

    pub fn get_mut(&mut self, id: HandleId) -> Option<&mut T> {
        self.at(id).map(|at| &mut self.0[at].1)
    }

    pub fn remove(&mut self, id: HandleId) -> Option<T> {
        self.at(id).map(|at| self.0.remove(at).1)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ids(&self) -> Vec<HandleId> {
        self.0.iter().map(|(id, _)| *id).collect()
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    fn at(&self, id: HandleId) -> Option<usize> {
        self.0.binary_search_by_key(&id, |(id, _)| *id).ok()
    }
}
