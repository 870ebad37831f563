//! Every public call that takes a tenant, or belongs to one, is tried by the suite: whoever adds one
//! is reminded of it here.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jackfield_testkit::isolation::covered_calls;
use syn::visit::{self, Visit};
use syn::{ImplItem, Item, Signature, TraitItem, Type, Visibility};

/// The crates that know tenants.
const CRATES: [&str; 3] = ["engine", "registry", "tenancy"];

/// The handles of a tenant: all that they can do counts.
const HANDLES: [&str; 6] = [
    "RunningExecution",
    "Tenant",
    "TenantAdmission",
    "TenantAudit",
    "TenantCatalog",
    "TenantEngine",
];

/// What a call is given that says whose it is.
const SAYS_WHOSE: [&str; 5] = [
    "CatalogView",
    "IsolationContext",
    "NodeCall",
    "Tenant",
    "TenantId",
];

/// Calls that the suite leaves out, and why.
const LEFT_OUT: [(&str, &str); 5] = [
    (
        "Admission::tenant",
        "each `Tenant` is made with it, and is tried",
    ),
    (
        "PolicyReader::tenant",
        "says whose a document has to be; reads nothing of a tenant's",
    ),
    (
        "TenantCatalog::find",
        "node types are everybody's; who may use them is `refusal`",
    ),
    (
        "SecretError::missing",
        "is told whose secret and which, and says just that",
    ),
    (
        "StaticSecrets::from_map",
        "is told the secrets, and gives none",
    ),
];

#[derive(Default)]
struct Calls(BTreeSet<String>);

/// Finds names in types.
struct Names<'a> {
    wanted: &'a [&'a str],
    is_found: bool,
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        self.is_found |= self.wanted.iter().any(|wanted| ident == wanted);
    }
}

fn says_whose(signature: &Signature) -> bool {
    let mut names = Names {
        wanted: &SAYS_WHOSE,
        is_found: false,
    };
    for input in &signature.inputs {
        visit::visit_fn_arg(&mut names, input);
    }
    names.is_found
}

fn name_of(named: &Type) -> Option<String> {
    match named {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

impl Calls {
    fn read(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Impl(block) => self.read_impl(block),
                Item::Trait(the_trait) if is_public(&the_trait.vis) => {
                    for item in &the_trait.items {
                        if let TraitItem::Fn(call) = item
                            && says_whose(&call.sig)
                        {
                            self.add(&the_trait.ident.to_string(), &call.sig);
                        }
                    }
                }
                Item::Fn(function) if is_public(&function.vis) && says_whose(&function.sig) => {
                    self.0.insert(function.sig.ident.to_string());
                }
                _ => {}
            }
        }
    }

    fn read_impl(&mut self, block: &syn::ItemImpl) {
        let Some(name) = name_of(&block.self_ty) else {
            return;
        };
        let is_handle = HANDLES.contains(&name.as_str());
        // Of the traits, just the catalog gives a handle more to do; it is public as the trait is.
        let of_trait = block
            .trait_
            .as_ref()
            .and_then(|(_, path, _)| path.segments.last());
        let is_catalog = of_trait.is_some_and(|segment| segment.ident == "Catalog");
        for item in &block.items {
            let ImplItem::Fn(call) = item else { continue };
            let counts = match of_trait {
                Some(_) => is_handle && is_catalog,
                None => is_public(&call.vis) && (is_handle || says_whose(&call.sig)),
            };
            if counts {
                self.add(&name, &call.sig);
            }
        }
    }

    fn add(&mut self, of: &str, call: &Signature) {
        self.0.insert(format!("{of}::{}", call.ident));
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it lists");
    entries
        .flat_map(|entry| {
            let path = entry.expect("it lists").path();
            if path.is_dir() {
                return sources(&path);
            }
            let is_source = path.extension().is_some_and(|extension| extension == "rs");
            is_source.then_some(path).into_iter().collect()
        })
        .collect()
}

/// The public calls of the crates.
fn public_calls() -> BTreeSet<String> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut calls = Calls::default();
    for name in CRATES {
        for path in sources(&crates.join(name).join("src")) {
            let text = fs::read_to_string(&path).expect("it reads");
            let file = syn::parse_file(&text);
            let file = file.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            calls.read(&file.items);
        }
    }
    calls.0
}

#[test]
fn every_public_call_of_a_tenant_is_tried() {
    let covered: BTreeSet<_> = covered_calls().map(str::to_owned).collect();
    let left_out: BTreeSet<_> = LEFT_OUT
        .iter()
        .map(|(call, _)| (*call).to_owned())
        .collect();
    let known: BTreeSet<_> = covered.union(&left_out).cloned().collect();
    let public = public_calls();
    let untried: Vec<_> = public.difference(&known).collect();
    assert!(
        untried.is_empty(),
        "no attempt in `crates/testkit/src/isolation` goes through {untried:?}"
    );
    let gone: Vec<_> = known.difference(&public).collect();
    assert!(gone.is_empty(), "there is no call such as {gone:?}");
}

#[test]
fn a_call_that_is_added_is_noticed() {
    let added = "
        impl TenantEngine { pub fn export(&self) {} pub(crate) fn inner(&self) {} }
        impl Registry { pub fn drop_all(&self, of: &TenantId) {} pub fn clear(&self) {} }
        pub trait Source { fn load(&self, tenant: &Option<TenantId>); fn close(&self); }
        pub fn peek(tenants: &[Tenant]) {}
    ";
    let mut calls = Calls::default();
    calls.read(&syn::parse_file(added).expect("it parses").items);
    let found: Vec<_> = calls.0.iter().map(String::as_str).collect();
    assert_eq!(
        found,
        [
            "Registry::drop_all",
            "Source::load",
            "TenantEngine::export",
            "peek"
        ]
    );
}
