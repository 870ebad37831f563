//! Editions: which registrations an execution sees, whatever is reloaded while it runs.
//!
//! Each edition knows what ended it: what was taken out, what was put in, and the next edition. So
//! an old one leads to all that came later, and nothing leads back. What a plugin has in memory is
//! kept by the editions that had the plugin, and by no older one: it goes with the last execution
//! that could need it, however long others go on.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use jackfield_definition::CatalogError;
use jackfield_types::{NodeTypeId, VersionSelector};
use parking_lot::{Mutex, RwLock};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::resolution::select;
use crate::{Registration, RegistrationId, Registry};

/// What stays in memory as long as an execution may need it.
pub(crate) type Held = Arc<dyn Any + Send + Sync>;

/// What a registry provides from one reload to the next. An execution takes it when it begins, and
/// lets go of it when it ends. Cloning gives another handle to the same one.
#[derive(Clone)]
pub struct Edition {
    page: Arc<Page>,
    /// Never looked at: it is only kept.
    _seat: Arc<Seat>,
}

/// What those keep who hold an edition, and nobody else does.
#[derive(Default)]
struct Seat {
    held: Mutex<Vec<Held>>,
}

/// The edition that is current.
struct Current {
    page: Arc<Page>,
    seat: Arc<Seat>,
}

/// An edition that ended.
struct Ended {
    /// What has a lower id was there when it ended.
    bound: RegistrationId,
    seat: Weak<Seat>,
}

struct Page {
    number: u64,
    end: OnceLock<End>,
}

/// What ended an edition.
struct End {
    taken_out: Vec<Arc<Registration>>,
    put_in: Vec<RegistrationId>,
    next: Arc<Page>,
}

impl Page {
    fn new(number: u64) -> Arc<Self> {
        Arc::new(Self {
            number,
            end: OnceLock::new(),
        })
    }
}

impl Drop for Page {
    /// Goes along the chain in a loop: it can be longer than a stack is deep.
    fn drop(&mut self) {
        let mut end = self.end.take();
        while let Some(End { next, .. }) = end {
            end = Arc::into_inner(next).and_then(|mut page| page.end.take());
        }
    }
}

impl Edition {
    /// The editions that ended since, oldest first, each with what ended it.
    fn ends(&self) -> impl Iterator<Item = (u64, &End)> {
        let mut page = &self.page;
        std::iter::from_fn(move || {
            let end = page.end.get()?;
            let number = page.number;
            page = &end.next;
            Some((number, end))
        })
    }
}

impl fmt::Debug for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Edition").field(&self.page.number).finish()
    }
}

/// The editions of a registry.
pub(crate) struct Editions {
    current: ArcSwap<Current>,
    /// Those that somebody may still hold.
    ended: Mutex<Vec<Ended>>,
    /// Node types that were taken out on purpose, with the edition in which that was: nothing that
    /// was replaced before is given to anybody any more. Held for writing while an edition ends.
    withdrawn: RwLock<Withdrawn>,
}

#[derive(Default)]
struct Withdrawn {
    node_types: FxHashMap<NodeTypeId, u64>,
    everything: u64,
}

impl Withdrawn {
    fn has(&self, node_type: &NodeTypeId, edition: u64) -> bool {
        let since = self.node_types.get(node_type).copied().unwrap_or(0);
        edition < since.max(self.everything)
    }
}

impl Default for Editions {
    fn default() -> Self {
        Self {
            current: ArcSwap::from_pointee(Current {
                page: Page::new(0),
                seat: Arc::default(),
            }),
            ended: Mutex::default(),
            withdrawn: RwLock::default(),
        }
    }
}

impl Editions {
    /// Ends the current edition: executions that began before it ended go on with what is taken out
    /// here. Called by the writer of the registry; `publish` shows the next snapshot.
    pub(crate) fn end(
        &self,
        taken_out: &[Arc<Registration>],
        put_in: Vec<RegistrationId>,
        held: &[Held],
        bound: RegistrationId,
        publish: impl FnOnce(),
    ) {
        // Whoever begins now, or finds something retired, waits until all of this is done.
        let _ending = self.withdrawn.write();
        publish();
        taken_out.iter().for_each(|one| one.retire());
        let current = self.current.load_full();
        let page = &current.page;
        let next = Page::new(page.number.saturating_add(1));
        let mut ended = self.ended.lock();
        ended.retain(|one| one.seat.strong_count() > 0);
        ended.push(Ended {
            bound,
            seat: Arc::downgrade(&current.seat),
        });
        for Ended { bound, seat } in ended.iter() {
            if taken_out.iter().any(|one| one.id() < *bound)
                && let Some(seat) = seat.upgrade()
            {
                seat.held.lock().extend_from_slice(held);
            }
        }
        drop(ended);
        let end = End {
            taken_out: taken_out.to_vec(),
            put_in,
            next: Arc::clone(&next),
        };
        // Only the writer ends editions, so this one has no end yet.
        let _ = page.end.set(end);
        let next = Current {
            page: next,
            seat: Arc::default(),
        };
        drop(self.current.swap(Arc::new(next)));
    }

