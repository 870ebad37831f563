//! Whose plugins are taken: keys, signatures, and the rules of an instance about them.
//!
//! A package is signed by a file in it, [`SIGNATURE_FILE`], that its manifest does not list. What is
//! signed is [`SignedPackage`]: the id, the version and the digest of the package, which covers every
//! other file. So a signature can be checked before a component is read, and holds for one package
//! and for nothing else that was ever signed with the same key.
//!
//! [`TrustRules`] say which publishers an instance trusts, with which keys and for which plugins;
//! nothing is trusted that they do not name. Which of those a tenant trusts is said by its policy
//! (`trustedPublishers`), and enforced where its node types are authorized.
//!
//! Keys are made from the system's randomness and kept in files that only their owner may read.
//! Nothing here goes to the network.

mod error;
mod key;
mod key_folder;
mod publisher;
mod rules;
mod rules_document;
mod scope;
mod sign;
mod signature;

pub use error::{KeyError, SignatureFileError, TrustError, TrustRulesError};
pub use key::{PublicKey, PublicKeyError, SecretKey};
pub use key_folder::{KeyFolder, KeyPair};
pub use publisher::{PublisherName, PublisherNameError, UNSIGNED};
pub use rules::{Signatures, TrustRules};
pub use scope::{Scope, ScopeError};
pub use sign::{SignError, sign_package};
pub use signature::{PackageSignatures, SIGNATURE_FILE, Signature, SignedPackage};
