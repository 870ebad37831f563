//! How much a component becomes when its instances are unfolded.
//!
//! Compiling lays out each instance of a component for itself, those of the components inside of it
//! too. One that instantiates another twice, which does the same with a third, and so on, has a
//! thousand bytes and unfolds into more instances than there is memory for. What it comes to can be
//! told from its sections alone, before anything is laid out.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, FromReader, Instance, Parser, Payload, SectionLimited,
};

/// The most definitions that a component may unfold into: instances, what they are given, functions
/// and aliases. The largest guests in use, those with an interpreter, have a few thousand.
const MOST: u64 = 200_000;

/// Why a component is not unfolded.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnfoldError {
    /// It is no component.
    #[error("{0}")]
    Malformed(#[from] BinaryReaderError),
    /// There is too much in it.
    #[error("it unfolds into more than {MOST} instances, functions and aliases")]
    TooLarge,
    /// It instantiates what it is given by others. No toolchain makes such guests, and what they
    /// come to cannot be told in advance.
    #[error("it instantiates a component that it imports, or takes out of an instance")]
    Foreign,
}

/// A component that is being read.
#[derive(Default)]
struct Frame {
    /// What it unfolds into, as far as it was read.
    weight: u64,
    /// What the components unfold into that it knows; `None` for those that others give it.
    components: Vec<Option<u64>>,
}

/// What is open around a place in the bytes.
enum Open {
    Component(Frame),
    /// What is in a module is not unfolded.
    Module,
}

/// Checks what a component unfolds into.
///
/// # Errors
/// [`UnfoldError`].
pub(super) fn check(component: &[u8]) -> Result<(), UnfoldError> {
    let mut open = vec![Open::Component(Frame::default())];
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ComponentSection { .. } => open.push(Open::Component(Frame::default())),
            Payload::ModuleSection { .. } => open.push(Open::Module),
            Payload::End(_) => {
                let ended = open.pop();
                if let (Some(Open::Component(ended)), Some(frame)) = (ended, innermost(&mut open)) {
                    frame.components.push(Some(ended.weight));
                }
            }
            payload => section(&mut open, &payload)?,
        }
        if innermost(&mut open).is_some_and(|frame| frame.weight > MOST) {
            return Err(UnfoldError::TooLarge);
        }
    }
    Ok(())
}

fn innermost(open: &mut [Open]) -> Option<&mut Frame> {
    match open.last_mut()? {
        Open::Component(frame) => Some(frame),
        Open::Module => None,
    }
}

/// Adds what a section of a component defines.
fn section(open: &mut [Open], payload: &Payload<'_>) -> Result<(), UnfoldError> {
    if let Payload::ComponentAliasSection(section) = payload {
        for alias in section.clone() {
            let known = aliased(open, &alias?);
            add(open, 1, known);
        }
        return Ok(());
    }
    let Some(frame) = innermost(open) else {
        return Ok(());
    };
    match payload {
        Payload::InstanceSection(section) => {
            for instance in section.clone() {
                frame.add(match instance? {
                    Instance::Instantiate { args, .. } => args.len(),
                    Instance::FromExports(exports) => exports.len(),
                });
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone() {
                frame.instantiate(&instance?)?;
            }
        }
        Payload::ComponentCanonicalSection(section) => frame.count(section),
        Payload::ComponentStartSection { .. } => frame.add(0),
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                frame.define(import?.ty.kind(), None);
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                let export = export?;
                let exported = frame.known(export.index);
                frame.define(export.kind, exported);
            }
        }
        // Types, code, and what is not part of a component's own definitions.
        _ => {}
    }
    Ok(())
}