    /// Takes out registrations for good: from every edition, with what they replaced before.
    pub(crate) fn withdraw(&self, taken_out: &[Arc<Registration>]) {
        if taken_out.is_empty() {
            return;
        }
        let mut withdrawn = self.withdrawn.write();
        taken_out.iter().for_each(|one| one.retire());
        let page = Arc::clone(&self.current.load().page);
        if Arc::strong_count(&page) <= 2 {
            // Nobody is left who began in an earlier edition; nor will be.
            withdrawn.node_types.clear();
            return;
        }
        for one in taken_out {
            let node_type = one.node_type().clone();
            withdrawn.node_types.insert(node_type, page.number);
        }
    }

    /// Takes out everything for good.
    pub(crate) fn withdraw_all<'a>(&self, taken_out: impl Iterator<Item = &'a Arc<Registration>>) {
        let mut withdrawn = self.withdrawn.write();
        taken_out.for_each(|one| one.retire());
        withdrawn.node_types.clear();
        withdrawn.everything = self.current.load().page.number;
    }
}

impl Registry {
    /// What the registry provides now: whoever asks [`current_in`](Self::current_in) and
    /// [`resolve_in`](Self::resolve_in) with it sees no reload that comes later.
    pub fn edition(&self) -> Edition {
        let editions = &self.inner().reloads.editions;
        let _not_ending = editions.withdrawn.read();
        let current = editions.current.load();
        Edition {
            page: Arc::clone(&current.page),
            _seat: Arc::clone(&current.seat),
        }
    }

    /// What stood under the node type and version of a registration when an edition was current;
    /// what was taken out or replaced on purpose, and not by a reload, is not given any more, and
    /// what stands there now is. `None` when there is nothing.
    ///
    /// A call asks this when it starts; it costs a few nanoseconds as long as nothing changed.
    pub fn current_in(
        &self,
        edition: &Edition,
        registration: &Arc<Registration>,
    ) -> Option<Arc<Registration>> {
        if !registration.is_retired() {
            return self.current(registration);
        }
        let withdrawn = self.inner().reloads.editions.withdrawn.read();
        let versions = self.versions_in(edition, registration.node_type(), &withdrawn);
        let version = registration.version();
        versions.into_iter().find(|one| one.version() == version)
    }

    /// Finds the registration that served a node type in a wanted version when an edition was
    /// current; if none did, finds what serves it now.
    ///
    /// # Errors
    /// Those of [`resolve`](Self::resolve).
    pub fn resolve_in(
        &self,
        edition: &Edition,
        node_type: &NodeTypeId,
        wanted: &VersionSelector,
    ) -> Result<Arc<Registration>, CatalogError> {
        let withdrawn = self.inner().reloads.editions.withdrawn.read();
        if edition.page.end.get().is_some() {
            let versions = self.versions_in(edition, node_type, &withdrawn);
            if let Some(found) = select(&versions, wanted) {
                return Ok(Arc::clone(found));
            }
        }
        self.resolve(node_type, wanted)
    }

    /// The versions of a node type that an edition has, newest first.
    fn versions_in(
        &self,
        edition: &Edition,
        node_type: &NodeTypeId,
        withdrawn: &Withdrawn,
    ) -> Vec<Arc<Registration>> {
        let mut came_later = FxHashSet::default();
        let mut versions = Vec::new();
        for (number, end) in edition.ends() {
            if !withdrawn.has(node_type, number) {
                let taken_out = end.taken_out.iter();
                let of_edition = taken_out.filter(|one| {
                    one.node_type() == node_type
                        && !came_later.contains(&one.id())
                        && !one.is_lost()
                });
                versions.extend(of_edition.cloned());
                came_later.extend(end.put_in.iter().copied());
            }
        }
        let here = self.versions(node_type.as_str()).into_iter();
        versions.extend(here.filter(|one| !came_later.contains(&one.id())));
        versions.sort_by(|a, b| b.version().cmp(a.version()));
        versions
    }
}
