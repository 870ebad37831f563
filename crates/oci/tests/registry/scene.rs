//! Packages, signed by somebody who is trusted.

use std::fs;
use std::path::PathBuf;

use jackfield_registry::discovery::{Package, PackageLimits};
use jackfield_registry::trust::{
    PackageSignatures, SIGNATURE_FILE, SecretKey, Signatures, SignedPackage, TrustRules,
};
use tempfile::TempDir;

pub(crate) struct Scene {
    folder: TempDir,
    key: SecretKey,
    /// Rules that trust `acme`, who signs here.
    pub(crate) rules: TrustRules,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let key = SecretKey::generate().unwrap();
        let mut rules = TrustRules::new(Signatures::Required);
        let acme = "acme".parse().unwrap();
        rules.trust(&acme, key.public_key(), &[]).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            key,
            rules,
        }
    }

    /// Where things are pulled to.
    pub(crate) fn target(&self) -> PathBuf {
        let target = self.folder.path().join("pulled");
        fs::create_dir_all(&target).unwrap();
        target
    }

    /// The names of what is in the folder that things are pulled to.
    pub(crate) fn pulled(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.target())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// `acme/slugify` in a version, as a folder that nobody signed.
    pub(crate) fn unsigned(&self, version: &str, content: &str) -> Package {
        let folder = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        let manifest = format!(
            "id = \"acme/slugify\"\nversion = \"{version}\"\ncontract = \"0.1\"\nentry = \"plugin.wasm\"\ndescription = \"Makes slugs.\"\nlicense = \"MIT\"\n\n[[nodeTypes]]\nnodeType = \"acme/slugify\"\nversion = \"{version}\"\ncategory = \"text\"\ndescription = \"Makes a slug.\"\n"
        );
        fs::write(folder.join("plugin.toml"), manifest).unwrap();
        fs::write(folder.join("plugin.wasm"), content).unwrap();
        Package::open(&folder, &PackageLimits::default()).unwrap()
    }

    /// The same, signed.
    pub(crate) fn signed(&self, version: &str, content: &str) -> Package {
        let package = self.unsigned(version, content);
        let statement = SignedPackage {
            plugin: package.id(),
            version: package.version(),
            digest: package.digest(),
        };
        let mut signatures = PackageSignatures::default();
        signatures.sign(&statement, &self.key).unwrap();
        let file = package.path().join(SIGNATURE_FILE);
        fs::write(file, signatures.to_text()).unwrap();
        Package::open(package.path(), &PackageLimits::default()).unwrap()
    }
}