/// What an alias stands for, if that is a component: what it unfolds into, if that is known.
fn aliased(open: &[Open], alias: &ComponentAlias<'_>) -> Option<Option<u64>> {
    match alias {
        ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Component,
            count,
            index,
        } => {
            let outward = usize::try_from(*count).ok()?;
            let at = open.len().checked_sub(outward.checked_add(1)?);
            Some(match at.and_then(|at| open.get(at)) {
                Some(Open::Component(frame)) => frame.known(*index),
                Some(Open::Module) | None => None,
            })
        }
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Component,
            ..
        } => Some(None),
        ComponentAlias::Outer { .. }
        | ComponentAlias::InstanceExport { .. }
        | ComponentAlias::CoreInstanceExport { .. } => None,
    }
}

/// Adds a definition, and the component that it is, if it is one.
fn add(open: &mut [Open], weight: u64, component: Option<Option<u64>>) {
    if let Some(frame) = innermost(open) {
        frame.weight = frame.weight.saturating_add(weight);
        frame.components.extend(component);
    }
}

impl Frame {
    /// Adds a definition with so many parts.
    fn add(&mut self, parts: usize) {
        let parts = u64::try_from(parts).unwrap_or(u64::MAX).saturating_add(1);
        self.weight = self.weight.saturating_add(parts);
    }

    fn count<'a, T: FromReader<'a>>(&mut self, section: &SectionLimited<'a, T>) {
        self.weight = self.weight.saturating_add(u64::from(section.count()));
    }

    fn define(&mut self, kind: ComponentExternalKind, component: Option<u64>) {
        self.add(0);
        if kind == ComponentExternalKind::Component {
            self.components.push(component);
        }
    }

    fn known(&self, index: u32) -> Option<u64> {
        let index = usize::try_from(index).ok()?;
        self.components.get(index).copied().flatten()
    }

    fn instantiate(&mut self, instance: &ComponentInstance<'_>) -> Result<(), UnfoldError> {
        match instance {
            ComponentInstance::Instantiate {
                component_index,
                args,
            } => {
                let weight = self.known(*component_index).ok_or(UnfoldError::Foreign)?;
                self.add(args.len());
                self.weight = self.weight.saturating_add(weight);
            }
            ComponentInstance::FromExports(exports) => self.add(exports.len()),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), UnfoldError> {
        check(&wat::parse_str(text).unwrap())
    }

    /// Components, each of which instantiates the one before it so many times.
    fn nested(levels: u32, times: usize) -> String {
        let mut text = "(component $c0)".to_owned();
        for level in 1..=levels {
            let below = format!("(instance (instantiate $c{}))", level - 1).repeat(times);
            text = format!("(component $c{level} {text} {below})");
        }
        format!("(component {text} (instance (instantiate $c{levels})))")
    }

    #[test]
    fn what_unfolds_into_too_much_is_told_before_it_does() {
        assert!(checked(&nested(10, 2)).is_ok());
        for text in [nested(40, 2), nested(3, 100)] {
            let error = checked(&text).unwrap_err();
            assert!(matches!(error, UnfoldError::TooLarge), "{error}");
        }
        // Through aliases and exports of components, too.
        let mut text = "(component $c0)".to_owned();
        for level in 1..60 {
            let below = level - 1;
            text.push_str(&format!(
                r#"(component $c{level}
                     (alias outer 1 $c{below} (component $below))
                     (export $again "again" (component $below))
                     (instance (instantiate $below)) (instance (instantiate $again)))"#
            ));
        }
        let error = checked(&format!("(component {text})")).unwrap_err();
        assert!(matches!(error, UnfoldError::TooLarge), "{error}");
    }

    #[test]
    fn what_others_give_is_not_instantiated() {
        for text in [
            r#"(component (import "c" (component $c)) (instance (instantiate $c)))"#,
            r#"(component (import "i" (instance $i (export "c" (component))))
                 (alias export $i "c" (component $c)) (instance (instantiate $c)))"#,
        ] {
            let error = checked(text).unwrap_err();
            assert!(matches!(error, UnfoldError::Foreign), "{error}");
        }
    }

    #[test]
    fn what_is_no_component_is_malformed() {
        for bytes in [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0\x0a\xff"] {
            let error = check(bytes).unwrap_err();
            assert!(matches!(error, UnfoldError::Malformed(_)), "{error}");
        }
    }
}
